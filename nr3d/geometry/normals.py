"""Normals of faces and vertices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nr3d.checks import FLOATS, INTEGERS, check_tensor
from nr3d.ops.inputs import check_indices


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
        ValueError: A wrong shape or device, or, on the CPU, a face that points at no vertex.
    """
    faces = _check_mesh("face_normals", vertices, faces)
    return _unit(_area_vectors(vertices, faces, scale_over=(2, 3)))


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
        ValueError: A wrong shape or device, or, on the CPU, a face that points at no vertex.
    """
    faces = _check_mesh("vertex_normals", vertices, faces)
    areas = _area_vectors(vertices, faces, scale_over=(1, 2, 3))  # one scale: areas are weights
    total = torch.zeros_like(vertices)
    for k in range(3):
        total = total.index_add(1, faces[:, k], areas)
    return _unit(total)


def _check_mesh(function: str, vertices: Tensor, faces: Tensor) -> Tensor:
    """Check a mesh and give its faces, int64; wrong ones that nobody read point at some vertex."""
    check_tensor(function, "vertices", vertices, shape=("B", "V", 3), dtypes=FLOATS)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    if not torch.compiler.is_compiling():
        num_vertices = vertices.shape[1]
        check_indices(function, "faces", faces.contiguous(), of="vertex", low=0, high=num_vertices)
    return faces.long().clamp(0, max(0, vertices.shape[1] - 1))


def _area_vectors(vertices: Tensor, faces: Tensor, *, scale_over: tuple[int, ...]) -> Tensor:
    """Give the normal of every face times twice its area, in a unit that float32 can square.

    Args:
        vertices: [B, V, 3]
        faces: [F, 3]
        scale_over: The axes of the edges [B, F, 2, 3] that share a unit: their longest.

    Returns:
        [B, F, 3]
    """
    v0, v1, v2 = (vertices[:, faces[:, k]] for k in range(3))
    edges = torch.stack((v0 - v1, v2 - v1), dim=2)
    if edges.numel() > 0:
        longest = edges.detach().abs().amax(scale_over, keepdim=True)
        edges = edges / longest.masked_fill(~((longest > 0) & longest.isfinite()), 1)
    areas: Tensor = torch.linalg.cross(edges[:, :, 0], edges[:, :, 1], dim=-1)
    return areas


def _unit(vectors: Tensor) -> Tensor:
    """Give vectors the length 1, however short they are; 0 stays 0 and sends no gradient."""
    largest = vectors.detach().abs().amax(-1, keepdim=True)
    is_zero = largest == 0
    scaled = vectors / largest.masked_fill(is_zero, 1)  # squares of areas leave float32 soon
    return normalize(scaled, dim=-1).masked_fill(is_zero, 0)
