"""Runs in Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nr3d.config import flatten
from nr3d.report.records import RunRecord
from nr3d.training.protocols import METHODS, METRICS
from nr3d.training.report_files import format_score

ABSENT = "–"
UNCOMPARED = ("name", "resume", "logger", "wandb")  # they change no result


def scores_table(runs: Sequence[RunRecord]) -> list[str]:
    """Give a row of scores per run, then those of the baselines, the same for all."""
    metrics = [name for name in METRICS if any(run.mean(name) is not None for run in runs)]
    header = ["run", "best step", "of", "minutes", *(METRICS[name].heading for name in metrics)]
    if len(runs) > 1:
        header.append(f"voxel IoU − {runs[0].letter}")
    rows = []
    for run in runs:
        minutes = ABSENT if run.seconds is None else f"{run.seconds / 60:.1f}"
        steps = [str(run.report["step"]), str(run.config["trainer"]["max_steps"]), minutes]
        rows.append([run.label, *steps, *(_score(run, name, "model") for name in metrics)])
        if len(runs) > 1:
            rows[-1].append(paired_difference(run, runs[0]))
    for method in METHODS:
        scores = [_score(runs[0], name, method) for name in metrics]
        if method != "model" and set(scores) != {ABSENT}:
            filler = [""] * (len(header) - 1 - len(scores))
            rows.append([method.replace("_", " "), *filler[:3], *scores, *filler[3:]])
    return table(header, rows)


def paired_difference(run: RunRecord, other: RunRecord) -> str:
    """Give the mean difference of two runs over the same objects, and its standard error."""
    shared = [name for name in other.objects if name in run.objects]
    if run is other or not shared:
        return ABSENT
    differences = np.array([run.objects[name] - other.objects[name] for name in shared])
    if len(shared) == 1:
        return f"{differences[0]:+.4f}"
    error = differences.std(ddof=1) / math.sqrt(len(shared))
    return f"{differences.mean():+.4f} ± {error:.4f}"


def categories_table(runs: Sequence[RunRecord]) -> list[str]:
    """Give the voxel IoU of every category, a column per run; nothing where no run has any."""
    scores = [
        run.report["scores"].get("voxel_iou", {}).get("model", {}).get("categories", {})
        for run in runs
    ]
    counts = runs[0].report["num_objects"]
    rows = [
        [
            name,
            str(count),
            *(format_score("voxel_iou", each[name]) if name in each else ABSENT for each in scores),
        ]
        for name, count in counts.items()
    ]
    return table(["category", "objects", *(run.label for run in runs)], rows) if any(scores) else []


def differences_table(runs: Sequence[RunRecord]) -> list[str]:
    """Give the keys whose values differ, a column per run; nothing where none does."""
    flat = [dict(flatten(run.config)) for run in runs]
    keys = list(dict.fromkeys(key for each in flat for key in each))
    rows = []
    for key in keys:
        values = [each.get(key, ABSENT) for each in flat]
        differs = any(value != values[0] for value in values)
        if differs and key.partition(".")[0] not in UNCOMPARED:
            rows.append([f"`{key}`", *map(str, values)])
    return table(["key", *(run.label for run in runs)], rows) if rows else []


def objects_table(runs: Sequence[RunRecord], names: Iterable[str]) -> list[str]:
    """Give the voxel IoU of some objects, a column per run."""
    rows = []
    for name in names:
        scores = [
            format_score("voxel_iou", run.objects[name]) if name in run.objects else ABSENT
            for run in runs
        ]
        category = next((run.categories[name] for run in runs if name in run.categories), ABSENT)
        rows.append([name, category, *scores])
    return table(["object", "category", *(run.label for run in runs)], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table, all columns but the first to the right."""
    lines = [[_cell(text) for text in row] for row in (header, *rows)]
    ruler = "|---|" + "---:|" * (len(header) - 1)
    written = [f"| {' | '.join(line)} |" for line in lines]
    return [written[0], ruler, *written[1:]]


def describe(runs: Sequence[RunRecord]) -> list[str]:
    """Say which run is which and what was scored."""
    first = runs[0].report
    return [
        *(f"- **{run.label}**: {_posix(run.path)}, {run.config['experiment']}" for run in runs),
        f"- {first['split']} split, {sum(first['num_objects'].values())} objects, "
        f"{first['num_views']} views each, split hash {first['split_hash']}",
    ]


def _score(run: RunRecord, metric: str, method: str) -> str:
    value = run.mean(metric, method)
    return ABSENT if value is None else format_score(metric, value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _posix(path: Path) -> str:
    return f"`{path.as_posix()}`"
