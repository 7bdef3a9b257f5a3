"""Faces as corners [B, F, 3, 3], and their light."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_tensor
from nr3d.compat.neural_renderer.convert import INDICES, Vector, as_tensor
from nr3d.renderer.lights import Lights


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Give the cross product of every row of a and b [N, 3]."""
    check_tensor("cross", "a", a, shape=("N", 3))
    check_tensor("cross", "b", b, shape=a.shape)
    product: Tensor = torch.linalg.cross(a, b, dim=-1)
    return product


def vertices_to_faces(vertices: Tensor, faces: Tensor) -> Tensor:
    """Gather the corners [B, F, 3, 3] of faces [B, F, 3], any dtype, from vertices [B, V, 3]."""
    check_tensor("vertices_to_faces", "vertices", vertices, shape=("B", "V", 3))
    check_tensor(
        "vertices_to_faces",
        "faces",
        faces,
        shape=(vertices.shape[0], "F", 3),
        dtypes=INDICES,
        like=vertices,
    )
    batch, num_vertices = vertices.shape[:2]
    faces = faces.long()
    check_indices("vertices_to_faces", faces, num_vertices)
    offsets = torch.arange(batch, device=faces.device)[:, None, None] * num_vertices
    return vertices.reshape(-1, 3)[faces + offsets]


def check_indices(function: str, faces: Tensor, num_vertices: int) -> None:
    """Check that faces, of any shape, point at vertices that are there."""
    if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < num_vertices:
        raise ValueError(
            f"{function}: faces must hold vertex indices inside [0, {num_vertices}), got "
            f"{int(faces.min())} to {int(faces.max())}"
        )


def lighting(
    faces: Tensor,
    textures: Tensor,
    intensity_ambient: float | Tensor = 0.5,
    intensity_directional: float | Tensor = 0.5,
    color_ambient: Vector = (1.0, 1.0, 1.0),
    color_directional: Vector = (1.0, 1.0, 1.0),
    direction: Vector = (0.0, 1.0, 0.0),
) -> Tensor:
    """Multiply texture cubes by the light that falls on their faces.

    Args:
        faces: Corners in the world. [B, F, 3, 3]
        textures: [B, F, T, T, T, 3]
        intensity_ambient: Of the light from everywhere; a tensor [] or [B, 1] may learn.
        intensity_directional: Of the light from one direction, likewise.
        color_ambient: RGB. [3] or [B, 3]
        color_directional: Likewise.
        direction: Towards the light, used as it is. [3] or [B, 3]

    Returns:
        A new tensor. [B, F, T, T, T, 3]
    """
    light = face_light(
        faces,
        intensity_ambient=intensity_ambient,
        intensity_directional=intensity_directional,
        color_ambient=color_ambient,
        color_directional=color_directional,
        direction=direction,
    )
    return textures * light[:, :, None, None, None, :]


def face_light(
    faces: Tensor,
    *,
    intensity_ambient: Any,
    intensity_directional: Any,
    color_ambient: Vector,
    color_directional: Vector,
    direction: Vector,
) -> Tensor:
    """Give the RGB light on every face [B, F, 3, 3] -> [B, F, 3]."""
    check_tensor("lighting", "faces", faces, shape=("B", "F", 3, 3))
    v0, v1, v2 = faces.unbind(2)
    normals = torch.linalg.cross(v0 - v1, v2 - v1, dim=-1)
    lights = Lights(
        ambient_intensity=1.0,
        directional_intensity=1.0,
        ambient_color=_shine(intensity_ambient, color_ambient, like=faces),
        directional_color=_shine(intensity_directional, color_directional, like=faces),
        direction=as_tensor(direction, like=faces),
    )
    return lights.light(torch.nn.functional.normalize(normals, eps=1e-5, dim=-1))


def _shine(intensity: Any, color: Vector, *, like: Tensor) -> Tensor:
    """Multiply a colour [3] or [B, 3] by a number, a tensor [] or one for each mesh [B, 1]."""
    return as_tensor(intensity, like=like) * as_tensor(color, like=like)
