"""Normals of faces and vertices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nr3d.checks import FLOATS, INTEGERS, check_tensor


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the unit normal of every face, on the side that the renderer draws as the front.

    Of a face whose front is seen it points towards the eye, of one whose back is seen away from it:
    in our left-handed axes (v0 - v1) x (v2 - v1). A mesh of a right-handed program, whose faces
    run counter-clockwise from outside there, has normals that point inwards (docs/conventions.md).

    Args:
        vertices: [B, V, 3]
        faces: [F, 3]

    Returns:
        0, without a gradient, for a face without area. The unit of length does not matter.
        [B, F, 3]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.
    """
    return _unit(_area_vectors("face_normals", vertices, faces))


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the unit normal of every vertex: the mean of its faces' normals, weighted by area.

    It points to the side to which those of `face_normals` point.

    Args:
        vertices: [B, V, 3]
        faces: [F, 3]

    Returns:
        0, without a gradient, for a vertex without faces or with faces that cancel. [B, V, 3]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.
    """
    areas = _area_vectors("vertex_normals", vertices, faces)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total = total.index_add(1, faces[:, k].long(), areas)
    return _unit(total)


def _area_vectors(function: str, vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the normal of every face times twice its area. [B, F, 3]"""
    check_tensor(function, "vertices", vertices, shape=("B", "V", 3), dtypes=FLOATS)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    v0, v1, v2 = (vertices[:, faces[:, k].long()] for k in range(3))
    areas: Tensor = torch.linalg.cross(v0 - v1, v2 - v1, dim=-1)
    return areas


def _unit(vectors: Tensor) -> Tensor:
    """Give vectors the length 1, however short they are; 0 stays 0 and sends no gradient."""
    largest = vectors.detach().abs().amax(-1, keepdim=True)
    is_zero = largest == 0
    scaled = vectors / largest.masked_fill(is_zero, 1)  # squares of areas leave float32 soon
    return normalize(scaled, dim=-1).masked_fill(is_zero, 0)
