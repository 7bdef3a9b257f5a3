"""Who is told what a run finds: metrics.csv always, Weights & Biases when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from nr3d.checks import check_count
from nr3d.training.metrics_log import CountSteps, MetricsLog
from nr3d.training.processes import is_main_process
from nr3d.training.report import Report
from nr3d.training.run_folder import RunFolder
from nr3d.training.showcase import Showcase
from nr3d.training.wandb_logger import WandbLog, start_wandb_run


@dataclass(frozen=True)
class WandbSettings:
    """The `wandb` section, of use with logger=wandb.

    Attributes:
        project: Where wandb files the run.
        objects: Validation objects, spread evenly, that are shown as turntable and mesh; 0 for
            none.
        media_every: Validations between two showings of those objects and the image grid; the last
            validation always shows them.
        checkpoints: Upload best.ckpt and last.ckpt when training ends.
    """

    project: str = "nr3d"
    objects: int = 4
    media_every: int = 1
    checkpoints: bool = False

    def __post_init__(self) -> None:
        check_count("wandb", "objects", self.objects, at_least=0)
        check_count("wandb", "media_every", self.media_every)


@dataclass(frozen=True)
class Tracking:
    """What `fit` takes for the sake of those who are told; empty on other processes than the main.

    Attributes:
        loggers: Take numbers.
        callbacks: See that the steps are right, and show what a validation shows.
        wandb: The wandb run, None without one.
    """

    loggers: list[Logger] = field(default_factory=list)
    callbacks: list[pl.Callback] = field(default_factory=list)
    wandb: WandbLog | None = None

    def record_report(self, report: Report) -> None:
        """Tell the mean over categories of every metric and method on the test split."""
        if self.wandb is not None:
            self.wandb.summarize(
                {
                    f"{report.split}/{metric}/{method}": summary.mean_of_categories
                    for metric, methods in report.scores.items()
                    for method, summary in methods.items()
                }
            )


@contextmanager
def track(
    run: RunFolder,
    *,
    start_step: int,
    wandb: WandbSettings | None,
    config: Mapping[str, Any],
    validate_every: int,
    max_steps: int,
) -> Iterator[Tracking]:
    """Open the logs of a run, and close them after training and evaluation.

    Args:
        run: Where metrics.csv and the wandb run are.
        start_step: Steps done so far.
        wandb: Settings of wandb; None to do without.
        config: The complete configuration, for wandb.
        validate_every: Steps between validations.
        max_steps: Steps in all.
    """
    if not is_main_process():
        yield Tracking()
        return
    metrics = MetricsLog(run.metrics, start_step=start_step)
    if wandb is None:
        yield Tracking([metrics], [CountSteps()])
        return
    wandb_log = start_wandb_run(run, project=wandb.project, config=config)
    showcase = Showcase(
        wandb_log,
        run,
        num_objects=wandb.objects,
        validate_every=validate_every,
        media_every=wandb.media_every,
        max_steps=max_steps,
        with_checkpoints=wandb.checkpoints,
    )
    failed = True
    try:
        yield Tracking([metrics, wandb_log], [CountSteps(), showcase], wandb_log)
        failed = False
    finally:
        wandb_log.finish(failed=failed)
