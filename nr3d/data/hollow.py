"""Find ground truths that are hollow: shells whose inside the flood fill reached."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_tensor

HOLLOW_FROM = 0.2
"""Hollow share from which an object is flagged."""


def hollow_share(voxels: Tensor) -> Tensor:
    """Measure how much of an object is empty space that nobody could look into.

    An empty voxel is hidden if the object lies in all of the directions +x, -x, +z, -z and +y
    of it: a shell with an open bottom, or with cracks, is not filled, though no camera above the
    ground sees that. Open cups, shelves and the space under a table are not hidden.

    Args:
        voxels: Occupancy, axes x, y, z with y up. bool [B, R, R, R]

    Returns:
        Hidden voxels / (hidden + occupied voxels), 0 for an empty grid. [B], float32
    """
    check_tensor("hollow_share", "voxels", voxels, shape=("B", "R", "R", "R"), dtypes=(torch.bool,))
    hidden = ~voxels
    for axis, towards_positive in ((1, True), (1, False), (3, True), (3, False), (2, True)):
        hidden &= _something_ahead(voxels, axis=axis, towards_positive=towards_positive)
    num_hidden = hidden.flatten(1).sum(dim=1)
    total = num_hidden + voxels.flatten(1).sum(dim=1)
    return num_hidden / total.clamp_min(1)


def _something_ahead(voxels: Tensor, *, axis: int, towards_positive: bool) -> Tensor:
    """Tell for each voxel whether an occupied one lies at it or beyond it along an axis."""
    ordered = voxels.flip(axis) if towards_positive else voxels
    seen = ordered.to(torch.uint8).cummax(dim=axis).values.bool()
    return seen.flip(axis) if towards_positive else seen
