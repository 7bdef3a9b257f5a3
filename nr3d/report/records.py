"""What the folder of a run says about it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nr3d.config import read_yaml
from nr3d.schema import Config
from nr3d.training.checkpoints import find_checkpoint
from nr3d.training.fingerprints import hash_of_file
from nr3d.training.run_folder import RunFolder
from nr3d.visualize import Curve

SCORE = "voxel_iou/model"
TRAINED = re.compile(r" (?:trained for|stopped after) (\d+) s")


@dataclass(frozen=True)
class RunRecord:
    """One run.

    Attributes:
        label: A letter, and the run's name.
        path: Its folder.
        config: Its configuration.
        report: What report.json holds.
        checkpoint: The checkpoint that was evaluated.
        curves: Metric -> the steps and values of metrics.csv.
        objects: Test object -> its voxel IoU; empty where report-objects.csv has none.
        categories: Test object -> its category, as `objects`.
        seconds: Of training, as log.txt tells; None if it does not.
    """

    label: str
    path: Path
    config: Config
    report: Mapping[str, Any]
    checkpoint: Path
    curves: Mapping[str, Curve]
    objects: Mapping[str, float]
    categories: Mapping[str, str]
    seconds: int | None

    @property
    def letter(self) -> str:
        """The letter that stands for the run in narrow columns."""
        return self.label.partition(" ")[0]

    def mean(self, metric: str, method: str = "model") -> float | None:
        """Give the mean over the categories, None if it was not computed."""
        scores = self.report["scores"].get(metric, {}).get(method)
        return None if scores is None else float(scores["mean_of_categories"])


def read_runs(paths: Sequence[Path]) -> list[RunRecord]:
    """Read runs that were scored on the same test objects.

    Raises:
        FileNotFoundError: A folder that is no run, or a run without an evaluation.
        ValueError: No run, one named twice, more than the alphabet has letters, an evaluation of
            another checkpoint or by another version, or of other objects than the first run's.
    """
    if not 1 <= len(paths) <= 26:
        raise ValueError(f"report: runs must be 1 to 26 folders, got {len(paths)}")
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(
            f"report: runs must be named once each, got {', '.join(str(path) for path in paths)}"
        )
    runs = [_read_run(path, chr(ord("A") + number)) for number, path in enumerate(paths)]
    for run in runs[1:]:
        if run.report["split_hash"] != runs[0].report["split_hash"]:
            raise ValueError(
                f"report: runs must be scored on the same test objects, got split hashes "
                f"{_short_hash(runs[0])} ({runs[0].path}) and {_short_hash(run)} ({run.path}); "
                "compare runs on one dataset"
            )
    return runs


def _read_run(path: Path, letter: str) -> RunRecord:
    folder = RunFolder(path)
    settings = path / "config.yaml"
    if not settings.is_file():
        raise FileNotFoundError(
            f"report: {path} must be the folder of a run (runs/NAME/TIME), got one without "
            "config.yaml"
        )
    config = read_yaml(settings)
    checkpoint = find_checkpoint(path)
    objects, categories = _read_objects(path / "report-objects.csv")
    return RunRecord(
        label=f"{letter} {config['name']}",
        path=path,
        config=config,
        report=_read_report(path, checkpoint),
        checkpoint=checkpoint,
        curves=_read_curves(folder.metrics),
        objects=objects,
        categories=categories,
        seconds=_read_seconds(folder.log),
    )


def _read_report(path: Path, checkpoint: Path) -> dict[str, Any]:
    remedy = f"run nr3d evaluate {path}"
    file = path / "report.json"
    if not file.is_file():
        raise FileNotFoundError(f"report: {path} has not been evaluated; {remedy}")
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"report: {file} must be JSON, got a damaged file; {remedy}") from error
    if not isinstance(report, dict) or not {"split_hash", "scores", "step"} <= report.keys():
        raise ValueError(
            f"report: {file} must be of this version of nr3d, got one of another; {remedy}"
        )
    if report["checkpoint_hash"] != hash_of_file(checkpoint):
        raise ValueError(f"report: {file} must be of {checkpoint}, got one of another; {remedy}")
    return report


def _read_curves(path: Path) -> dict[str, Curve]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "step"] if rows else []
    curves: dict[str, Curve] = {}
    for name in names:
        points = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
        if points:
            curves[name] = ([step for step, _ in points], [value for _, value in points])
    return curves


def _read_objects(path: Path) -> tuple[dict[str, float], dict[str, str]]:
    if not path.is_file():
        return {}, {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get(SCORE)]
    return {row["id"]: float(row[SCORE]) for row in rows}, {
        row["id"]: row["category"] for row in rows
    }


def _read_seconds(path: Path) -> int | None:
    """Add up what a run and its resumed parts took; those that crashed do not say."""
    if not path.is_file():
        return None
    found = TRAINED.findall(path.read_text(encoding="utf-8"))
    return sum(map(int, found)) if found else None


def _short_hash(run: RunRecord) -> str:
    return str(run.report["split_hash"])[:12]
