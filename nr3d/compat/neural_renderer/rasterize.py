"""Rasterization of faces [B, F, 3, 3] to colours, alpha and depth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nr3d.checks import check_tensor
from nr3d.compat.neural_renderer.convert import Vector, as_count, as_number
from nr3d.compat.neural_renderer.drawing import Drawing, average, cube_colors, draw_maps
from nr3d.renderer import kato_silhouettes

DEFAULT_IMAGE_SIZE = 256
DEFAULT_ANTI_ALIASING = True
DEFAULT_NEAR = 0.1
DEFAULT_FAR = 100.0
DEFAULT_EPS = 1e-4
DEFAULT_BACKGROUND_COLOR = (0.0, 0.0, 0.0)


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
        image_size=as_count(image_size),
        anti_aliasing=anti_aliasing,
        near=as_number(near),
        far=as_number(far),
        eps=as_number(eps),
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
