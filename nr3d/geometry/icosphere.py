"""The sphere that every reconstruction starts from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nr3d.checks import check_count


def icosphere(subdivisions: int = 3) -> tuple[Tensor, Tensor]:
    """Build a sphere by splitting the faces of an icosahedron and projecting the corners outwards.

    Three subdivisions give the sphere that Kato et al. 2018 deform (up to the order of its parts):
    all splits come before the one projection. The poles lie on the y axis; coordinates that are
    zero in exact arithmetic are exactly 0. Faces are counter-clockwise seen from outside in a
    right-handed world.

    Args:
        subdivisions: How often each triangle is split into four: 0 gives 12 vertices and 20 faces,
            3 gives 642 and 1280.

    Returns:
        Vertices of length 1 [10 * 4^n + 2, 3] in float32, faces [20 * 4^n, 3] in int64.

    Raises:
        TypeError: If `subdivisions` is not an int.
        ValueError: If `subdivisions` is outside 0..8.
    """
    check_count("icosphere", "subdivisions", subdivisions, at_least=0)
    if subdivisions > 8:
        raise ValueError(
            f"icosphere: subdivisions must be at most 8 (655362 vertices), got {subdivisions}"
        )
    vertices, faces = _icosahedron()
    for _ in range(subdivisions):
        vertices, faces = _split(vertices, faces)
    vertices = vertices / torch.linalg.vector_norm(vertices, dim=1, keepdim=True)
    vertices[vertices.abs() < 1e-12] = 0.0
    return vertices.float(), faces


def _icosahedron() -> tuple[Tensor, Tensor]:
    """Two poles and two rings of five; float64."""
    height = 1.0 / math.sqrt(5.0)
    lower = [_ring_point(-height, 2 * k) for k in range(5)]
    upper = [_ring_point(height, 2 * k + 1) for k in range(5)]
    vertices = [(0.0, -1.0, 0.0), *lower, *upper, (0.0, 1.0, 0.0)]
    faces = []
    for k in range(5):
        low, next_low = 1 + k, 1 + (k + 1) % 5
        high, next_high = 6 + k, 6 + (k + 1) % 5
        faces.append((0, low, next_low))
        faces.append((low, high, next_low))
        faces.append((next_low, high, next_high))
        faces.append((high, 11, next_high))
    return torch.tensor(vertices, dtype=torch.float64), torch.tensor(faces)


def _ring_point(height: float, turn: int) -> tuple[float, float, float]:
    """Give the point `turn` tenths of a turn after azimuth 36 degrees on the ring at `height`."""
    angle = math.pi * (turn + 1) / 5.0
    radius = 2.0 / math.sqrt(5.0)
    return radius * math.cos(angle), height, radius * math.sin(angle)


def _split(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Replace each triangle by four whose new corners are the edges' middles."""
    sides = torch.stack((faces, faces.roll(-1, dims=1)), dim=2)  # [F, 3, 2]
    edges, slot = sides.reshape(-1, 2).sort(dim=1).values.unique(dim=0, return_inverse=True)
    middles = vertices[edges].mean(dim=1)
    m01, m12, m20 = (len(vertices) + slot.reshape(-1, 3)).unbind(dim=1)
    v0, v1, v2 = faces.unbind(dim=1)
    corners = ((v0, m01, m20), (v1, m12, m01), (v2, m20, m12), (m01, m12, m20))
    split = torch.stack([torch.stack(face, dim=1) for face in corners], dim=1)  # [F, 4, 3]
    return torch.cat((vertices, middles)), split.reshape(-1, 3)
