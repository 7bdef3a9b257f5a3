"""What a prediction and the baselines score on a batch: one scorer for each group of metrics."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.data.batch import MultiViewBatch
from nr3d.data.multiview import MultiViewDataset
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.mesh import Mesh
from nr3d.metrics import silhouette_iou, voxel_iou
from nr3d.renderer import NeuralRenderer
from nr3d.training.baselines import SPHERE_RADIUS, mean_shapes, sphere_voxels
from nr3d.training.scores import voxel_iou_of_views

MESHES_PER_CALL = 64

Rows = NDArray[np.int64]
Scores = dict[tuple[str, str], Tensor]
"""(metric, method) -> one score per object. [B]"""


class Scorer(Protocol):
    """Score a batch of B objects with N views each."""

    def score(self, mesh: Mesh, batch: MultiViewBatch, neighbours: Rows) -> Scores:
        """Give the scores of every method.

        Args:
            mesh: The reconstruction from view n of object b is b N + n. [B N, V, 3]
            batch: The objects, images as floats.
            neighbours: The nearest training object of each view, a row of the file. [B, N]
        """


class VoxelScorer:
    """Voxel IoU of all methods.

    Args:
        train: The training split, for mean shapes and neighbours.
        num_categories: C.
    """

    def __init__(self, train: MultiViewDataset, num_categories: int) -> None:
        self.train = train
        self.means = mean_shapes(train, num_categories).voxels
        self.sphere = sphere_voxels(self.means.shape[-1])

    def score(self, mesh: Mesh, batch: MultiViewBatch, neighbours: Rows) -> Scores:
        """Give the scores of every method."""
        model = voxel_iou_of_views(mesh, batch).mean(dim=1)
        voxels = batch.voxels
        assert voxels is not None  # checked there
        rows, inverse = np.unique(neighbours, return_inverse=True)
        grids = self.train.file.voxels(rows)
        assert grids is not None
        views = torch.from_numpy(inverse.reshape(-1)).to(voxels.device)
        nearest = voxel_iou(
            grids.to(voxels.device)[views],
            voxels.repeat_interleave(neighbours.shape[1], dim=0),
        )
        means = self.means.to(voxels.device)[batch.category]
        sphere = self.sphere.to(voxels.device).expand_as(voxels)
        return {
            ("voxel_iou", "model"): model,
            ("voxel_iou", "sphere"): voxel_iou(sphere, voxels),
            ("voxel_iou", "mean_shape"): voxel_iou(means, voxels),
            ("voxel_iou", "nearest"): nearest.view(neighbours.shape).mean(dim=1),
        }


class SilhouetteScorer:
    """Silhouette IoU in the views that the reconstruction was not made from.

    Whatever drew the training views, here a hard rasterizer draws at twice the size, and both
    silhouettes are masks: coverage of at least 0.5. The nearest training shape is scored by its
    stored views, where all objects of the file have the same eyes, and left out otherwise.

    Args:
        train: The training split, for neighbours; at least two views per object.
        viewing_angle: Half the field of view, in degrees.
    """

    def __init__(self, train: MultiViewDataset, *, viewing_angle: float) -> None:
        self.train = train
        self.renderer = NeuralRenderer(
            image_size=train.index.image_size, viewing_angle=viewing_angle
        )
        eyes = train.index.eyes
        self.has_shared_eyes = bool(np.allclose(eyes, eyes[:1], atol=1e-4))

    def score(self, mesh: Mesh, batch: MultiViewBatch, neighbours: Rows) -> Scores:
        """Give the scores of every method."""
        truth = batch.images[:, :, 3] >= 0.5  # [B, N, H, W]
        objects = torch.arange(len(truth), device=truth.device)
        views = objects.repeat_interleave(truth.shape[1])  # object of each mesh
        found = []
        for vertices, part in zip(
            mesh.vertices.split(MESHES_PER_CALL), views.split(MESHES_PER_CALL), strict=True
        ):
            found.append(
                self._compare(self._draw(vertices, mesh.faces, batch.eyes[part]), truth[part])
            )
        sphere, faces = icosphere(3)
        sphere = (SPHERE_RADIUS * sphere).to(batch.eyes).expand(len(truth), -1, -1)
        masks = self._draw(sphere, faces.to(batch.eyes.device), batch.eyes)
        scores = {
            ("silhouette_iou", "model"): unseen_mean(torch.cat(found).view(*truth.shape[:2], -1)),
            ("silhouette_iou", "sphere"): self._compare(masks, truth).mean(dim=1),
        }
        if self.has_shared_eyes:
            scores["silhouette_iou", "nearest"] = self._score_neighbours(truth, neighbours)
        return scores

    def _score_neighbours(self, truth: Tensor, neighbours: Rows) -> Tensor:
        scores = []
        for masks, rows in zip(truth, neighbours, strict=True):
            unique, inverse = np.unique(rows, return_inverse=True)
            stored = self.train.whole(unique).images[:, :, 3] >= 128
            ious = self._compare(stored.to(masks.device), masks.expand(len(unique), -1, -1, -1))
            scores.append(ious[torch.from_numpy(inverse.reshape(-1)).to(ious.device)])
        return unseen_mean(torch.stack(scores))

    def _draw(self, vertices: Tensor, faces: Tensor, eyes: Tensor) -> Tensor:
        """Draw masks of meshes [M, V, 3] from eyes [M, N, 3]. bool [M, N, H, W]"""
        return self.renderer.silhouettes(Mesh(vertices, faces), eyes) >= 0.5

    def _compare(self, masks: Tensor, truth: Tensor) -> Tensor:
        """Give the IoU of masks [M, N, H, W]. [M, N]"""
        return silhouette_iou(masks.flatten(0, 1), truth.flatten(0, 1)).view(masks.shape[:2])


def unseen_mean(scores: Tensor) -> Tensor:
    """Average over inputs and views, without those views that are the input.

    Args:
        scores: Of the reconstruction from view n in view k. [B, N, N], N at least 2

    Returns:
        [B]
    """
    num_views = scores.shape[-1]
    own = scores.diagonal(dim1=1, dim2=2).sum(dim=1)
    return (scores.sum(dim=(1, 2)) - own) / (num_views * (num_views - 1))
