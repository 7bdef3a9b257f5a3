"""Find objects that are one model: equal grids, also where one was turned or mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.checks import check_tensor

MIN_POINTS = 50
"""Different vertices that a model must have for its vertices to tell it apart."""

SPREAD = 1_000_003
"""A prime that keeps the three coordinates of a point apart in one number."""

BLOCK = 4096
"""Points that are compared at a time."""


@dataclass(frozen=True)
class Pair:
    """Two objects and how alike they are.

    Attributes:
        likeness: See `likeness`.
        first: Name of one.
        second: Name of the other.
    """

    likeness: float
    first: str
    second: str


def likeness(voxels: Tensor) -> Tensor:
    """Compare objects with each other in the eight poses that keep the grid and the vertical.

    Args:
        voxels: Occupancy, axes x, y, z with y up. bool [O, R, R, R]

    Returns:
        The largest voxel IoU over quarter turns about y, with and without a mirror, of every pair;
        symmetric, 1 on the diagonal, 0 for two empty grids. [O, O], float32
    """
    check_tensor("likeness", "voxels", voxels, shape=("O", "R", "R", "R"), dtypes=(torch.bool,))
    grids = voxels.flatten(1).to(torch.float32)
    sizes = grids.sum(dim=1)
    best = torch.zeros(len(grids), len(grids))
    for mirrored in (voxels, voxels.flip(1)):
        for turns in range(4):
            posed = torch.rot90(mirrored, turns, dims=(1, 3)).flatten(1).to(torch.float32)
            overlap = grids @ posed.T
            union = sizes[:, None] + sizes[None, :] - overlap
            best = torch.maximum(best, overlap / union.clamp_min(1.0))
    return best.fill_diagonal_(1.0)


def linked(names: Sequence[str], alike: Tensor) -> list[str]:
    """Name the family of each object; kinship is passed on.

    Args:
        names: Unique names. O of them
        alike: Which pairs are kin. bool [O, O]

    Returns:
        One name per object, the smallest in its family.
    """
    family = list(names)
    for row in range(len(names)):
        kin = alike[row].nonzero().flatten().tolist()
        merged = {family[index] for index in kin} | {family[row]}
        if len(merged) > 1:
            first = min(merged)
            family = [first if name in merged else name for name in family]
    return family


def nearest_across(names: Sequence[str], group: Sequence[int], alike: Tensor) -> list[Pair]:
    """Give the pairs of objects in different groups, the most alike first.

    Args:
        names: Unique names. O of them
        group: For example the split of each. O of them
        alike: From `likeness`. [O, O]
    """
    number = torch.tensor(list(group))
    apart = (number[:, None] != number[None, :]).triu(diagonal=1)
    rows, columns = apart.nonzero().unbind(dim=1)
    values, order = alike[rows, columns].sort(descending=True, stable=True)
    return [
        Pair(value, names[int(rows[index])], names[int(columns[index])])
        for value, index in zip(values.tolist(), order.tolist(), strict=True)
    ]


def shared_points(points: Sequence[NDArray[np.floating]]) -> Tensor:
    """Measure which share of the vertices of the smaller of two models the other has too.

    A variant that was exported from the same scene has the same coordinates; a copy that was moved
    or scaled has them after both are fitted into the same box. The larger of the two shares counts.

    Args:
        points: Vertices, [V, 3], of O models. Coordinates count as equal to 0.001 of their unit,
            and to 1/400 of the longest side.

    Returns:
        Symmetric, 1 on the diagonal, 0 where one has fewer than 50 different points. [O, O]
    """
    exact = [_steps(each, 1e-3) for each in points]
    boxed = [_boxed_steps(each) for each in points]
    return torch.maximum(_shares(exact), _shares(boxed)).fill_diagonal_(1.0)


def _boxed_steps(points: NDArray[np.floating]) -> NDArray[np.int64]:
    lowest = points.min(axis=0)
    longest = float((points.max(axis=0) - lowest).max())
    return _steps(points - lowest, max(longest, 1e-9) / 400.0)


def _steps(points: NDArray[np.floating], step: float) -> NDArray[np.int64]:
    """Round points to multiples of a step; give one number for each different one."""
    x, y, z = np.rint(points / step).astype(np.int64).T
    return np.unique((x * SPREAD + y) * SPREAD + z)  # wraps around, which does no harm


def _shares(keys: Sequence[NDArray[np.int64]]) -> Tensor:
    """Give the share of the keys of the smaller of each pair that the other has. [O, O]"""
    owner = np.repeat(np.arange(len(keys)), [len(each) for each in keys])
    _, column, count = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    is_shared = count[column] > 1
    column = np.unique(column[is_shared], return_inverse=True)[1]
    owner = owner[is_shared]
    common = torch.zeros(len(keys), len(keys))
    for start in range(0, int(column.max(initial=-1)) + 1, BLOCK):
        here = (column >= start) & (column < start + BLOCK)
        held = torch.zeros(len(keys), BLOCK)
        held[owner[here], column[here] - start] = 1.0
        common += held @ held.T
    sizes = torch.tensor([float(len(each)) for each in keys])
    smaller = torch.minimum(sizes[:, None], sizes[None, :])
    return torch.where(smaller >= MIN_POINTS, common / smaller.clamp_min(1.0), 0.0)
