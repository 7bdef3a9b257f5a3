"""Voxel IoU of every view and its mean per category (protocol nmr-voxel32)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nr3d.data.batch import MultiViewBatch
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.voxelize import voxelize
from nr3d.metrics import voxel_iou

VIEWS_PER_CALL = 256


class CategoryMean:
    """Sums and counts of scores by category; the mean is unweighted over the categories.

    Attributes:
        sums: Sum of the scores of each category. [C] float64
        counts: Number of scores of each category. [C] float64
    """

    def __init__(self, num_categories: int) -> None:
        self.sums = torch.zeros(num_categories, dtype=torch.float64)
        self.counts = torch.zeros(num_categories, dtype=torch.float64)

    @classmethod
    def from_sums(cls, sums: Tensor, counts: Tensor) -> CategoryMean:
        """Give the mean whose sums and counts these are."""
        mean = cls(0)
        mean.sums, mean.counts = sums, counts
        return mean

    def add(self, category: Tensor, scores: Tensor) -> None:
        """Add one score per object. category [B] int64, scores [B]"""
        category = category.cpu()
        scores = scores.detach().double().cpu()
        self.sums.index_add_(0, category, scores)
        self.counts.index_add_(0, category, torch.ones_like(scores))

    def per_category(self) -> Tensor:
        """Give the mean of each category, NaN where there is no object. [C]"""
        return self.sums / self.counts

    def mean(self) -> float:
        """Give the unweighted mean over the categories that have objects; NaN if none has."""
        return float(self.per_category().nanmean())


def score_views(predict: Callable[[Tensor], Mesh], batch: MultiViewBatch) -> Tensor:
    """Give the voxel IoU of the reconstruction from each view.

    Args:
        predict: Images [B, 4, H, W] -> Mesh.
        batch: Objects with all their views and their voxels.

    Returns:
        IoU per object and view. [B, N]

    Raises:
        ValueError: If the batch has no voxels.
    """
    if batch.voxels is None:
        raise ValueError(
            "score_views: batch must have voxels, got none; rebuild the dataset with voxels"
        )
    num_objects, num_views = batch.images.shape[:2]
    images = batch.images.flatten(0, 1)
    target = batch.voxels.repeat_interleave(num_views, dim=0)
    resolution = target.shape[-1]
    scores = []
    for start in range(0, images.shape[0], VIEWS_PER_CALL):
        part = slice(start, start + VIEWS_PER_CALL)
        mesh = predict(images[part])
        occupied = voxelize(mesh.vertices.detach(), mesh.faces, resolution=resolution)
        scores.append(voxel_iou(occupied, target[part]))
    return torch.cat(scores).view(num_objects, num_views)
