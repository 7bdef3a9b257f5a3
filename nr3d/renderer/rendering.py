"""Several images from one rasterization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from nr3d.checks import check_tensor, format_shape
from nr3d.geometry.normals import face_normals, vertex_normals
from nr3d.renderer.appearance import Appearance, of_all_views
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.lights import Lights, Vector, check_vectors
from nr3d.renderer.rasterize import Fragments

OUTPUTS = ("colors", "silhouettes", "depth", "normals")


@dataclass(frozen=True)
class Rendering:
    """N views of each of B meshes; what was not asked for is None. Row 0 is the top.

    Attributes:
        colors: RGB. [B, N, 3, H, W]
        silhouettes: Coverage in [0, 1]. [B, N, H, W]
        depth: In scene units, `far` where there is nothing; anti-aliasing blends both at outlines.
            [B, N, H, W]
        normals: Unit vectors in the mesh frame, on the side that is seen; 0 where there is nothing.
            Their gradient to the vertices is exact for the normals of the corners that a pixel
            interpolates; where on its face the pixel looks counts as fixed, and edges give none.
            So it is not the whole derivative, and none reaches the camera. [B, N, 3, H, W]
        fragments: What is seen at every pixel before anti-aliasing. View n of mesh b is row
            b N + n. [B N, ...]
    """

    fragments: Fragments
    colors: Tensor | None = None
    silhouettes: Tensor | None = None
    depth: Tensor | None = None
    normals: Tensor | None = None


@dataclass(frozen=True)
class Scene:
    """What is drawn.

    Attributes:
        vertices: In the mesh frame. [B, V, 3]
        faces: [F, 3]
        projected: [B N, V, 3]
        fragments: Of `projected`.
        appearance: Colours of the mesh; white when absent.
        lights: Light on it; colours as they are when absent.
        is_smooth: Light by interpolated vertex normals, else by the normals of faces.
        background: RGB. [3] or [B or 1, 3]
        is_right_handed: Whether a camera of a right-handed world projected; else `face_normals`
            point to the eye from where it sees the front of a face.
    """

    vertices: Tensor
    faces: Tensor
    projected: Tensor
    fragments: Fragments
    appearance: Appearance | None
    lights: Lights | None
    is_smooth: bool
    background: Vector
    is_right_handed: bool = False

    @property
    def alpha(self) -> Tensor:
        """Whether there is a face: 1 or 0. [B N, 1, H, W]"""
        return (self.fragments.face_index >= 0).to(self.projected.dtype)[:, None]

    @property
    def num_views(self) -> int:
        """N, the number of views of each mesh."""
        return self.projected.shape[0] // self.vertices.shape[0]


def draw(
    scene: Scene,
    outputs: Sequence[str],
    *,
    edges: Callable[[Tensor, Scene], Tensor],
    coverage: Callable[[Scene], Tensor],
    resample: Callable[[Tensor], Tensor],
) -> Rendering:
    """Draw the outputs; colours and silhouettes share one edge gradient.

    Args:
        scene: What is drawn, rasterized.
        outputs: Some of OUTPUTS.
        edges: Gives an image [B N, C, H, W] its gradient to the vertices.
        coverage: Draws silhouettes with it, anti-aliased, where no other image is to share it.
        resample: Turns what was drawn [M, C, H', W'] into the images [M, C, H, W].
    """
    images: dict[str, Tensor] = {}
    if "normals" in outputs:
        images["normals"] = resample(normals_image(scene))
    if "depth" in outputs:
        images["depth"] = resample(scene.fragments.depth[:, None])
    if "colors" in outputs and "silhouettes" in outputs:
        joint = edges(torch.cat((colors_image(scene), scene.alpha), dim=1), scene)
        images["colors"], images["silhouettes"] = resample(joint).split((3, 1), dim=1)
    elif "colors" in outputs:
        images["colors"] = resample(edges(colors_image(scene), scene))
    elif "silhouettes" in outputs:
        images["silhouettes"] = coverage(scene)
    batch = (scene.vertices.shape[0], scene.num_views)
    finished = {}
    for name, image in images.items():
        channels = () if name in ("silhouettes", "depth") else (3,)
        finished[name] = image.reshape(*batch, *channels, *image.shape[2:])
    return Rendering(scene.fragments, **finished)


def mean_pixels(image: Tensor, anti_aliasing: bool) -> Tensor:
    """Average 2 x 2 pixels of [M, C, H, W], or leave them alone."""
    return avg_pool2d(image, 2) if anti_aliasing else image


def colors_image(scene: Scene) -> Tensor:
    """Colour and light every pixel, on the background. [B N, 3, H, W]"""
    if scene.appearance is None:
        colors = scene.alpha.expand(-1, 3, -1, -1)
    else:
        colors = scene.appearance.colors(
            scene.fragments,
            vertices=scene.projected,
            faces=scene.faces,
            num_views=scene.num_views,
        )
        _check_colors(colors, scene)
    if scene.lights is not None:
        light = (
            smooth_light(scene, scene.lights)
            if scene.is_smooth
            else flat_light(scene, scene.lights)
        )
        colors = colors * light
    if isinstance(scene.background, Sequence) and not any(scene.background):
        return colors  # black already
    background = torch.as_tensor(scene.background, dtype=colors.dtype, device=colors.device)
    rows = of_all_views(background.reshape(-1, 3, 1, 1), scene.num_views)
    return colors + rows * (1 - scene.alpha)


def _check_colors(colors: Tensor, scene: Scene) -> None:
    """Check what an appearance gave, which may be anyone's."""
    depth = scene.fragments.depth
    check_tensor(
        "NeuralRenderer",
        f"colors of {type(scene.appearance).__name__}",
        colors,
        shape=(depth.shape[0], 3, *depth.shape[1:]),
        dtypes=(depth.dtype,),
        like=depth,
    )


