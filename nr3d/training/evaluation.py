"""Score a model and its baselines on a split, by the protocols of protocols.py.

Every object of the split from all its views. The score of an object is the mean over its views;
that of a category the mean over its objects; the total the unweighted mean over the categories.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from nr3d.checks import check_count
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import FLAGS
from nr3d.geometry.mesh import Mesh
from nr3d.training.fingerprints import hash_of_names
from nr3d.training.protocols import GROUPS, METHODS, METRICS, check_groups, metrics_of
from nr3d.training.report import ObjectScores, Protocol, Report, Summary
from nr3d.training.retrieval import nearest_objects
from nr3d.training.scorers import Scorer, SilhouetteScorer, VoxelScorer
from nr3d.training.scores import predict_views
from nr3d.training.surface_scorer import SurfaceScorer, missing_surfaces

SURFACE_VIEWS = 4


@torch.no_grad()
def evaluate(
    predict: Callable[[Tensor], Mesh],
    data: MultiViewDataModule,
    *,
    split: str,
    metrics: Sequence[str] | None = None,
    surface_views: int = SURFACE_VIEWS,
    checkpoint: str = "",
    checkpoint_hash: str = "",
    step: int = 0,
    device: torch.device | str = "cpu",
    show_progress: bool = False,
) -> Report:
    """Score a model beside a sphere, the mean shape and the nearest training shape.

    Args:
        predict: Images [B, 4, H, W] in [0, 1] -> Mesh.
        data: The dataset; the baselines learn from its training split.
        split: train, val or test.
        metrics: Groups of metrics: voxel, silhouette, surface. None for all that the dataset can
            give; the report says what is missing.
        surface_views: How many views of each object the surface metrics use, the costliest; all
            of them where the file has fewer.
        checkpoint: Written into the report.
        checkpoint_hash: Written into the report.
        step: Written into the report.
        device: Where `predict` wants its images.
        show_progress: Whether to show a bar.

    Raises:
        ValueError: If a group is unknown or twice there, or was asked for and the dataset has no
            voxels, no surfaces or a single view; if the split has no objects.
    """
    start = time.perf_counter()
    check_groups("evaluate", GROUPS if metrics is None else metrics)
    check_count("evaluate", "surface_views", surface_views)
    surface_views = min(surface_views, data.num_views)
    groups, notes = _possible(data, metrics)
    scorers = _make_scorers(data, groups, surface_views=surface_views)
    neighbours = nearest_objects(data.dataset("train"), data.dataset(split), device=device)
    objects = data.index.objects_of(split)
    found: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
    loader = data.evaluation_dataloader(split)
    for batch in track(loader, description=f"evaluating {split}", disable=not show_progress):
        batch = batch.to(device).to_float()
        mesh = predict_views(predict, batch)
        rows = neighbours[np.searchsorted(objects, batch.object_index.cpu().numpy())]
        for scorer in scorers:
            for key, values in scorer.score(mesh, batch, rows).items():
                found[key].append(values.double().cpu())
    scores = {key: torch.cat(parts).numpy() for key, parts in found.items()}
    return Report(
        split=split,
        split_hash=hash_of_names(data.index.ids[row] for row in objects),
        dataset=str(data.path),
        checkpoint=checkpoint,
        checkpoint_hash=checkpoint_hash,
        step=step,
        num_views=data.num_views,
        num_surface_views=surface_views if "surface" in groups else 0,
        protocols=_protocols(data, groups),
        notes=notes,
        seconds=time.perf_counter() - start,
        **_summaries(data, objects, scores),
    )


def _possible(
    data: MultiViewDataModule, wanted: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Give the groups to compute, and what is to be said of those that nobody insists on."""
    train = data.dataset("train")
    missing = {}
    if data.index.resolution is None:
        missing["voxel"] = (
            f"dataset {data.path} must have voxels for voxel IoU, got none; build it with voxels"
        )
    if data.num_views < 2:
        missing["silhouette"] = (
            f"dataset {data.path} must have two views for unseen silhouettes, got 1"
        )
    if data.index.num_points is None:
        missing["surface"] = missing_surfaces(train)
    if wanted is not None:
        for group in wanted:
            if group in missing:
                raise ValueError(f"evaluate: {missing[group]}")
        return list(wanted), []
    return [group for group in GROUPS if group not in missing], list(missing.values())


def _make_scorers(
    data: MultiViewDataModule, groups: Sequence[str], *, surface_views: int
) -> list[Scorer]:
    train = data.dataset("train")
    makers: dict[str, Callable[[], Scorer]] = {
        "voxel": lambda: VoxelScorer(train, len(data.categories)),
        "silhouette": lambda: SilhouetteScorer(train, viewing_angle=data.viewing_angle),
        "surface": lambda: SurfaceScorer(train, num_inputs=surface_views),
    }
    return [make() for group, make in makers.items() if group in groups]


def _protocols(data: MultiViewDataModule, groups: Sequence[str]) -> dict[str, Protocol]:
    """Give name and definition of each metric that is computed."""
    height, width = data.image_size
    sizes = {
        "voxels": data.index.resolution,
        "pixels": height if height == width else f"{height}x{width}",
        "points": data.index.num_points,
    }
    return {
        name: Protocol(METRICS[name].protocol.format(**sizes), METRICS[name].definition)
        for name in metrics_of(groups)
    }


def _summaries(
    data: MultiViewDataModule,
    objects: NDArray[np.int64],
    scores: dict[tuple[str, str], NDArray[np.float64]],
) -> dict[str, Any]:
    """Give what the report says of the objects and their scores."""
    index = data.index
    category = index.category[objects]
    hollow = (index.flags[objects] & FLAGS["hollow"]) > 0
    order = [(metric, method) for metric in METRICS for method in METHODS]
    ordered = {key: scores[key] for key in order if key in scores}
    tables: dict[str, dict[str, Summary]] = {}
    for (metric, method), values in ordered.items():
        tables.setdefault(metric, {})[method] = Summary.of(
            values, category=category, hollow=hollow, names=data.categories
        )
    return {
        "num_objects": {
            data.categories[number]: int((category == number).sum())
            for number in np.unique(category)
        },
        "num_hollow": int(hollow.sum()),
        "scores": tables,
        "objects": ObjectScores(
            ids=[index.ids[row] for row in objects],
            categories=[data.categories[number] for number in category],
            hollow=hollow.tolist(),
            scores={
                f"{metric}/{method}": list(values) for (metric, method), values in ordered.items()
            },
        ),
    }
