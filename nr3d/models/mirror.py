"""Shapes that are their own mirror images, as most furniture is."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.geometry import icosphere


def mirrored_icosphere(subdivisions: int) -> tuple[Tensor, Tensor, Tensor]:
    """Turn the icosphere so that the plane x = 0 cuts it into two mirror images.

    Args:
        subdivisions: As for `icosphere`.

    Returns:
        Vertices [V, 3], faces [F, 3], and the vertex opposite to each [V].
    """
    vertices, faces = icosphere(subdivisions)
    # Its own plane is z = 0; a quarter turn about y makes that x = 0. Adding 0 leaves no -0.
    turned = torch.stack((vertices[:, 2], vertices[:, 1], -vertices[:, 0]), dim=1) + 0.0
    flipped = turned * turned.new_tensor([-1.0, 1.0, 1.0])
    opposite = torch.cdist(flipped.double(), turned.double()).argmin(dim=1)
    return turned, faces, opposite


def symmetrise(vertices: Tensor, opposite: Tensor) -> Tensor:
    """Move every vertex halfway to the mirror image of its opposite. [B, V, 3] -> [B, V, 3]"""
    flipped = vertices[:, opposite] * vertices.new_tensor([-1.0, 1.0, 1.0])
    return (vertices + flipped) / 2
