"""Normals of faces and vertices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nr3d.checks import FLOATS, INTEGERS, check_tensor


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the unit normal of every face, on the side from which its corners run anticlockwise.

    That is the side that the renderer draws as the front. In our left-handed axes it is
    (v0 - v1) x (v2 - v1).

    Args:
        vertices: [B, V, 3]
        faces: [F, 3]

    Returns:
        0 for a face without area. [B, F, 3]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.
    """
    return normalize(_area_vectors("face_normals", vertices, faces), dim=-1, eps=1e-12)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the unit normal of every vertex: the mean of its faces' normals, weighted by area.

    Args:
        vertices: [B, V, 3]
        faces: [F, 3]

    Returns:
        0 for a vertex without faces. [B, V, 3]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.
    """
    areas = _area_vectors("vertex_normals", vertices, faces)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total = total.index_add(1, faces[:, k].long(), areas)
    return normalize(total, dim=-1, eps=1e-12)


def _area_vectors(function: str, vertices: Tensor, faces: Tensor) -> Tensor:
    """Give the normal of every face times twice its area. [B, F, 3]"""
    check_tensor(function, "vertices", vertices, shape=("B", "V", 3), dtypes=FLOATS)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    v0, v1, v2 = (vertices[:, faces[:, k].long()] for k in range(3))
    areas: Tensor = torch.linalg.cross(v0 - v1, v2 - v1, dim=-1)
    return areas
