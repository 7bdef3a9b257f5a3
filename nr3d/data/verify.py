"""Read a whole dataset and check what a glance at its layout cannot show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from nr3d.data.format import SPLITS, Index, read_index
from nr3d.data.multiview import MultiViewDataset

MAX_REPORTED = 5
FLOAT16_STEP = 2.0**-11
REACH = 0.52  # surfaces of others are those of watertight copies, which are a little thicker


def verify_dataset(path: str | Path) -> Index:
    """Read every image and every grid of a dataset.

    Checks that everything can be read, ids are unique, each object is seen in some view, the
    background is black, no camera sits in the origin, no grid is empty, and surface samples lie
    in the cube (but for 0.02) with unit normals.

    Returns:
        The index of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Something is wrong; the message names the first objects concerned.
    """
    index = read_index(path)
    problems = _duplicates(index)
    for split in SPLITS:
        if len(index.objects_of(split)) == 0:
            continue
        dataset = MultiViewDataset(path, split=split, index=index)
        for row in dataset.objects:
            problems += [f"{index.ids[row]}: {text}" for text in _problems(dataset, row)]
    if problems:
        shown = "; ".join(problems[:MAX_REPORTED])
        raise ValueError(
            f"dataset file {path} must be sound, got {len(problems)} problems: {shown}; "
            "build it again"
        )
    return index


def _duplicates(index: Index) -> list[str]:
    names, counts = np.unique(np.array(index.ids), return_counts=True)
    return [f"{name}: the id occurs more than once" for name in names[counts > 1]]


def _problems(dataset: MultiViewDataset, row: np.int64) -> list[str]:
    batch = dataset.whole(np.array([row]))
    images = batch.images[0]
    mask = images[:, 3:]
    problems = []
    if not bool(mask.any()):
        problems.append("no view shows it")
    if bool((images[:, :3].amax(dim=1, keepdim=True) > mask).any()):
        problems.append("the background is not black")
    if not bool((torch.linalg.vector_norm(batch.eyes[0], dim=-1) > 0).all()):
        problems.append("a camera sits in the origin")
    if batch.voxels is not None and not bool(batch.voxels.any()):
        problems.append("the voxel grid is empty")
    return problems + _surface_problems(dataset, row)


def _surface_problems(dataset: MultiViewDataset, row: np.int64) -> list[str]:
    surfaces = dataset.file.surfaces(np.array([row]))
    if surfaces is None:
        return []
    points, normals = surfaces
    problems = []
    if not bool((points.abs() <= REACH).all()):  # NaN too
        problems.append("a surface point is not in [-0.5, 0.5]^3")
    lengths = torch.linalg.vector_norm(normals, dim=-1)
    if not bool(((lengths - 1).abs() <= 4 * FLOAT16_STEP).logical_or(lengths == 0).all()):
        problems.append("a normal has not the length 1")
    return problems
