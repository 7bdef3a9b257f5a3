"""Rasterization of faces [B, F, 3, 3] to colours, alpha and depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from nr3d.checks import check_count, check_tensor
from nr3d.compat.neural_renderer.convert import Vector, as_tensor
from nr3d.renderer import Fragments, kato_edges, kato_silhouettes
from nr3d.renderer import rasterize as find_fragments
from nr3d.renderer.cubes import sample_cubes

DEFAULT_IMAGE_SIZE = 256
DEFAULT_ANTI_ALIASING = True
DEFAULT_NEAR = 0.1
DEFAULT_FAR = 100.0
DEFAULT_EPS = 1e-4
DEFAULT_BACKGROUND_COLOR = (0.0, 0.0, 0.0)

Colorize = Callable[[Fragments, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn, and how.

    Attributes:
        image_size: Side of the maps, pixels.
        near, far: Depths that limit what is drawn.
        eps: Of the edge gradient.
        background_color: RGB. [3] or [B, 3]
        fill_back: Draw backs of faces too.
        colorize: Colours of `fragments`, given projected vertices and faces, as [B, 3, S, S].
    """

    image_size: int
    near: float
    far: float
    eps: float
    background_color: Vector = DEFAULT_BACKGROUND_COLOR
    fill_back: bool = False
    colorize: Colorize | None = None


