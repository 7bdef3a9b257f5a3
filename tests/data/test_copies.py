"""Copies of one model: turned, mirrored, moved, scaled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nr3d.data.copies import likeness, linked, nearest_across, shared_points


def corner() -> torch.Tensor:
    """A shape that no turn or mirror maps onto itself."""
    grid = torch.zeros(6, 6, 6, dtype=torch.bool)
    grid[0:4, 0, 0] = True
    grid[0, 0:3, 0] = True
    grid[0, 0, 0:2] = True
    return grid


def test_likeness_looks_at_eight_poses() -> None:
    shape = corner()
    turned = torch.rot90(shape, 1, dims=(0, 2))
    mirrored = shape.flip(2)
    lying = shape.transpose(0, 1)
    empty = torch.zeros_like(shape)
    found = likeness(torch.stack([shape, turned, mirrored, lying, empty]))
    assert found[0, :3].tolist() == [1, 1, 1]
    # No pose tips a shape over. Its legs have 4 cells along x, 3 up and 2 along z, corner included;
    # lying it has 3, 4 and 2: they share the corner and 2 + 2 + 1 more of 7 cells each.
    assert found[0, 3].item() == pytest.approx(6 / 8)
    assert found[0, 4] == 0 and torch.equal(found, found.T)


def test_likeness_checks_its_argument() -> None:
    with pytest.raises(TypeError, match="likeness: voxels must be bool, got float32"):
        likeness(torch.zeros(1, 2, 2, 2))


def test_linked_passes_kinship_on() -> None:
    alike = torch.eye(4, dtype=torch.bool)
    alike[0, 1] = alike[1, 0] = alike[1, 2] = alike[2, 1] = True
    assert linked(["d", "c", "b", "a"], alike) == ["b", "b", "b", "a"]


def test_nearest_pair_in_two_groups() -> None:
    alike = torch.tensor([[1.0, 0.9, 0.3], [0.9, 1.0, 0.5], [0.3, 0.5, 1.0]])
    pairs = nearest_across(["a", "b", "c"], [0, 0, 1], alike)
    assert [(pair.first, pair.second) for pair in pairs] == [("b", "c"), ("a", "c")]
    assert pairs[0].likeness == 0.5
    assert nearest_across(["a", "b"], [1, 1], alike[:2, :2]) == []


def test_shared_points_of_variants() -> None:
    random = np.random.default_rng(0)
    model = random.random((100, 3)) * 50
    variant = np.concatenate([model[:60], random.random((60, 3)) * 50 + 9])
    moved = (model * 3 + 5).astype(np.float32)
    found = shared_points([model, variant, moved, model[:40]])
    assert found[0].tolist() == pytest.approx([1, 0.6, 1, 0])  # 40 points tell nothing
    assert found[1, 2] == 0 and torch.equal(found, found.T)
    assert found.diagonal().tolist() == [1, 1, 1, 1]


def test_shared_points_of_strangers() -> None:
    random = np.random.default_rng(1)
    assert shared_points(list(random.random((2, 60, 3)))).tolist() == [[1, 0], [0, 1]]
