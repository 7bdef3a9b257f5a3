"""Small scenes as programs of the old library have them."""

from __future__ import annotations

import torch
from torch import Tensor

BOX_FACES = torch.tensor(
    [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4]]
    + [[2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5]],
    dtype=torch.int32,
)


def boxes(batch: int = 1, *, depth: float = 0.0) -> tuple[Tensor, Tensor]:
    """Cubes of side 1 around (0, 0, depth), as vertices and faces of the old library."""
    corners = torch.tensor([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)]) - 0.5
    corners = corners + torch.tensor([0.0, 0.0, depth])
    return corners.repeat(batch, 1, 1), BOX_FACES.repeat(batch, 1, 1)


def cubes(batch: int = 1, size: int = 2) -> Tensor:
    return torch.full((batch, len(BOX_FACES), size, size, size, 3), 0.5)


def intrinsics(size: float) -> Tensor:
    return torch.tensor([[[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]]])
