"""Stable splits, families of copies, and hollow ground truths."""

from __future__ import annotations

import pytest
import torch

from nr3d.data.hollow import hollow_share
from nr3d.data.splits import _position, assign_splits, families, split_of, stratified_splits


def test_splits_are_70_10_20_and_never_change() -> None:
    counts = [0, 0, 0]
    for number in range(5000):
        counts[split_of(f"object {number}")] += 1
    shares = [count / 5000 for count in counts]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)  # 3 standard deviations of 5000
    assert [split_of(name) for name in ("chair", "bed", "lampe é", "")] == [0, 1, 2, 2]


def test_small_categories_have_all_splits() -> None:
    names = ["chair", "car", "bench", "stool 0", "bed"]
    assert [split_of(name) for name in names] == [0, 0, 0, 0, 1]
    splits = assign_splits([*names, "chair"], [0, 0, 0, 0, 1, 0])
    assert sorted(splits[:4]) == [0, 0, 1, 2] and splits[4] == 1
    assert splits[5] == splits[0]
    assert assign_splits(["chair", "car"], [0, 0]) == [1, 0]
    assert assign_splits(["chair"], [0]) == [0]


def test_copies_are_one_family() -> None:
    random = torch.Generator().manual_seed(0)
    grids = torch.rand(4, 8, 8, 8, generator=random) < 0.5
    grids[3] = grids[1]
    grids[3, 0, 0, 0] ^= True
    assert families(["d", "c", "b", "a"], grids) == ["d", "a", "b", "a"]


def test_kinship_is_passed_on() -> None:
    grids = torch.zeros(3, 4, 4, 4, dtype=torch.bool)
    grids.view(3, -1)[0, :20] = True
    grids.view(3, -1)[1, :40] = True
    grids.view(3, -1)[2, :30] = True
    assert families(["a", "b", "c"], grids, same_from=0.6) == ["a", "a", "a"]
    assert families(["a", "b", "c"], grids, same_from=0.7) == ["a", "b", "b"]


def shell() -> torch.Tensor:
    """A hollow cube of side 12 in a grid of 16."""
    grid = torch.zeros(16, 16, 16, dtype=torch.bool)
    grid[2:14, 2:14, 2:14] = True
    grid[3:13, 3:13, 3:13] = False
    return grid


def test_hollow_share_of_shells() -> None:
    solid = torch.zeros(16, 16, 16, dtype=torch.bool)
    solid[2:14, 2:14, 2:14] = True
    no_bottom, no_top, no_side, cracked = shell(), shell(), shell(), shell()
    no_bottom[3:13, 2, 3:13] = False
    no_top[3:13, 13, 3:13] = False
    no_side[2, 3:13, 3:13] = False
    cracked[8, 3:13, 2] = False
    grids = torch.stack([solid, shell(), no_bottom, no_top, no_side, cracked, solid & False])
    shares = hollow_share(grids).tolist()
    assert shares[0] == 0 and shares[6] == 0
    assert shares[1] == pytest.approx(1000 / 1728)
    assert shares[2] > 0.5 and shares[5] > 0.5  # nobody sees through the floor or a crack
    assert shares[3] == 0 and shares[4] == 0  # open boxes and shelves are what they seem


def test_hollow_share_checks_its_argument() -> None:
    with pytest.raises(TypeError, match="hollow_share: voxels must be bool, got float32"):
        hollow_share(torch.zeros(1, 2, 2, 2))


def test_stratified_splits_have_the_shares_in_every_category() -> None:
    names = [f"object {number}" for number in range(140)]
    category = [0] * 100 + [1] * 40
    splits = stratified_splits(names, category)
    assert [splits[:100].count(split) for split in range(3)] == [60, 10, 30]
    assert [splits[100:].count(split) for split in range(3)] == [24, 4, 12]
    assert stratified_splits(names[::-1], category[::-1]) == splits[::-1]


def test_stratified_splits_keep_families_whole() -> None:
    kin = ["a"] * 6 + ["b", "c", "d", "e", "b"]
    category = [0] * 10 + [1]  # the last belongs to a family of the other category
    splits = stratified_splits(kin, category)
    assert sorted(set(kin), key=_position) == ["d", "c", "b", "e", "a"]
    # Of 11 objects d is the first, c the second, b the next two, e one, a the rest: their middles
    # are at 0.05, 0.14, 0.27, 0.41 and 0.73.
    assert splits == [2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0]
    assert stratified_splits(kin, category, (0.1, 0.2, 0.7)) == [2, 2, 2, 2, 2, 2, 1, 1, 0, 2, 1]
