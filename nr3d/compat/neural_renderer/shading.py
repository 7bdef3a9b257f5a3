"""Texture cubes in the light of a `Renderer`."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_tensor
from nr3d.compat.neural_renderer.convert import Vector
from nr3d.compat.neural_renderer.drawing import Colorize, cube_colors
from nr3d.compat.neural_renderer.faces import face_light
from nr3d.renderer import Fragments


def lit_cubes(
    corners: Tensor,
    textures: Tensor | None,
    *,
    eps: float,
    intensity_ambient: float | Tensor,
    intensity_directional: float | Tensor,
    color_ambient: Vector,
    color_directional: Vector,
    direction: Vector,
) -> Colorize:
    """Give how to colour: by cubes, times the light on the side that is seen.

    Args:
        corners: In the world. [B, F, 3, 3]
        textures: [B, F, T, T, T, 3]
        eps: See `cube_colors`.
        intensity_ambient: See `lighting`, as for the others.
        intensity_directional: Likewise.
        color_ambient: Likewise.
        color_directional: Likewise.
        direction: Likewise.
    """
    shape = (*corners.shape[:2], "T", "T", "T", 3)
    check_tensor("Renderer", "textures", textures, shape=shape, like=corners)
    assert textures is not None
    by_cubes = cube_colors(textures, eps)
    light = face_light(
        torch.cat((corners, corners.flip(2)), dim=1),  # fronts, then backs
        intensity_ambient=intensity_ambient,
        intensity_directional=intensity_directional,
        color_ambient=color_ambient,
        color_directional=color_directional,
        direction=direction,
    )

    def colorize(fragments: Fragments, projected: Tensor, soup: Tensor) -> Tensor:
        colors = by_cubes(fragments, projected, soup)
        face = fragments.face_index.clamp(min=0).long().flatten(1)
        brightness = light.gather(1, face[..., None].expand(-1, -1, 3))
        return colors * brightness.transpose(1, 2).reshape(colors.shape)

    return colorize