def draw_maps(
    corners: Tensor, drawing: Drawing, *, wants_alpha: bool, wants_depth: bool
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Draw corners [B, F, 3, 3]: colours [B, 3, S, S], alpha and depth [B, S, S], top row first.

    Colours are drawn where there is a `colorize`. Colours and alpha share one edge gradient, so
    that all channels of a pixel change together.
    """
    check_tensor("rasterize", "faces", corners, shape=("B", "F", 3, 3))
    check_count("rasterize", "image_size", drawing.image_size)
    vertices = corners.flatten(1, 2)
    faces = torch.arange(vertices.shape[1], device=corners.device).view(-1, 3)
    fragments = find_fragments(
        vertices,
        faces,
        image_size=drawing.image_size,
        near=drawing.near,
        far=drawing.far,
        fill_back=drawing.fill_back,
    )
    alpha = (fragments.face_index >= 0).to(vertices.dtype)[:, None]
    channels = []
    if drawing.colorize:
        background = as_tensor(drawing.background_color, like=vertices).reshape(-1, 3, 1, 1)
        colors = drawing.colorize(fragments, vertices, faces)
        channels.append(colors + background * (1 - alpha))
    if wants_alpha:
        channels.append(alpha)
    rgb_map = alpha_map = None
    if channels:
        edged = kato_edges(
            torch.cat(channels, dim=1),
            vertices,
            faces=faces,
            face_index=fragments.face_index,
            eps=drawing.eps,
        )
        rgb_map = edged[:, :3] if drawing.colorize else None
        alpha_map = edged[:, -1] if wants_alpha else None
    return rgb_map, alpha_map, fragments.depth if wants_depth else None


def cube_colors(textures: Tensor, eps: float) -> Colorize:
    """Colour fragments by texture cubes [B, F, T, T, T, 3]."""

    def colorize(fragments: Fragments, vertices: Tensor, faces: Tensor) -> Tensor:
        return sample_cubes(textures, fragments, vertices=vertices, faces=faces, eps=eps)

    return colorize


def average(image: Tensor | None) -> Tensor | None:
    """Average 2 x 2 pixels of [B, S, S] or [B, C, S, S]."""
    if image is None:
        return None
    return avg_pool2d(image, 2) if image.dim() == 4 else avg_pool2d(image[:, None], 2)[:, 0]


def rasterize_rgbad(
    faces: Tensor,
    textures: Tensor | None = None,
    image_size: int = DEFAULT_IMAGE_SIZE,
    anti_aliasing: bool = DEFAULT_ANTI_ALIASING,
    near: float = DEFAULT_NEAR,
    far: float = DEFAULT_FAR,
    eps: float = DEFAULT_EPS,
    background_color: Vector = DEFAULT_BACKGROUND_COLOR,
    return_rgb: bool = True,
    return_alpha: bool = True,
    return_depth: bool = True,
) -> dict[str, Tensor | None]:
    """Draw faces [B, F, 3, 3], projected, with texture cubes [B, F, T, T, T, 3].

    Returns:
        `rgb` [B, 3, S, S], `alpha` [B, S, S] and `depth` [B, S, S]; None for what is not asked.
    """
    colorize = None
    if return_rgb:
        if textures is None:
            raise ValueError("rasterize_rgbad: textures must be given where return_rgb is set")
        colorize = cube_colors(textures, eps)
    size = 2 * image_size if anti_aliasing else image_size
    drawing = Drawing(size, near, far, eps, background_color, colorize=colorize)
    maps = draw_maps(faces, drawing, wants_alpha=return_alpha, wants_depth=return_depth)
    if anti_aliasing:
        maps = (average(maps[0]), average(maps[1]), average(maps[2]))
    return dict(zip(("rgb", "alpha", "depth"), maps, strict=True))


def rasterize(
    faces: Tensor,
    textures: Tensor,
    image_size: int = DEFAULT_IMAGE_SIZE,
    anti_aliasing: bool = DEFAULT_ANTI_ALIASING,
    near: float = DEFAULT_NEAR,
    far: float = DEFAULT_FAR,
    eps: float = DEFAULT_EPS,
    background_color: Vector = DEFAULT_BACKGROUND_COLOR,
) -> Tensor:
    """Draw colours [B, 3, S, S]; see `rasterize_rgbad`."""
    image = rasterize_rgbad(
        faces,
        textures,
        image_size,
        anti_aliasing,
        near,
        far,
        eps,
        background_color,
        True,
        False,
        False,
    )["rgb"]
    assert image is not None
    return image


def rasterize_silhouettes(
    faces: Tensor,
    image_size: int = DEFAULT_IMAGE_SIZE,
    anti_aliasing: bool = DEFAULT_ANTI_ALIASING,
    near: float = DEFAULT_NEAR,
    far: float = DEFAULT_FAR,
    eps: float = DEFAULT_EPS,
) -> Tensor:
    """Draw alpha [B, S, S] of projected faces [B, F, 3, 3]."""
    check_tensor("rasterize_silhouettes", "faces", faces, shape=("B", "F", 3, 3))
    vertices = faces.flatten(1, 2)
    return kato_silhouettes(
        vertices,
        torch.arange(vertices.shape[1], device=faces.device).view(-1, 3),
        image_size=image_size,
        anti_aliasing=anti_aliasing,
        near=near,
        far=far,
        eps=eps,
        fill_back=False,
    )


def rasterize_depth(
    faces: Tensor,
    image_size: int = DEFAULT_IMAGE_SIZE,
    anti_aliasing: bool = DEFAULT_ANTI_ALIASING,
    near: float = DEFAULT_NEAR,
    far: float = DEFAULT_FAR,
    eps: float = DEFAULT_EPS,
) -> Tensor:
    """Draw depth [B, S, S] of projected faces [B, F, 3, 3], `far` where there is none."""
    image = rasterize_rgbad(
        faces,
        None,
        image_size,
        anti_aliasing,
        near,
        far,
        eps,
        DEFAULT_BACKGROUND_COLOR,
        False,
        False,
        True,
    )["depth"]
    assert image is not None
    return image


class Rasterize(nn.Module):
    """The maps as the rasterizer makes them: bottom row first, not averaged, channels last.

    `forward(faces [B, F, 3, 3], textures)` gives (rgb [B, S, S, 3], alpha [B, S, S], depth
    [B, S, S]); what was not asked for is an empty tensor.
    """

    def __init__(
        self,
        image_size: int,
        near: float,
        far: float,
        eps: float,
        background_color: Vector,
        return_rgb: bool = False,
        return_alpha: bool = False,
        return_depth: bool = False,
    ) -> None:
        super().__init__()
        if not (return_rgb or return_alpha or return_depth):
            raise ValueError("Rasterize: one of return_rgb, return_alpha, return_depth must be set")
        self.image_size = image_size
        self.near = near
        self.far = far
        self.eps = eps
        self.background_color = background_color
        self.return_rgb = return_rgb
        self.return_alpha = return_alpha
        self.return_depth = return_depth

    def forward(self, faces: Tensor, textures: Tensor | None = None) -> tuple[Any, Any, Any]:
        """Draw projected faces."""
        maps = rasterize_rgbad(
            faces,
            textures,
            self.image_size,
            False,
            self.near,
            self.far,
            self.eps,
            self.background_color,
            self.return_rgb,
            self.return_alpha,
            self.return_depth,
        )
        rgb, alpha, depth = (maps[name] for name in ("rgb", "alpha", "depth"))
        nothing = faces.new_empty(0)
        return (
            nothing if rgb is None else rgb.flip(2).permute(0, 2, 3, 1),
            nothing if alpha is None else alpha.flip(1),
            nothing if depth is None else depth.flip(1),
        )


def use_unsafe_rasterizer(flag: bool) -> None:
    """Do nothing: there is one rasterizer, and it is safe and fast."""
