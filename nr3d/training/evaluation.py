"""The nmr-voxel32 protocol on a split, beside two baselines, and its reports.

Every object of the split from all its views; the score of a category is the mean over objects and
views, the total the unweighted mean over the categories.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from nr3d.data.batch import MultiViewBatch
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.geometry.mesh import Mesh
from nr3d.metrics import voxel_iou
from nr3d.training.baselines import MeanShapes, mean_shapes, sphere_voxels
from nr3d.training.checkpoints import write_atomically
from nr3d.training.scores import CategoryMean, score_views

PROTOCOL = "nmr-voxel32"
METHODS = ("model", "sphere", "mean_shape")


@dataclass(frozen=True)
class Report:
    """Voxel IoU by category and method.

    Attributes:
        protocol: Name of the protocol.
        split: Split of the dataset.
        dataset: Path of the dataset.
        checkpoint: Path of the checkpoint.
        step: Training step of the checkpoint.
        num_objects: Objects of each category.
        num_views: Views of each object.
        categories: Method -> category -> IoU.
        mean: Method -> unweighted mean over the categories.
        seconds: Time that the evaluation took.
    """

    protocol: str
    split: str
    dataset: str
    checkpoint: str
    step: int
    num_objects: dict[str, int]
    num_views: int
    categories: dict[str, dict[str, float]]
    mean: dict[str, float]
    seconds: float


@torch.no_grad()
def evaluate(
    predict: Callable[[Tensor], Mesh],
    data: MultiViewDataModule,
    *,
    split: str,
    checkpoint: str = "",
    step: int = 0,
    device: torch.device | str = "cpu",
    show_progress: bool = False,
) -> Report:
    """Score a model and the baselines *sphere* and *mean shape* on a split.

    Args:
        predict: Images [B, 4, H, W] in [0, 1] -> Mesh.
        data: The dataset; the mean shapes come from its training split.
        split: train, val or test.
        checkpoint: Written into the report.
        step: Written into the report.
        device: Where `predict` wants its images.
        show_progress: Whether to show a bar.

    Raises:
        ValueError: If the dataset has no voxels, or the split no objects.
    """
    start = time.perf_counter()
    names = data.categories
    loader = data.evaluation_dataloader(split)
    shapes = mean_shapes(data.dataset("train"), len(names))
    sphere = sphere_voxels(shapes.voxels.shape[-1])
    scores = {method: CategoryMean(len(names)) for method in METHODS}
    batches = track(loader, description=f"evaluating {split}", disable=not show_progress)
    for batch in batches:
        batch = batch.to(device).to_float()
        for method, values in _score_batch(predict, batch, sphere, shapes).items():
            scores[method].add(batch.category, values)
    counts = scores["model"].counts.int().tolist()
    present = [number for number, count in enumerate(counts) if count]
    return Report(
        protocol=PROTOCOL,
        split=split,
        dataset=str(data.path),
        checkpoint=checkpoint,
        step=step,
        num_objects={names[number]: counts[number] for number in present},
        num_views=data.num_views,
        categories={
            method: {names[number]: float(score.per_category()[number]) for number in present}
            for method, score in scores.items()
        },
        mean={method: score.mean() for method, score in scores.items()},
        seconds=time.perf_counter() - start,
    )


def write_report(report: Report, folder: Path, *, name: str = "report") -> list[Path]:
    """Write report.json, .csv and .md into `folder`."""
    contents = {
        "json": json.dumps(asdict(report), indent=2) + "\n",
        "csv": _to_csv(report),
        "md": _to_markdown(report),
    }
    paths = [folder / f"{name}.{suffix}" for suffix in contents]
    for path, text in zip(paths, contents.values(), strict=True):
        write_atomically(path, text.encode("utf-8"))
    return paths


def print_report(report: Report, console: Console) -> None:
    """Print the table of a report."""
    table = Table(title=f"voxel IoU, {report.protocol}, {report.split} split")
    table.add_column("category")
    table.add_column("objects", justify="right")
    for method in METHODS:
        table.add_column(method.replace("_", " "), justify="right")
    *rows, mean = _rows(report)
    for row in rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*mean, style="bold")
    console.print(table)


def _score_batch(
    predict: Callable[[Tensor], Mesh], batch: MultiViewBatch, sphere: Tensor, shapes: MeanShapes
) -> dict[str, Tensor]:
    """Give the IoU per object of each method. [B]"""
    model = score_views(predict, batch).mean(dim=1)
    assert batch.voxels is not None  # score_views checked it
    voxels = batch.voxels
    mean_shape = shapes.voxels.to(voxels.device)[batch.category]
    return {
        "model": model,
        "sphere": voxel_iou(sphere.to(voxels.device).expand_as(voxels), voxels),
        "mean_shape": voxel_iou(mean_shape, voxels),
    }


def _rows(report: Report) -> list[list[str]]:
    """Give a row of texts per category and one for the mean."""
    rows = [
        [name, str(count), *(f"{report.categories[method][name]:.4f}" for method in METHODS)]
        for name, count in report.num_objects.items()
    ]
    total = str(sum(report.num_objects.values()))
    return [*rows, ["mean", total, *(f"{report.mean[method]:.4f}" for method in METHODS)]]


def _to_csv(report: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["category", "objects", *METHODS])
    writer.writerows(_rows(report))
    return text.getvalue()


def _to_markdown(report: Report) -> str:
    header = ["category", "objects", *(method.replace("_", " ") for method in METHODS)]
    lines = [
        f"Voxel IoU, protocol {report.protocol}, {report.split} split of {report.dataset}, "
        f"{report.num_views} views per object; {report.checkpoint} at step {report.step}.",
        "",
        "| " + " | ".join(header) + " |",
        "|---|" + "---:|" * (len(header) - 1),
        *("| " + " | ".join(row) + " |" for row in _rows(report)),
    ]
    return "\n".join(lines) + "\n"
