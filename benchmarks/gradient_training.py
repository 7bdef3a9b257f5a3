"""Train the same model from the same weights on the same batches by each gradient."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from nr3d.build import build_data, build_module, build_trainer_settings, check_config
from nr3d.config import compose
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.schema import Config
from nr3d.training.module import ReconstructionModule
from nr3d.training.run_folder import RunFolder
from nr3d.training.scores import CategoryMean, predict_views, voxel_iou_of_views
from nr3d.training.trainer import make_trainer, quiet_lightning

from .bench_training import Clock, Parts
from .gradient_curves import Curve, Section

VOXEL = "test voxel IoU"
VIEW_STRIDE = 6  # of the 24 views of a test object, four are scored


class Scores(pl.Callback):
    """Score the test split at some steps, and stop when the time is over.

    Args:
        data: Whose test split it is.
        marks: After which steps.
        minutes: Of training, scoring left out.
    """

    def __init__(self, data: MultiViewDataModule, marks: Sequence[int], minutes: float) -> None:
        self.data = data
        self.marks = set(marks)
        self.seconds_left = 60 * minutes
        self.found: dict[int, float] = {}
        self._since = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score what is there before the first step."""
        self._score(0, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *arguments: Any
    ) -> None:
        """Score where a mark is, or where the time ends."""
        is_over = time.perf_counter() - self._since > self.seconds_left
        if is_over or trainer.global_step in self.marks:
            self.seconds_left -= time.perf_counter() - self._since
            self._score(trainer.global_step, pl_module)
        trainer.should_stop |= is_over

    def _score(self, step: int, module: pl.LightningModule) -> None:
        assert isinstance(module, ReconstructionModule)
        module.eval()
        self.found[step] = score(module, self.data)
        module.train()
        self._since = time.perf_counter()


@torch.no_grad()
def score(module: ReconstructionModule, data: MultiViewDataModule) -> float:
    """Give the mean over categories of the voxel IoU on the test split, from some of the views."""
    scores = CategoryMean(len(data.categories))
    for batch in data.evaluation_dataloader("test"):
        some = replace(
            batch, images=batch.images[:, ::VIEW_STRIDE], eyes=batch.eyes[:, ::VIEW_STRIDE]
        ).to_float()
        ious = voxel_iou_of_views(predict_views(module, some), some)
        scores.add(batch.category, ious.mean(dim=1))
    return scores.mean()


def configure(experiment: str, name: str, overrides: Sequence[str]) -> Config:
    """Give an experiment's configuration with a gradient, the rate constant, on the CPU."""
    fixed = [f"renderer={name}", "trainer.drop_rate_at=null", "trainer.accelerator=cpu"]
    return check_config(compose(experiment, [*fixed, *overrides]))


def train(config: Config, *, num_marks: int, minutes: float) -> Curve:
    """Train once, scored in even distances."""
    torch.manual_seed(config["seed"])
    data = build_data(config)
    module = build_module(config, categories=data.categories)
    settings = build_trainer_settings(config)
    steps = settings.max_steps
    marks = [round(steps * (number + 1) / num_marks) for number in range(num_marks)]
    scores = Scores(data, marks, minutes)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(settings, RunFolder(Path(folder)), [])
        trainer.limit_val_batches = 0
        trainer.callbacks = [scores]  # no bar, no checkpoints
        with quiet_lightning():
            trainer.fit(module, data)
    return Curve(list(scores.found), {VOXEL: list(scores.found.values())}, {"seed": config["seed"]})


def time_steps(configs: dict[str, Config], rounds: int) -> dict[str, list[float]]:
    """Give the milliseconds of whole steps, gradients taking turns step by step."""
    running = {}
    for name, config in configs.items():
        data = build_data(config)
        parts = Parts(build_module(config, categories=data.categories), config, torch.device("cpu"))
        running[name] = (parts, iter(data.train_dataloader()))
    times: dict[str, list[float]] = {name: [] for name in running}
    for round_number in range(rounds + 2):
        for name, (parts, batches) in running.items():
            clock = Clock(torch.device("cpu"))
            parts.step(batches, clock)
            if round_number >= 2:  # the first ones warm up
                times[name].append(sum(value for (value,) in clock.times.values()))
    return times


def compare_training(
    experiment: str,
    names: Sequence[str],
    *,
    seeds: Sequence[int],
    steps: int | None,
    minutes: float,
    rounds: int,
    overrides: Sequence[str] = (),
    num_marks: int = 2,
) -> Section:
    """Train with every gradient and seed, and time their steps."""
    if steps is not None:
        overrides = [*overrides, f"trainer.max_steps={steps}", f"trainer.validate_every={steps}"]
    configs = {name: configure(experiment, name, overrides) for name in names}
    curves: dict[str, list[Curve]] = {name: [] for name in names}
    for seed in seeds:
        for name in names:
            config = configure(experiment, name, [*overrides, f"seed={seed}"])
            curve = train(config, num_marks=num_marks, minutes=minutes)
            curves[name].append(curve)
            print(f"{experiment}, {name}, seed {seed}: {curve.scores[VOXEL][-1]:.3f}", flush=True)
    config = configs[names[0]]
    title = f"training {experiment}, batches of {config['dataset']['batch_size']}"
    return Section(title, curves, time_steps(configs, rounds))
