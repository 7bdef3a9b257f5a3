"""Which edges a set of triangles has, and which triangles meet there."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import INTEGERS, check_tensor


def edges_with_opposite_vertices(faces: Tensor) -> Tensor:
    """List every edge of a closed manifold with the far corners of the two faces that share it.

    Args:
        faces: Vertex indices. [F, 3], int32 or int64

    Returns:
        Rows (v0, v1, v2, v3): the edge v0 < v1, then the third vertices of its two faces, that of
        the face with the smaller index first. Sorted by (v0, v1). [3F/2, 4], dtype of `faces`

    Raises:
        TypeError: If `faces` is no integer tensor.
        ValueError: If the shape is another, an index is negative, a face repeats a vertex, or an
            edge does not belong to exactly two faces.
    """
    function = "edges_with_opposite_vertices"
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS)
    is_negative = faces < 0
    if bool(is_negative.any()):
        face, corner = is_negative.nonzero()[0].tolist()
        raise ValueError(
            f"{function}: faces must hold vertex indices of at least 0, "
            f"got {int(faces[face, corner])} at [{face}, {corner}]"
        )
    corners = torch.cat((faces, faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]))  # edge (0, 1), then far
    ends, far = corners[:, :2].sort(dim=1).values, corners[:, 2]
    if bool((ends[:, 0] == ends[:, 1]).any()):
        raise ValueError(
            f"{function}: faces must have three different vertices each, got a face that repeats "
            "one; remove such faces first"
        )
    edges, slot, count = ends.unique(dim=0, return_inverse=True, return_counts=True)
    odd = (count != 2).nonzero()
    if odd.numel() > 0:
        v0, v1 = edges[odd[0, 0]].tolist()
        raise ValueError(
            f"{function}: faces must form a closed manifold, got {odd.numel()} edges that do not "
            f"have two faces (the first is {v0}-{v1} with {int(count[odd[0, 0]])}); "
            "close the mesh or leave this loss out"
        )
    # Order the two corners of each edge by face: corner row modulo F is the face index.
    face_of_corner = torch.arange(len(corners), device=faces.device) % max(len(faces), 1)
    order = (slot * max(len(faces), 1) + face_of_corner).argsort()
    return torch.cat((edges, far[order].reshape(-1, 2)), dim=1)


def edge_numbers(faces: Tensor) -> Tensor:
    """Number the edges of faces, so that faces which share an edge name the same number.

    Any mesh will do, with borders and with edges of many faces; no device waits for the result.

    Args:
        faces: Vertex indices. [F, 3], int64

    Returns:
        The number, in [0, 3F), of the edge from corner k to corner k + 1. [F, 3], int64
    """
    start, end = faces.flatten(), faces.roll(-1, 1).flatten()
    low, high = start.minimum(end), start.maximum(end)
    by_high = high.argsort(stable=True)
    order = by_high[low[by_high].argsort(stable=True)]
    low, high = low[order], high[order]
    is_new = (low.diff() != 0) | (high.diff() != 0)
    numbers = torch.zeros_like(order)
    numbers[order[1:]] = is_new.cumsum(0)
    return numbers.view_as(faces)
