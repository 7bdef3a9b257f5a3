"""The same test objects as every run reconstructs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from nr3d.build import build_data, choose_device, load_trained
from nr3d.data.batch import MultiViewBatch
from nr3d.data.multiview import MultiViewDataset
from nr3d.renderer.appearance import FaceColors
from nr3d.renderer.shading import render_views
from nr3d.report.records import RunRecord
from nr3d.training.reconstruction import FACE_GREY, VIEW_SIZE
from nr3d.training.showcase import reconstruct
from nr3d.visualize import Array, image_grid

GROUPS = ("best", "median", "worst")


def choose_objects(runs: Sequence[RunRecord], count: int) -> dict[str, list[str]]:
    """Choose the best, median and worst objects by the mean voxel IoU over the runs.

    Only objects that every run has a score of; none of them is in two groups.

    Args:
        runs: Runs with scores of single objects.
        count: Objects of each group; fewer where there are fewer than three times as many.

    Returns:
        Group -> names, in descending order of the score; empty where no object is scored by all.
    """
    shared = set.intersection(*(set(run.objects) for run in runs))
    scores = {name: sum(run.objects[name] for run in runs) for name in sorted(shared)}
    ranked = sorted(scores, key=lambda name: -scores[name])
    count = min(count, len(ranked) // len(GROUPS))
    if count == 0:
        return {}
    middle = (len(ranked) - count) // 2
    parts = (ranked[:count], ranked[middle : middle + count], ranked[-count:])
    return dict(zip(GROUPS, parts, strict=True))


def draw_galleries(
    runs: Sequence[RunRecord], groups: Mapping[str, Sequence[str]]
) -> dict[str, Array]:
    """Draw a picture per group, a row per object.

    Columns: the input, the truth from another stored view where there is one, and of every run
    what it makes of the input, from both of these eyes.

    Args:
        runs: The runs; their checkpoints and datasets are read.
        groups: Group -> names of test objects.

    Returns:
        Group -> RGB in [0, 1]. [H', W', 3]

    Raises:
        FileNotFoundError: If a dataset is not there.
        ValueError: If a dataset does not have the objects, or a checkpoint does not fit.
    """
    names = [name for chosen in groups.values() for name in chosen]
    columns: list[Tensor] = []  # of cells [O, 3, S, S]
    titles: list[str] = []
    for run in runs:
        truth, views = _reconstruct(run, names)
        if not columns:
            columns += [_enlarge(image) for image in truth.unbind(1)]
            titles += ["input", "truth"][: truth.shape[1]]
        columns += list(views.unbind(1))
        titles += [run.label] + [""] * (views.shape[1] - 1)
    cells = torch.stack(columns, dim=1).permute(0, 1, 3, 4, 2).numpy()  # [O, C, S, S, 3]
    pictures, start = {}, 0
    for group, chosen in groups.items():
        pictures[group] = image_grid(cells[start : start + len(chosen)], titles=titles)
        start += len(chosen)
    return pictures


def _reconstruct(run: RunRecord, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Give what was shown and what was made of it, from one or two eyes. [O, N, 3, S, S] each"""
    config, module, _ = load_trained(run.checkpoint)
    data = build_data(config)
    rows = {name: row for row, name in enumerate(data.index.ids)}
    missing = [name for name in names if name not in rows]
    if missing:
        raise ValueError(
            f"report: {data.path} must have the objects of {run.path}, got none named "
            f"{missing[0]}; put back the file that the run was evaluated on"
        )
    batch = _read(data.dataset("test"), [rows[name] for name in names], data.num_views)
    mesh = reconstruct(module.to(choose_device(config)), batch.images[:, 0])
    grey = FaceColors(torch.full((1, len(mesh.faces), 3), FACE_GREY, dtype=mesh.vertices.dtype))
    views = [
        render_views(
            vertices,
            mesh.faces,
            grey,
            eyes.to(vertices),
            viewing_angle=data.viewing_angle,
            image_size=VIEW_SIZE,
        )
        for vertices, eyes in zip(mesh.vertices, batch.eyes, strict=True)
    ]
    return batch.images[:, :, :3], torch.stack(views)[:, :, :3].float() / 255.0


def _read(dataset: MultiViewDataset, rows: Sequence[int], num_views: int) -> MultiViewBatch:
    """Read the first view of each object, and the middle one, often from behind."""
    chosen = np.array(sorted({0, num_views // 2}), dtype=np.int64)
    views = np.broadcast_to(chosen, (len(rows), len(chosen)))
    return dataset.read(np.array(rows, dtype=np.int64), views, with_voxels=False).to_float()


def _enlarge(images: Tensor) -> Tensor:
    """Give images [O, 3, H, W] the size of the cells."""
    return torch.nn.functional.interpolate(images, (VIEW_SIZE, VIEW_SIZE))
