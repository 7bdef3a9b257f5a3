"""Fit spheres to the silhouettes of a dataset's objects, by each gradient from the same start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nr3d.data.multiview import MultiViewDataset
from nr3d.geometry import Mesh, edges_with_opposite_vertices, icosphere, voxelize
from nr3d.losses import laplacian_loss, silhouette_iou_loss
from nr3d.metrics import silhouette_iou, voxel_iou
from nr3d.renderer import RENDERERS, NeuralRenderer

from .gradient_curves import Curve, Section

RADIUS = 0.25  # of the sphere at the start
RATES = (0.003, 0.01)  # of Adam, in scene units
LAPLACIANS = (0.03, 0.3, 3.0)  # weights
SILHOUETTE, VOXEL = "silhouette IoU", "voxel IoU"


@dataclass(frozen=True)
class Targets:
    """Objects to fit spheres to.

    Attributes:
        silhouettes: Coverage in [0, 1]. [B, N, H, W]
        eyes: [B, N, 3]
        voxels: [B, R, R, R]
        viewing_angle: Of every view, degrees.
        ids: One name for each object.
    """

    silhouettes: Tensor
    eyes: Tensor
    voxels: Tensor
    viewing_angle: float
    ids: tuple[str, ...]

    @staticmethod
    def of(path: Path, split: str, count: int) -> Targets:
        """Read the first object of each of the first `count` categories of a split."""
        dataset = MultiViewDataset(path, split=split)
        _, first = np.unique(dataset.index.category[dataset.objects], return_index=True)
        chosen = dataset.objects[first[:count]]
        batch = dataset.whole(chosen).to_float()
        if batch.voxels is None:
            raise ValueError(f"dataset file {path} must have voxels, got none; build it with them")
        return Targets(
            batch.images[:, :, 3],
            batch.eyes,
            batch.voxels,
            dataset.index.header.viewing_angle,
            tuple(dataset.index.ids[number] for number in chosen),
        )


class Fit:
    """Spheres on their way to targets."""

    def __init__(
        self, name: str, targets: Targets, *, subdivisions: int, rate: float, laplacian: float
    ) -> None:
        self.renderer: nn.Module = RENDERERS[name](
            image_size=targets.silhouettes.shape[-1], viewing_angle=targets.viewing_angle
        )
        self.targets = targets
        template, self.faces = icosphere(subdivisions)
        self.edges = edges_with_opposite_vertices(self.faces)
        start = (RADIUS * template).expand(len(targets.eyes), -1, -1)
        self.vertices = start.clone().requires_grad_()
        self.laplacian = laplacian
        self.optimizer = torch.optim.Adam([self.vertices], lr=rate)

    def step(self) -> None:
        """Take one step; every object moves as if it were alone."""
        mesh = Mesh(self.vertices, self.faces)
        images = self.renderer.silhouettes(mesh, self.targets.eyes)  # type: ignore[operator]
        wanted = self.targets.silhouettes
        loss = silhouette_iou_loss(images.flatten(0, 1), wanted.flatten(0, 1))
        loss = loss + self.laplacian * laplacian_loss(self.vertices, self.edges)
        self.optimizer.zero_grad()
        (loss * len(wanted)).backward()  # of both the mean over objects is taken
        self.optimizer.step()

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """Compare hard silhouettes with the targets, and what the meshes enclose."""
        wanted = self.targets.silhouettes
        hard = NeuralRenderer(
            image_size=wanted.shape[-1],
            viewing_angle=self.targets.viewing_angle,
            anti_aliasing=False,
        )
        images = hard.silhouettes(Mesh(self.vertices, self.faces), self.targets.eyes)
        drawn, cells = images.flatten(0, 1) > 0.5, self.targets.voxels
        inside = voxelize(self.vertices, self.faces, resolution=cells.shape[-1])
        return {
            SILHOUETTE: float(silhouette_iou(drawn, wanted.flatten(0, 1) > 0.5).mean()),
            VOXEL: float(voxel_iou(inside, cells).mean()),
        }

    def run(self, steps: int, marks: Sequence[int]) -> Curve:
        """Take some steps, with scores after those of `marks`."""
        found = []
        for number in range(steps + 1):
            if number in marks:
                found.append(self.scores())
            if number < steps:
                self.step()
        settings = {"rate": self.optimizer.defaults["lr"], "laplacian": self.laplacian}
        by_name = {score: [each[score] for each in found] for score in found[0]}
        return Curve(list(marks), by_name, settings)


def tune(name: str, targets: Targets, *, subdivisions: int, steps: int) -> dict[str, float]:
    """Give the rate and the weight that reach the best silhouettes."""
    best: dict[str, float] = {}
    best_iou = -1.0
    for rate, laplacian in product(RATES, LAPLACIANS):
        settings = {"rate": rate, "laplacian": laplacian}
        fit = Fit(name, targets, subdivisions=subdivisions, **settings)
        iou = fit.run(steps, [steps]).scores[SILHOUETTE][0]
        if iou > best_iou:
            best, best_iou = settings, iou
    return best


def compare_fitting(
    path: Path,
    names: Sequence[str],
    *,
    subdivisions: int,
    steps: int,
    tune_steps: int,
    num_objects: int,
    rounds: int,
) -> Section:
    """Fit with every gradient: settings chosen on other objects, scores and times of steps."""
    tuning = Targets.of(path, "val", min(4, num_objects))
    targets = Targets.of(path, "test", num_objects)
    marks = sorted({round(steps * share**2) for share in np.linspace(0, 1, 13)})
    curves, fits = {}, {}
    for name in names:
        settings = tune(name, tuning, subdivisions=subdivisions, steps=tune_steps)
        fits[name] = Fit(name, targets, subdivisions=subdivisions, **settings)
        curves[name] = [fits[name].run(steps, marks)]
        print(f"fitted by {name}: {settings}, {curves[name][0].scores[SILHOUETTE][-1]:.3f}")
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, fit in fits.items():
            start = time.perf_counter()
            fit.step()
            times[name].append(1e3 * (time.perf_counter() - start))
    num_views, size = targets.silhouettes.shape[1:3]
    num_faces = len(fits[names[0]].faces)
    title = f"sphere of {num_faces} faces, {len(targets.ids)} objects, {num_views} views, {size} px"
    return Section(title, curves, times)
