"""Ways to find copies among finished objects and to give splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nr3d.data.copies import likeness, linked, nearest_across
from nr3d.data.splits import assign_splits, families

ALIKE_FROM = 0.9
"""Likeness (`nr3d.data.copies`) from which two objects are kin where poses count."""


@dataclass(frozen=True)
class Partition:
    """Where each object goes.

    Attributes:
        splits: Index into `SPLITS` of each object.
        card: Facts about it for the dataset's card.
    """

    splits: Sequence[int]
    card: dict[str, str] = field(default_factory=dict)


Partitioner = Callable[[Sequence[str], Sequence[int], Tensor], Partition]
"""From names, categories and voxels (bool [O, R, R, R]) of all objects."""


def partition_by_name(ids: Sequence[str], category: Sequence[int], voxels: Tensor) -> Partition:
    """Split by hash; objects whose grids are the same as they stand stay together."""
    kin = families(ids, voxels)
    return Partition(assign_splits(kin, category), {"families of near copies": str(len(set(kin)))})


def partition_each(ids: Sequence[str], category: Sequence[int], voxels: Tensor) -> Partition:
    """Split by hash, every object for itself."""
    return Partition(assign_splits(ids, category), {"families of near copies": "not sought"})


def partition_alike(ids: Sequence[str], category: Sequence[int], voxels: Tensor) -> Partition:
    """Split by hash; objects that are alike in one of eight poses stay together."""
    alike = likeness(voxels)
    kin = linked(ids, alike >= ALIKE_FROM)
    splits = assign_splits(kin, category)
    return Partition(
        splits, {"families of near copies": str(len(set(kin))), **nearest(ids, splits, alike)}
    )


def nearest(ids: Sequence[str], splits: Sequence[int], alike: Tensor) -> dict[str, str]:
    """Describe the most alike pair of objects in two splits, for a card."""
    pairs = nearest_across(ids, splits, alike)
    if not pairs:
        return {}
    first = pairs[0]
    shown = f"{first.likeness:.3f} ({first.first}, {first.second})"
    return {"most alike across splits, voxel IoU in 8 poses": shown}
