"""Scores per view and their unweighted mean over the categories."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nr3d.data.batch import MultiViewBatch
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.voxelize import voxelize
from nr3d.training import scores
from nr3d.training.scores import CategoryMean, score_views


def test_every_category_counts_the_same() -> None:
    mean = CategoryMean(3)
    mean.add(torch.tensor([0, 0, 0, 2]), torch.tensor([0.1, 0.2, 0.3, 0.8]))
    mean.add(torch.tensor([0]), torch.tensor([0.2]))
    assert mean.counts.tolist() == [4, 0, 1]
    assert mean.per_category()[0] == pytest.approx(0.2)
    assert mean.mean() == pytest.approx(0.5)  # of 0.2 and 0.8; the empty category is left out
    assert math.isnan(CategoryMean(2).mean())


def predict_sphere(images: Tensor) -> Mesh:
    """Give a sphere whose radius is the mean of the image."""
    vertices, faces = icosphere(2)
    radius = images.mean(dim=(1, 2, 3))
    return Mesh(radius[:, None, None] * vertices, faces)


def make_batch(radii: Tensor) -> MultiViewBatch:
    """Give objects that are spheres of radius 0.3, their views telling other radii. [B, N]"""
    vertices, faces = icosphere(2)
    voxels = voxelize(0.3 * vertices[None], faces).expand(len(radii), -1, -1, -1)
    return MultiViewBatch(
        images=radii[..., None, None, None].expand(-1, -1, 4, 8, 8),
        eyes=torch.zeros(*radii.shape, 3),
        voxels=voxels,
        category=torch.zeros(len(radii), dtype=torch.int64),
        object_index=torch.arange(len(radii)),
    )


def test_views_are_scored_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    radii = torch.tensor([[0.3, 0.2, 0.4], [0.2, 0.3, 0.3]])
    batch = make_batch(radii)
    result = score_views(predict_sphere, batch)
    assert result.shape == (2, 3)
    assert torch.equal(result == 1.0, radii == 0.3)
    assert result[0, 1] == result[1, 0]
    monkeypatch.setattr(scores, "VIEWS_PER_CALL", 4)
    assert torch.equal(score_views(predict_sphere, batch), result)


def test_no_voxels() -> None:
    batch = make_batch(torch.tensor([[0.3]]))
    bare = MultiViewBatch(batch.images, batch.eyes, None, batch.category, batch.object_index)
    with pytest.raises(ValueError, match="voxel_iou_of_views: batch must have voxels, got none"):
        score_views(predict_sphere, bare)
