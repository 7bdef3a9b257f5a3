"""Maps of projected faces, as the rasterizer makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nr3d.checks import check_count, check_tensor, format_shape
from nr3d.compat.neural_renderer.convert import Vector, as_count, as_number, as_tensor
from nr3d.renderer import Fragments, kato_edges
from nr3d.renderer import rasterize as find_fragments
from nr3d.renderer.cubes import sample_cubes

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
    background_color: Vector
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
    image_size = as_count(drawing.image_size)
    check_count("rasterize", "image_size", image_size)
    vertices = corners.flatten(1, 2)
    faces = torch.arange(vertices.shape[1], device=corners.device).view(-1, 3)
    fragments = find_fragments(
        vertices,
        faces,
        image_size=image_size,
        near=as_number(drawing.near),
        far=as_number(drawing.far),
        fill_back=drawing.fill_back,
    )
    alpha = (fragments.face_index >= 0).to(vertices.dtype)[:, None]
    channels = []
    if drawing.colorize:
        background = _rows(drawing.background_color, like=vertices)
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
            eps=as_number(drawing.eps),
        )
        rgb_map = edged[:, :3] if drawing.colorize else None
        alpha_map = edged[:, -1] if wants_alpha else None
    return rgb_map, alpha_map, fragments.depth if wants_depth else None


def _rows(background_color: Vector, *, like: Tensor) -> Tensor:
    """Lay out a colour for all, or one for each mesh, as [1 or B, 3, 1, 1]."""
    color = as_tensor(background_color, like=like)
    if color.shape not in ((3,), (like.shape[0], 3)):
        raise ValueError(
            f"rasterize: background_color must have shape [3] or [{like.shape[0]}, 3], "
            f"got {format_shape(color.shape)}"
        )
    return color.reshape(-1, 3, 1, 1)


def cube_colors(textures: Tensor, eps: float) -> Colorize:
    """Colour fragments by texture cubes [B, F, T, T, T, 3]."""

    def colorize(fragments: Fragments, vertices: Tensor, faces: Tensor) -> Tensor:
        return sample_cubes(textures, fragments, vertices=vertices, faces=faces, eps=as_number(eps))

    return colorize


def average(image: Tensor | None) -> Tensor | None:
    """Average 2 x 2 pixels of [B, S, S] or [B, C, S, S]."""
    if image is None:
        return None
    return avg_pool2d(image, 2) if image.dim() == 4 else avg_pool2d(image[:, None], 2)[:, 0]
