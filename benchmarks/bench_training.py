"""Time the parts of a training step: data, network, renders, losses, optimizer; and whole steps.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_training [EXPERIMENT] [key=value ...]
Kato's recipe on the embedded dataset (nr3d dataset build synthetic -o data/synthetic.h5):
     ... bench_training model=kato dataset.batch_size=64 optimizer.name=kato_adam

Several settings beside each other, taking turns step by step (the effects in docs/performance.md):
     ... bench_training model=kato dataset.batch_size=64 --variant model.channels_last=false

Whole steps of the loop in place of parts, which a CUDA graph has none of:
     ... --loop --variant trainer.cuda_graph=true

Noise of the size of ShapeNet's thirteen categories in the place of the dataset's images:
     ... --objects 43783

The parts are timed one after the other with the device idle in between, so on a GPU their sum is
more than a step, in which they overlap. The steps are those of the Lightning loop, logging
included, without validation; the first quarter of them warms up. On a GPU they are timed by events,
so that nothing waits.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nr3d.build import build_data, build_module, check_config
from nr3d.config import compose
from nr3d.data.batch import MultiViewBatch
from nr3d.geometry import Mesh
from nr3d.losses import silhouette_iou_loss, smoothness_loss
from nr3d.schema import Config
from nr3d.training.captured_steps import CaptureSteps
from nr3d.training.metrics_log import MetricsLog
from nr3d.training.module import ReconstructionModule
from nr3d.training.run_folder import RunFolder
from nr3d.training.stopping import StopOnSignals
from nr3d.training.trainer import TrainerSettings, make_trainer, quiet_lightning

from .random_data import RandomImages, attach, make_random, write_hollow

Result = TypeVar("Result")
DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class Clock:
    """Milliseconds by part, with the device idle at both ends."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.times: dict[str, list[float]] = {}

    def __call__(self, part: str, work: Callable[[], Result]) -> Result:
        self._wait()
        start = time.perf_counter()
        result = work()
        self._wait()
        self.times.setdefault(part, []).append(1e3 * (time.perf_counter() - start))
        return result

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class StepTimes(pl.Callback):
    """Milliseconds from the end of one step to the end of the next."""

    def __init__(self) -> None:
        self._ends: list[Any] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Note the time; on a GPU steps are submitted ahead, so leave an event behind this one."""
        if trainer.strategy.root_device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._ends.append(event)
        else:
            self._ends.append(time.perf_counter())

    def times(self) -> list[float]:
        """Give the time of every step but the first."""
        pairs = zip(self._ends, self._ends[1:], strict=False)
        if self._ends and not isinstance(self._ends[0], float):
            self._ends[-1].synchronize()
            return [first.elapsed_time(second) for first, second in pairs]
        return [1e3 * (second - first) for first, second in pairs]


class Parts:
    """The parts of one step of a module, timed apart."""

    def __init__(self, module: ReconstructionModule, config: Config, device: torch.device) -> None:
        self.module = module.to(device).train()
        self.optimizer = module.configure_optimizers()
        self.autocast_dtype = DTYPES.get(config["trainer"]["precision"])
        self.device = device
        if config["trainer"]["compile"]:
            module.compile_training()

    def step(self, batches: Iterator[MultiViewBatch], clock: Clock) -> None:
        """Take one step."""
        batch = clock("data", lambda: next(batches).to(self.device).to_float())
        mesh = clock("network, forward", lambda: self._reconstruct(batch.inputs().flatten(0, 1)))
        leaf = Mesh(mesh.vertices.detach().requires_grad_(), mesh.faces)
        eyes = batch.eyes.repeat_interleave(batch.images.shape[1], dim=0)
        rendered = clock("renders, forward", lambda: self._render(leaf, eyes))
        images = rendered.detach().requires_grad_()
        clock("losses, both ways", lambda: self._losses(batch, leaf, images))
        clock("renders, backward", lambda: rendered.backward(images.grad))
        clock("network, backward", lambda: mesh.vertices.backward(leaf.vertices.grad))
        clock("optimizer", self._update)

    def _reconstruct(self, images: Tensor) -> Mesh:
        enabled = self.autocast_dtype is not None
        with torch.autocast(self.device.type, dtype=self.autocast_dtype, enabled=enabled):
            return self.module._reconstruct(images)

    def _render(self, mesh: Mesh, eyes: Tensor) -> Tensor:
        rendered: Tensor = self.module.renderer.silhouettes(mesh, eyes)  # type: ignore[operator]
        return rendered

    def _losses(self, batch: MultiViewBatch, mesh: Mesh, rendered: Tensor) -> None:
        target = batch.images[:, :, 3].repeat_interleave(batch.images.shape[1], dim=0)
        loss = silhouette_iou_loss(rendered.flatten(0, 1), target.flatten(0, 1))
        weights = self.module.weights
        if weights.smoothness:
            flat = smoothness_loss(mesh.vertices, self.module._edges_of(mesh))
            loss = weights.silhouette * loss + weights.smoothness * flat
        loss.backward()

    def _update(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()


def start_parts(
    config: Config, device: torch.device, is_random: bool
) -> tuple[Parts, Iterator[MultiViewBatch]]:
    """Give a module in parts, and its batches from where the images stay while training."""
    data = attach(build_data(config), device)
    if is_random:
        make_random(data)
    parts = Parts(build_module(config, categories=data.categories), config, device)
    return parts, iter(data.train_dataloader())


def time_parts(
    config: Config, steps: int, device: torch.device, is_random: bool
) -> dict[str, list[float]]:
    """Give the milliseconds of every part, one entry a step."""
    parts, batches = start_parts(config, device, is_random)
    for _ in range(3):
        parts.step(batches, Clock(device))
    clock = Clock(device)
    for _ in range(steps):
        parts.step(batches, clock)
    return clock.times


def time_steps(config: Config, steps: int, is_random: bool) -> list[float]:
    """Give the milliseconds of the steps of the Lightning loop, warm ones only."""
    data = build_data(config)
    module = build_module(config, categories=data.categories)
    settings = TrainerSettings(
        **{**config["trainer"], "max_steps": steps, "validate_every": steps + 1}
    )
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        trainer = make_trainer(settings, run, [MetricsLog(run.metrics)], StopOnSignals())
        times = StepTimes()
        # no bar, no checkpoints
        kept = [each for each in trainer.callbacks if isinstance(each, CaptureSteps)]
        trainer.callbacks = [*([RandomImages(data)] if is_random else []), *kept, times]
        if settings.compile:
            module.compile_training()
        with quiet_lightning():
            trainer.fit(module, data)
    return times.times()[steps // 4 :]


def compare(
    configs: dict[str, Config], rounds: int, device: torch.device, is_random: bool
) -> dict[str, list[float]]:
    """Time steps, their parts one after the other, of settings that take turns."""
    running = {name: start_parts(config, device, is_random) for name, config in configs.items()}
    totals: dict[str, list[float]] = {name: [] for name in running}
    for round_number in range(rounds + 3):
        for name, (parts, batches) in running.items():
            clock = Clock(device)
            parts.step(batches, clock)
            if round_number >= 3:  # the first ones warm up
                totals[name].append(sum(value for (value,) in clock.times.values()))
    return totals


def report_comparison(totals: dict[str, list[float]]) -> None:
    """Print the times of the settings beside each other; ratios are those of the rounds."""
    table = Table("settings", "median ms", "minimum ms", "of the first, median")
    first = next(iter(totals.values()))
    for name, values in totals.items():
        ratio = statistics.median(b / a for a, b in zip(first, values, strict=True))
        row = (statistics.median(values), min(values), ratio)
        table.add_row(name, f"{row[0]:.2f}", f"{row[1]:.2f}", f"{row[2]:.2f}")
    Console(width=120).print(table)


def report(parts: dict[str, list[float]], steps: list[float], title: str) -> None:
    """Print the table of the parts, the renderer's share and the whole step."""
    table = Table(title=title)
    for column in ("part", "median ms", "minimum ms", "share of the medians"):
        table.add_column(column, justify="left" if column == "part" else "right")
    total = sum(statistics.median(values) for values in parts.values())
    for name, values in parts.items():
        median = statistics.median(values)
        table.add_row(name, f"{median:.1f}", f"{min(values):.1f}", f"{100 * median / total:.1f} %")
    Console().print(table)
    for kind, choose in (("medians", statistics.median), ("minima", min)):
        sums = {name: choose(values) for name, values in parts.items()}
        renders = sum(value for name, value in sums.items() if name.startswith("renders"))
        whole = sum(sums.values())
        print(f"{kind}: {whole:.1f} ms, renders {100 * renders / whole:.1f} % of it")
    median, best = statistics.median(steps), min(steps)
    print(
        f"steps: median {median:.1f} ms ({1e3 / median:.2f} steps/s), "
        f"minimum {best:.1f} ms ({1e3 / best:.2f} steps/s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="EXPERIMENT | key=value")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of each kind")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="'KEY=VALUE ...'", help="settings beside"
    )
    parser.add_argument("--loop", action="store_true", help="time the loop's steps, no parts")
    parser.add_argument("--objects", type=int, help="noise of so many objects as the dataset")
    arguments = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.objects:
            path = write_hollow(Path(folder) / "hollow.h5", arguments.objects)
            arguments.overrides += [f"dataset.path={path}", "dataset.val_objects=16"]
        figures = measure(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line asks for, print and give it."""
    named = [text for text in arguments.overrides if "=" not in text]
    overrides = [text for text in arguments.overrides if "=" in text]
    texts = [[], *(text.split() for text in arguments.variant)]
    configs = {
        " ".join(text) or " ".join(arguments.overrides): check_config(
            compose(*(named or ["default"]), [*overrides, *text])
        )
        for text in texts
    }
    config = next(iter(configs.values()))
    use_cuda = config["trainer"]["accelerator"] != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda", 0) if use_cuda else torch.device("cpu")
    is_random = arguments.objects is not None
    if arguments.loop or arguments.variant:
        if arguments.loop:
            steps = arguments.steps * 4 // 3
            totals = {name: time_steps(each, steps, is_random) for name, each in configs.items()}
        else:
            totals = compare(configs, arguments.steps, device, is_random)
        report_comparison(totals)
        return {"steps_ms": totals}
    parts = time_parts(config, arguments.steps, device, is_random)
    steps_ms = time_steps(config, arguments.steps * 4 // 3, is_random)
    report(parts, steps_ms, f"{' '.join(arguments.overrides)} on {device}")
    return {"overrides": arguments.overrides, "parts_ms": parts, "steps_ms": steps_ms}


if __name__ == "__main__":
    main()
