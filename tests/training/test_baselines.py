"""The baselines against shapes whose answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from nr3d.data.multiview import MultiViewDataset
from nr3d.training.baselines import mean_shapes, sphere_voxels
from tests.training.conftest import OBJECTS_PER_SPLIT, write_tiny_dataset


def test_sphere_has_the_volume_of_its_radius() -> None:
    voxels = sphere_voxels(32)
    centre = (torch.arange(32) - 15.5) / 31
    distance = torch.cartesian_prod(centre, centre, centre).norm(dim=1).view(32, 32, 32)
    assert voxels[distance < 0.25 - 1 / 31].all()
    assert not voxels[distance > 0.25 + 2 / 31].any()
    volume = float(voxels.sum()) / 31**3
    ball = 4 / 3 * math.pi * 0.25**3
    assert ball < volume < ball * (1 + 4 / 31) ** 3  # voxels that the surface touches count


def test_mean_shape_is_the_best_cut_of_the_training_split(tiny_dataset: Path) -> None:
    dataset = MultiViewDataset(tiny_dataset, split="train")
    shapes = mean_shapes(dataset, 2)
    every = dataset.whole(dataset.objects)
    assert every.voxels is not None
    for category in range(2):
        voxels = every.voxels[every.category == category]
        assert len(voxels) == OBJECTS_PER_SPLIT[0]
        mean = voxels.float().mean(dim=0)

        def score(shape: torch.Tensor, voxels: torch.Tensor = voxels) -> float:
            both, either = shape & voxels, shape | voxels
            return float((both.sum((1, 2, 3)) / either.sum((1, 2, 3))).mean())

        best = max(score(mean >= threshold) for threshold in mean.unique() if threshold > 0)
        assert score(shapes.voxels[category]) == pytest.approx(best)


def test_a_category_without_training_objects_is_empty(tiny_dataset: Path) -> None:
    shapes = mean_shapes(MultiViewDataset(tiny_dataset, split="train"), 3)
    assert not shapes.voxels[2].any()
    assert shapes.thresholds[2].isnan()


def test_dataset_without_voxels(tmp_path: Path) -> None:
    path = write_tiny_dataset(tmp_path / "bare.h5", with_voxels=False)
    with pytest.raises(ValueError, match="mean_shapes: dataset .* must have voxels, got none"):
        mean_shapes(MultiViewDataset(path, split="train"), 2)
