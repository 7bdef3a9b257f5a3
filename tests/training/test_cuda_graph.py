"""Captured steps, by a capture that notes the work and does it again on the CPU."""

from __future__ import annotations

import csv
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nr3d.build import build_data, build_module, build_trainer_settings, check_config
from nr3d.cli import main
from nr3d.config import compose
from nr3d.data.batch import MultiViewBatch
from nr3d.optim import KatoAdam
from nr3d.training import captured_steps, trainer
from nr3d.training.captured_steps import check_optimizers, check_trainer
from nr3d.training.cuda_graph import WARM_UP_STEPS, GraphedStep, Losses, Run, capturable
from nr3d.training.metrics_log import MetricsLog
from nr3d.training.run_folder import RunFolder
from nr3d.training.trainer import fit
from tests.training.conftest import IMAGE_SIZE


class Recorder:
    """Does as a graph does: captures without doing anything, then repeats what was captured."""

    def __init__(self, *arguments: object) -> None:
        self.calls: list[str] = []

    def warm_up(self, run: Run) -> Losses:
        self.calls.append("warm up")
        return run()

    def capture(self, run: Run) -> None:
        self.calls.append("capture")
        self.run = run

    def replay(self) -> Losses:
        self.calls.append("replay")
        return self.run()


def settings(tiny_dataset: Path, *more: str) -> list[str]:
    return [
        f"dataset.path={tiny_dataset}",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=2",
        "trainer.max_steps=8",
        "trainer.validate_every=4",
        "trainer.log_every=1",
        "trainer.drop_rate_at=0.7",
        "trainer.accelerator=cpu",
        *more,
    ]


