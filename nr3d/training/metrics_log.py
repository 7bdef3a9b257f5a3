"""metrics.csv: a logger whose file a resumed run continues exactly."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

Row = dict[str, str]


class CountSteps(pl.Callback):
    """Give every logger the trainer's global step.

    Lightning counts for its loggers apart, one step too many once a run goes on from a checkpoint
    whose last step was followed by a validation.
    """

    def on_train_batch_start(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Set Lightning's count of the steps before this one."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


class MetricsLog(Logger):
    """Write one row per logged step, with a column per metric.

    Lightning's own CSV logger deletes the file of the run that it resumes.

    Args:
        path: The CSV file.
        start_step: Steps done so far; later rows, which the resumed run will repeat, are dropped.
    """

    def __init__(self, path: Path, *, start_step: int = 0) -> None:
        super().__init__()
        self._path = path
        rows = _read(path)
        self._columns = list(rows[0]) if rows else ["step"]
        kept = [row for row in rows if int(row["step"]) <= start_step]
        if len(kept) != len(rows):
            self._write(kept)

    @property
    def name(self) -> str:
        """The logger's name."""
        return "metrics"

    @property
    def version(self) -> str:
        """One file has one version."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *arguments: Any, **keywords: Any) -> None:
        """Do nothing; the run's folder has the configuration."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row; `step` is counted from 0, the column holds the steps done."""
        values = {key: f"{float(value):.7g}" for key, value in metrics.items() if key != "epoch"}
        if not values:
            return
        row: Row = {"step": str((step or 0) + 1), **values}
        new = [key for key in row if key not in self._columns]
        if new:
            rows = _read(self._path)
            self._columns += new
            self._write([*rows, row])
            return
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, restval="").writerow(row)

    def _write(self, rows: list[Row]) -> None:
        temporary = self._path.with_name(self._path.name + ".part")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(temporary, self._path)


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if None not in row.values()]  # a row that was cut off