def check_looks(
    function: str, *, appearance: object, lights: object, background: Vector, num_meshes: int
) -> None:
    """Check the types of appearance and lights, and the background; see `NeuralRenderer.render`."""
    gives_colors = callable(getattr(appearance, "colors", None))
    if appearance is not None and (isinstance(appearance, type) or not gives_colors):
        raise TypeError(
            f"{function}: appearance must be VertexColors, FaceColors, CubeTextures, ImageTexture "
            f"or another object with a method colors, got {_name_of(appearance)}"
        )
    if lights is not None and not isinstance(lights, Lights):
        raise TypeError(f"{function}: lights must be Lights, got {_name_of(lights)}")
    colors = check_vectors(function, "background", background).detach()
    if colors.dim() == 2 and colors.shape[0] not in (1, num_meshes):
        raise ValueError(
            f"{function}: background must have 1 or {num_meshes} rows, as many as there are "
            f"meshes, got shape {format_shape(colors.shape)}"
        )
    # To look at values of another device is to wait for it.
    if colors.device.type == "cpu" and not torch.compiler.is_compiling():
        is_bad = ~colors.isfinite()
        if bool(is_bad.any()):
            raise ValueError(
                f"{function}: background must be finite, got {colors[is_bad][0].item():g}"
            )


def _name_of(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def flat_light(scene: Scene, lights: Lights) -> Tensor:
    """Light each face as a whole, its two sides apart. [B N, 3, H, W]"""
    normals = _of_fronts(face_normals(scene.vertices, scene.faces), scene)
    light = of_all_views(lights.light(torch.cat((normals, -normals), dim=1)), scene.num_views)
    shown = scene.fragments.face_index.clamp(min=0).long()
    light = light.expand(shown.shape[0], -1, -1)
    at_pixels = light.gather(1, shown.flatten(1)[..., None].expand(-1, -1, 3))
    return at_pixels.transpose(1, 2).reshape(shown.shape[0], 3, *shown.shape[1:])


def smooth_light(scene: Scene, lights: Lights) -> Tensor:
    """Light each pixel by its interpolated normal. [B N, 3, H, W]"""
    normals = normals_image(scene)
    rows = normals.flatten(2).transpose(1, 2)  # [B N, HW, 3]
    light = lights.light(rows.reshape(scene.vertices.shape[0], -1, 3))
    return light.reshape(rows.shape).transpose(1, 2).reshape(normals.shape)


def normals_image(scene: Scene) -> Tensor:
    """Interpolate unit vertex normals, on the side that is seen. [B N, 3, H, W]"""
    normals = _of_fronts(vertex_normals(scene.vertices, scene.faces), scene)
    image = interpolate_vertices(
        of_all_views(normals, scene.num_views),
        scene.fragments,
        vertices=scene.projected,
        faces=scene.faces,
    )
    is_back = (scene.fragments.face_index >= scene.faces.shape[0])[:, None]
    return normalize(torch.where(is_back, -image, image), dim=1, eps=1e-8)


def _of_fronts(normals: Tensor, scene: Scene) -> Tensor:
    """Turn normals to the side from which the image shows fronts: a reflection swaps the sides."""
    return -normals if scene.is_right_handed else normals
