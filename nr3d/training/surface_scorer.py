"""Chamfer distances, F-scores and normal consistency of a prediction and the baselines."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nr3d.data.batch import MultiViewBatch
from nr3d.data.multiview import MultiViewDataset
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.sampling import sample_surface
from nr3d.metrics import (
    SampledSurface,
    SurfaceMatch,
    chamfer_l1,
    chamfer_l2,
    f_score,
    match_resampled,
    match_surfaces,
    normal_consistency,
)
from nr3d.training.baselines import SPHERE_RADIUS
from nr3d.training.protocols import THRESHOLDS
from nr3d.training.scorers import Rows, Scores

SEED = 1  # another than that of the recipes, or equal meshes would have equal samples


class SurfaceScorer:
    """Compare samples of surfaces, as many of a prediction as the file has of the truth.

    Args:
        train: The training split, for neighbours.
        num_inputs: How many views of each object reconstructions are scored from: spread evenly,
            from a first one that a hash of the object's name chooses. Those of all objects would
            otherwise be the same few, and views along an axis tell least.

    Raises:
        ValueError: If the file has no surfaces.
    """

    def __init__(self, train: MultiViewDataset, *, num_inputs: int) -> None:
        if train.index.num_points is None:
            raise ValueError(f"SurfaceScorer: {missing_surfaces(train)}")
        self.train = train
        self.num_points = train.index.num_points
        self.num_inputs = num_inputs
        sphere, faces = icosphere(3)
        self.sphere = self._sample(SPHERE_RADIUS * sphere[None], faces)[0]

    def score(self, mesh: Mesh, batch: MultiViewBatch, neighbours: Rows) -> Scores:
        """Give the scores of every method but the mean shape, which has no surface."""
        objects = batch.object_index.cpu().numpy()
        truths = self._stored(objects)
        num_views = neighbours.shape[1]
        names = [self.train.index.ids[row] for row in objects]
        views = [spread_views(name, num_views, self.num_inputs) for name in names]
        vertices = mesh.vertices.unflatten(0, neighbours.shape)  # [B, N, V, 3]
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for truth, each, rows, inputs in zip(truths, vertices, neighbours, views, strict=True):
            unique, counts = np.unique(rows[inputs], return_counts=True)
            means = {
                "model": mean_scores(self._match(self._sample(each[inputs], mesh.faces), truth)),
                "sphere": mean_scores(self._match([self.sphere], truth)),
                "nearest": mean_scores(self._match(self._stored(unique), truth), counts.tolist()),
                "resampled_truth": mean_scores([match_resampled(truth, num_threads=_threads())]),
            }
            for method, scores in means.items():
                for metric, value in scores.items():
                    found[metric, method].append(value)
        return {key: torch.tensor(values, dtype=torch.float64) for key, values in found.items()}

    def _match(
        self, surfaces: Sequence[SampledSurface], truth: SampledSurface
    ) -> list[SurfaceMatch]:
        return [match_surfaces(each, truth, num_threads=_threads()) for each in surfaces]

    def _sample(self, vertices: Tensor, faces: Tensor) -> list[SampledSurface]:
        """Sample meshes [M, V, 3]."""
        drawn = sample_surface(vertices, faces, num_points=self.num_points, seed=SEED)
        return list(map(SampledSurface, drawn.points.cpu(), drawn.normals.cpu()))

    def _stored(self, rows: Rows) -> list[SampledSurface]:
        """Read the surfaces of rows of the file."""
        surfaces = self.train.file.surfaces(rows)
        assert surfaces is not None
        return list(map(SampledSurface, *surfaces))


def spread_views(name: str, num_views: int, num_inputs: int) -> Rows:
    """Choose `num_inputs` of an object's views, evenly from one that its name decides."""
    first = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big")
    views: Rows = (np.arange(num_inputs) * num_views // num_inputs + first % num_views) % num_views
    return views


def missing_surfaces(dataset: MultiViewDataset) -> str:
    """Say that a file has no surfaces."""
    return (
        f"dataset {dataset.path} must have surface points for Chamfer distances, F-scores and "
        "normals, got none; build it by a recipe that gives it surfaces (datasets/README.md)"
    )


def mean_scores(
    matches: Sequence[SurfaceMatch], weights: Sequence[int] | None = None
) -> dict[str, float]:
    """Average the surface metrics of several matches."""
    rows = [_scores(match) for match in matches]
    return {
        metric: float(np.average([row[metric] for row in rows], weights=weights))
        for metric in rows[0]
    }


def _scores(match: SurfaceMatch) -> dict[str, float]:
    return {
        "chamfer_l1": chamfer_l1(match),
        "chamfer_l2": chamfer_l2(match),
        **{name: f_score(match, threshold=value) for name, value in THRESHOLDS.items()},
        "normal_consistency": normal_consistency(match),
    }


def _threads() -> int:
    return torch.get_num_threads()
