"""What training and previews do with predicted vertex colours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nr3d.geometry.mesh import Mesh
from nr3d.losses import color_loss
from nr3d.renderer import NeuralRenderer, VertexColors


def check_colors(*, predicts: bool, weight: float) -> None:
    """Check that a model which predicts colours learns them, and only such a model.

    Raises:
        ValueError: If not, naming both keys of the configuration.
    """
    if weight > 0 and not predicts:
        raise ValueError(
            f"loss.color must be 0 with a model that predicts no colours, got {weight:g}; "
            "set model.colors=true"
        )
    if predicts and weight == 0:
        raise ValueError(
            "loss.color must be above 0 with model.colors=true, which would never learn, got 0; "
            "set loss.color=1.0"
        )


def color_renderer(renderer: nn.Module) -> NeuralRenderer:
    """Give a renderer of colours with the camera and the image size of any other renderer.

    Colours need no gradient to the vertices, so one renderer serves them all, the soft one among
    them. A pixel has the colour of its centre.

    Raises:
        ValueError: If `renderer` does not say what its camera is.
    """
    names = ("image_size", "viewing_angle", "perspective")
    missing = [name for name in names if not hasattr(renderer, name)]
    if missing:
        raise ValueError(
            f"color_renderer: renderer must have {', '.join(names)} to draw colours as it draws "
            f"silhouettes, got {type(renderer).__name__} without {', '.join(missing)}; "
            "leave the loss of colours out"
        )
    camera = {name: getattr(renderer, name) for name in names}
    return NeuralRenderer(**camera, anti_aliasing=False)


def compare_colors(
    renderer: NeuralRenderer,
    mesh: Mesh,
    colors: Tensor,
    images: Tensor,
    eyes: Tensor,
    *,
    ahead: int = 1,
) -> Tensor:
    """Give the L1 distance of predicted colours to those in another view of the object.

    What view n of an object gave is drawn as view n + `ahead` shows it, beginning anew after the
    last; with two views each is the other's second. The mesh counts as fixed: colours move no
    vertex.

    Args:
        renderer: Of `color_renderer`.
        mesh: The meshes that the N views of each object gave. B * N meshes
        colors: Of their vertices, RGB in [0, 1]. [B * N, V, 3]
        images: RGB times coverage, and coverage, in [0, 1]. [B, N, 4, H, W]
        eyes: [B, N, 3]
        ahead: How many views further on.

    Returns:
        `color_loss`, a scalar; its gradient reaches `colors` and nothing else.
    """
    fixed = Mesh(mesh.vertices.detach(), mesh.faces)
    views = eyes.roll(-ahead, dims=1).flatten(0, 1)[:, None]  # [B * N, 1, 3]
    appearance = VertexColors(colors)
    drawn = renderer.render(fixed, views, outputs=("colors", "silhouettes"), appearance=appearance)
    assert drawn.colors is not None and drawn.silhouettes is not None
    predicted = torch.cat([drawn.colors[:, 0], drawn.silhouettes], dim=1)
    return color_loss(predicted, images.roll(-ahead, dims=1).flatten(0, 1).to(predicted.dtype))
