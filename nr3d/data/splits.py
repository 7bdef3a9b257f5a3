"""Splits that stay: an object's split depends on its name, and copies share one."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d.data.format import SPLITS

FRACTIONS = (0.7, 0.1, 0.2)
"""Shares of train, val and test."""


def assign_splits(kin: Sequence[str], category: Sequence[int]) -> list[int]:
    """Give the split of each object from the name of its family.

    A category of at least three families has objects in every split: where the hash leaves one
    empty, the training families with the largest hashes move there.

    Args:
        kin: Family of each object. O of them
        category: Category of each object. O of them

    Returns:
        Indices into `SPLITS`. O of them
    """
    split = {name: split_of(name) for name in kin}
    members: defaultdict[int, set[str]] = defaultdict(set)
    for name, number in zip(kin, category, strict=True):
        members[number].add(name)
    train = SPLITS.index("train")
    for number in sorted(members):
        for missing in range(len(SPLITS)):
            there = {split[name] for name in members[number]}
            spare = [name for name in members[number] if split[name] == train]
            if missing != train and missing not in there and len(spare) > 1:
                split[max(spare, key=_position)] = missing
    return [split[name] for name in kin]


def split_of(name: str) -> int:
    """Give the index into `SPLITS` of a name: the same on every machine, for ever."""
    position = _position(name)
    train, val, _ = FRACTIONS
    if position < train:
        return SPLITS.index("train")
    return SPLITS.index("val") if position < train + val else SPLITS.index("test")


def _position(name: str) -> float:
    """Spread names evenly over [0, 1)."""
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def stratified_splits(
    kin: Sequence[str],
    category: Sequence[int],
    fractions: tuple[float, float, float] = (0.6, 0.1, 0.3),
) -> list[int]:
    """Give the splits of a closed benchmark: the same shares in every category, for ever.

    The families of a category line up by the hash of their names. A family goes where the middle
    of its objects lies in that line: before 60 % of the objects, before 70 %, or behind. One that
    reaches into other categories belongs to that of its first object, by name or else by order.

    Args:
        kin: Family of each object. O of them
        category: Category of each object. O of them
        fractions: Shares of train, val and test.

    Returns:
        Indices into `SPLITS`. O of them
    """
    sizes = Counter(kin)
    homes: dict[str, int] = {}
    for name, number in zip(kin, category, strict=True):
        homes.setdefault(name, number)
    split: dict[str, int] = {}
    for number in sorted(set(homes.values())):
        line = sorted((name for name in sizes if homes[name] == number), key=_position)
        total, before = sum(sizes[name] for name in line), 0
        for name in line:
            middle = (before + sizes[name] / 2) / total
            before += sizes[name]
            bounds = (fractions[0], fractions[0] + fractions[1])
            split[name] = sum(middle >= bound for bound in bounds)
    return [split[name] for name in kin]


def families(names: Sequence[str], voxels: Tensor, *, same_from: float = 0.95) -> list[str]:
    """Name the family of each object: the first name among its near copies.

    Recoloured and re-exported copies of one model are the same grid, so two objects are kin if
    their voxel IoU is at least `same_from`; kinship is passed on.

    Args:
        names: Unique names. O of them
        voxels: Occupancy. bool [O, R, R, R]
        same_from: IoU in (0, 1] from which two objects count as one.

    Returns:
        One name per object, the smallest in its family.
    """
    grids = voxels.flatten(1).to(torch.float32)
    sizes = grids.sum(dim=1)
    family = list(names)
    for row in range(len(names)):
        overlap = grids[:row] @ grids[row]
        union = sizes[:row] + sizes[row] - overlap
        kin = (overlap >= same_from * union.clamp_min(1.0)).nonzero().flatten().tolist()
        merged = {family[index] for index in kin} | {family[row]}
        if len(merged) > 1:
            first = min(merged)
            family = [first if name in merged else name for name in family]
    return family
