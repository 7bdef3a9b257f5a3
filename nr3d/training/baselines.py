"""What a reconstruction must beat: a sphere, and the mean shape of the object's category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.data.multiview import MultiViewDataset
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.voxelize import voxelize
from nr3d.metrics import voxel_iou

SPHERE_RADIUS = 0.25  # the template at zero code: where Kato's decoder starts
THRESHOLDS = torch.arange(1, 40) / 40.0
OBJECTS_PER_READ = 256


@dataclass(frozen=True)
class MeanShapes:
    """The mean occupancy of each category, cut at the threshold that fits the category best.

    Attributes:
        voxels: Empty for a category without training objects. bool [C, R, R, R]
        thresholds: Of each category. [C]
    """

    voxels: Tensor
    thresholds: Tensor


def sphere_voxels(resolution: int) -> Tensor:
    """Voxelize the sphere of radius 0.25. bool [R, R, R]"""
    vertices, faces = icosphere(3)
    return voxelize(SPHERE_RADIUS * vertices[None], faces, resolution=resolution)[0]


def mean_shapes(dataset: MultiViewDataset, num_categories: int) -> MeanShapes:
    """Average the voxels of each category of a split and choose the threshold there.

    Args:
        dataset: The training split; it must have voxels.
        num_categories: C.
    """
    category = torch.from_numpy(np.asarray(dataset.index.category[dataset.objects]))
    shapes: list[Tensor | None] = []
    thresholds: list[Tensor] = []
    for number in range(num_categories):
        members = dataset.objects[(category == number).numpy()]
        if len(members) == 0:
            shapes.append(None)
            thresholds.append(torch.tensor(float("nan")))
            continue
        shape, threshold = _cut_mean(_read_voxels(dataset, members))
        shapes.append(shape)
        thresholds.append(threshold)
    filled = next(shape for shape in shapes if shape is not None)
    voxels = [torch.zeros_like(filled) if shape is None else shape for shape in shapes]
    return MeanShapes(torch.stack(voxels), torch.stack(thresholds))


def _read_voxels(dataset: MultiViewDataset, objects: NDArray[np.int64]) -> Tensor:
    parts = []
    for start in range(0, len(objects), OBJECTS_PER_READ):
        rows = objects[start : start + OBJECTS_PER_READ]
        no_views = np.zeros((len(rows), 0), dtype=np.int64)
        voxels = dataset.read(rows, no_views, with_voxels=True).voxels
        if voxels is None:
            raise ValueError(
                f"mean_shapes: dataset {dataset.path} must have voxels, got none; "
                "build it with voxels to evaluate on it"
            )
        parts.append(voxels)
    return torch.cat(parts)


def _cut_mean(voxels: Tensor) -> tuple[Tensor, Tensor]:
    """Cut the mean of [K, R, R, R] at the threshold with the highest mean IoU over the K."""
    mean = voxels.float().mean(dim=0)
    scores = []
    for threshold in THRESHOLDS:
        shape = (mean >= threshold).expand_as(voxels)
        scores.append(voxel_iou(shape, voxels).mean())
    best = THRESHOLDS[int(torch.stack(scores).argmax())]
    return mean >= best, best