def train(chosen: list[str], folder: Path) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Train without a command; give the last checkpoint and the rows of the metrics."""
    config = check_config(compose("default", chosen))
    data = build_data(config)
    module = build_module(config, categories=data.categories)
    run = RunFolder(folder)
    run.last.parent.mkdir(parents=True)
    run_settings = build_trainer_settings(config)
    assert fit(module, data, settings=run_settings, run=run, loggers=[MetricsLog(run.metrics)])
    with run.metrics.open() as file:
        return torch.load(run.last), list(csv.DictReader(file))


@pytest.mark.parametrize("optimizer", ["adam", "kato_adam"])
def test_a_captured_run_is_the_same_run(optimizer, tiny_dataset, tmp_path, monkeypatch):
    recorder = Recorder()
    replaced = partial(captured_steps.CaptureSteps, lambda *arguments: recorder)
    monkeypatch.setattr(trainer, "CaptureSteps", replaced)
    chosen = settings(tiny_dataset, f"optimizer.name={optimizer}", "optimizer.fused=false")
    plain, plain_rows = train(chosen, tmp_path / "plain")
    captured, rows = train([*chosen, "trainer.cuda_graph=true"], tmp_path / "captured")
    assert recorder.calls == ["warm up"] * WARM_UP_STEPS + ["capture"] + ["replay"] * 5
    assert captured["global_step"] == plain["global_step"] == 8
    for ours, expected in zip(rows, plain_rows, strict=True):
        assert ours["lr"] == expected["lr"]
        if expected["train/loss"]:
            assert float(ours["train/loss"]) == pytest.approx(float(expected["train/loss"]), 1e-3)
    # Rates are float32 in a capture: gradients near 0 may change sign, and steps of Adam with them.
    for name, expected in plain["state_dict"].items():
        off = (captured["state_dict"][name].double() - expected.double()).abs() > 1e-4
        assert off.double().mean() < 1e-3, name
    groups = [state["optimizer_states"][0]["param_groups"] for state in (captured, plain)]
    assert groups[0] == groups[1]


def batch_of(value: float, size: int = 2) -> MultiViewBatch:
    number = torch.zeros(size, dtype=torch.int64)
    images = torch.full((size, 2, 4, 3, 3), float(value))
    return MultiViewBatch(images, torch.ones(size, 2, 3), None, number, number)


class Line:
    """One parameter that goes down by the mean of the images times the rate."""

    def __init__(self) -> None:
        self.place = nn.Parameter(torch.zeros(()))
        self.optimizer = torch.optim.SGD([self.place], lr=1.0)
        self.recorder = Recorder()
        self.sigma = 1.0
        self.seen: set[int] = set()
        self.step = GraphedStep(
            self.compute, self.optimizer, self.recorder, settings=lambda: self.sigma
        )

    def compute(self, batch: MultiViewBatch) -> Losses:
        self.seen.add(batch.images.data_ptr())
        return {"loss": self.place * batch.images.mean()}


def test_batches_and_rates_reach_the_capture():
    line = Line()
    expected = 0.0
    for number in range(6):
        rate = 0.5**number
        line.optimizer.param_groups[0]["lr"] = rate
        losses = line.step(batch_of(number))
        assert losses["loss"].item() == pytest.approx(expected * number)
        assert not losses["loss"].requires_grad
        expected -= rate * number
        assert line.place.item() == pytest.approx(expected)
        assert line.optimizer.param_groups[0]["lr"] == rate
    assert len(line.seen) == 1


def test_other_settings_are_captured_again():
    line = Line()
    for sigma in (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5):
        line.sigma = sigma
        line.step(batch_of(1.0))
    assert line.recorder.calls[3:] == ["capture", "replay", "replay", "capture", "replay", "replay"]


def test_a_batch_of_another_form_is_refused():
    line = Line()
    line.step(batch_of(1.0))
    with pytest.raises(ValueError, match=r"one form, got images \[3, 2, 4, 3, 3\] torch.float32 a"):
        line.step(batch_of(1.0, size=3))


def test_groups_that_never_move_are_left_out():
    moving, still = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = KatoAdam([{"params": [moving]}, {"params": [still], "lr": 0.0}])
    step = GraphedStep(lambda batch: {"loss": (moving * still).sum()}, optimizer, Recorder())
    for _ in range(5):
        step(batch_of(1.0))
    assert (moving < 1).all() and (still == 1).all()
    assert still not in optimizer.state


def test_adam_is_capturable_for_a_while():
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = torch.optim.Adam([parameter])
    optimizer.step()
    with capturable(optimizer):
        assert optimizer.param_groups[0]["capturable"]
        assert optimizer.state[parameter]["step"].device == parameter.device
    assert not optimizer.param_groups[0]["capturable"]


REFUSED = {
    "trainer.cuda_graph=true": "cuda_graph must be false on cpu, got true; it needs a CUDA device",
    "trainer.cuda_graph=true trainer.precision=16-mixed": "must be false with precision 16-mixed",
}


@pytest.mark.parametrize("chosen", REFUSED)
def test_what_cannot_be_captured_is_refused(chosen, tiny_dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *settings(tiny_dataset, *chosen.split())]) != 0
    assert REFUSED[chosen] in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_several_processes_or_batches_are_refused():
    several = SimpleNamespace(strategy=SimpleNamespace(), world_size=2)
    with pytest.raises(ValueError, match="cuda_graph must be false with several processes, got tr"):
        check_trainer(several)
    accumulating = pl.Trainer(
        accelerator="cpu", accumulate_grad_batches=2, logger=False, enable_checkpointing=False
    )
    with pytest.raises(ValueError, match="where gradients are accumulated, got true with 2 batch"):
        check_trainer(accumulating)


def test_optimizers_that_cannot_be_captured_are_refused():
    parameter = nn.Parameter(torch.ones(3))
    check_optimizers([torch.optim.AdamW([parameter]), KatoAdam([parameter])])
    with pytest.raises(ValueError, match="cannot be captured, got true with SGD; use adam or kato"):
        check_optimizers([torch.optim.SGD([parameter])])


class NothingIsReadBack(TorchDispatchMode):
    """Refuses operations whose result a program has to wait for."""

    WAITING = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "equal")

    def __torch_dispatch__(self, function, types, arguments=(), named=None) -> object:
        name = function.name().partition("::")[2].partition(".")[0]
        assert not name.lstrip("_").startswith(self.WAITING) and name not in self.WAITING, name
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("model", ["small", "kato"])
def test_a_step_reads_nothing_back(model, tiny_dataset):
    chosen = settings(tiny_dataset, f"model={model}", "loss.laplacian=0.1")
    config = check_config(compose("default", chosen))
    data = build_data(config)
    module = build_module(config, categories=data.categories).train()
    batch = next(iter(data.train_dataloader())).to_float()

    def compute() -> Tensor:
        return module.compute_losses(batch)["loss"]

    compute().backward()  # makes what is kept
    with NothingIsReadBack():
        compute().backward()
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NothingIsReadBack():
        compute().item()
