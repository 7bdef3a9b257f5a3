"""Voxel IoU of every view and its mean per category (protocol nmr-voxel32)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nr3d.checks import at_least_float32
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


def predict_views(predict: Callable[[Tensor], Mesh], batch: MultiViewBatch) -> Mesh:
    """Reconstruct every object from each of its views, a few hundred views at a time.

    Args:
        predict: Images [B, 4, H, W] -> Mesh.
        batch: Objects with all their views, as floats.

    Returns:
        View n of object b is mesh b N + n; at least float32. [B N, V, 3]
    """
    meshes = [predict(images) for images in batch.images.flatten(0, 1).split(VIEWS_PER_CALL)]
    vertices = torch.cat([mesh.vertices.detach() for mesh in meshes])
    return Mesh(at_least_float32(vertices), meshes[0].faces)


def voxel_iou_of_views(mesh: Mesh, batch: MultiViewBatch) -> Tensor:
    """Give the voxel IoU of the reconstruction from each view.

    Args:
        mesh: What `predict_views` gave. [B N, V, 3]
        batch: Objects with their voxels.

    Returns:
        [B, N]

    Raises:
        ValueError: If the batch has no voxels.
    """
    if batch.voxels is None:
        raise ValueError(
            "voxel_iou_of_views: batch must have voxels, got none; rebuild the dataset with voxels"
        )
    num_objects, num_views = batch.images.shape[:2]
    rows = torch.arange(num_objects, device=batch.voxels.device).repeat_interleave(num_views)
    scores = []
    for vertices, row in zip(
        mesh.vertices.split(VIEWS_PER_CALL), rows.split(VIEWS_PER_CALL), strict=True
    ):
        occupied = voxelize(vertices, mesh.faces, resolution=batch.voxels.shape[-1])
        scores.append(voxel_iou(occupied, batch.voxels[row]))
    return torch.cat(scores).view(num_objects, num_views)


def score_views(predict: Callable[[Tensor], Mesh], batch: MultiViewBatch) -> Tensor:
    """Give the voxel IoU of the reconstruction from each view: the two above in one. [B, N]"""
    return voxel_iou_of_views(predict_views(predict, batch), batch)
