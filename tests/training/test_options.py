"""Options of the trainer end to end: mean weights, parts of a step, patience, what is refused."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from nr3d.build import load_trained
from nr3d.cli import main
from nr3d.data import MultiViewDataset
from nr3d.data.batches import TrainingBatches
from nr3d.training.module import ReconstructionModule
from nr3d.training.trainer import TrainerSettings
from tests.training.runs import Train, assert_same_weights, only_run, train_tiny, weights

MEAN_IN_PARTS = (
    "trainer.ema=0.9",
    "trainer.accumulate=2",
    "trainer.clip_gradient=0.5",
    "trainer.warm_up=0.5",
    "trainer.cosine=true",
    "dataset.color_jitter=0.4",
    "dataset.grayscale=0.5",
)


@pytest.fixture
def train(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.chdir(tmp_path)
    return partial(train_tiny, tiny_dataset)


def test_a_requeued_job_goes_on_as_if_never_stopped(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("name=whole", *MEAN_IN_PARTS) == 0
    step = ReconstructionModule.training_step

    def interrupt(self: ReconstructionModule, batch: object, index: int) -> torch.Tensor:
        if index == 2:  # the first part of the second step
            os.kill(os.getpid(), signal.SIGUSR1)
        return step(self, batch, index)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ReconstructionModule, "training_step", interrupt)
        assert train("name=parts", "resume=auto", *MEAN_IN_PARTS) == 130
    assert torch.load(only_run("parts") / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert train("name=parts", "resume=auto", *MEAN_IN_PARTS) == 0
    assert_same_weights(only_run("whole"), only_run("parts"))
    metrics = [(only_run(name) / "metrics.csv").read_text() for name in ("whole", "parts")]
    assert metrics[0] == metrics[1]

    run = only_run("whole")
    stored = weights(run)
    _, module, _ = load_trained(run / "checkpoints" / "last.ckpt")
    for key, value in module.model.state_dict().items():
        assert torch.equal(value, stored[f"averaged.{key}"])
    assert not torch.equal(
        stored["averaged.decoder.bias.weight"], stored["model.decoder.bias.weight"]
    )


def test_parts_of_a_step_give_the_gradient_of_the_whole(train: Train) -> None:
    sgd = ("optimizer.name=torch.optim.SGD", "optimizer.fused=false", "optimizer.lr=0.01")
    for name, parts in (("one", 1), ("two", 2)):
        settings = ("trainer.max_steps=2", f"trainer.accumulate={parts}")
        assert train(f"name={name}", *sgd, *settings) == 0
    one, two = weights(only_run("one")), weights(only_run("two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6)  # order of sums


def test_clipping_bounds_the_step(train: Train) -> None:
    sgd = ("optimizer.name=torch.optim.SGD", "optimizer.fused=false", "optimizer.lr=1.0")
    for name, steps in (("before", 0), ("after", 1)):
        settings = ("trainer.clip_gradient=0.001", f"optimizer.lr={float(steps)}")
        assert train(f"name={name}", *sgd, *settings, "trainer.max_steps=1") == 0
    before, after = weights(only_run("before")), weights(only_run("after"))
    change = torch.cat([(after[key] - before[key]).flatten() for key in before])
    assert 0 < change.norm() <= 0.001 * (1 + 1e-4)


def test_patience_ends_a_run_for_good(train: Train) -> None:
    settings = ("optimizer.lr=0.0", "trainer.validate_every=1", "trainer.patience=2")
    assert train(*settings) == 0
    last = only_run() / "checkpoints" / "last.ckpt"
    assert torch.load(last)["global_step"] == 3  # the first validation, and two no better
    assert (only_run() / "report.json").exists()
    assert train("resume=auto") == 0
    assert torch.load(last)["global_step"] == 3
    assert train("resume=auto", "trainer.validate_every=1", "trainer.patience=3") == 0
    assert torch.load(last)["global_step"] == 4


def test_overfitting_repeats_the_first_step(tiny_dataset: Path) -> None:
    settings = {"batch_size": 4, "views_per_object": 2, "by_category": True, "seed": 0}
    dataset = MultiViewDataset(tiny_dataset, split="train")
    same = TrainingBatches(dataset, **settings, start_step=3, same_step=True, num_parts=2)
    usual = TrainingBatches(dataset, **settings, start_step=0)
    batches = [batch for _, batch in zip(range(4), same, strict=False)]
    for first in (0, 2):
        parts = torch.cat([batch.images for batch in batches[first : first + 2]])
        assert torch.equal(parts, usual.at(0).images)


def test_another_architecture_is_named(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("trainer.max_steps=1") == 0
    last = only_run() / "checkpoints" / "last.ckpt"
    assert train("resume=last", "model.decoder_widths=[8]") == 2
    assert train("name=other", f"init_from={last}", "model.decoder_widths=[8]") == 2
    complaints = capsys.readouterr().err
    assert complaints.count("decoder.hidden.1.weight unknown") == 2
    assert complaints.count("decoder.hidden.0.weight [512, 256] instead of [8, 256]") == 2


def test_a_run_of_another_version_is_named(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("trainer.max_steps=1") == 0
    for path in (only_run() / "checkpoints").iterdir():
        checkpoint = torch.load(path)
        checkpoint["hyper_parameters"]["model"]["depth"] = 3
        checkpoint["nr3d_version"] = "9.9"
        torch.save(checkpoint, path)
    for arguments in (["train", "resume=last"], ["evaluate", str(only_run())]):
        assert main(arguments) == 2
        complaint = " ".join(capsys.readouterr().err.split())
        assert "must have a configuration of this version of nr3d" in complaint
        assert "got one of 9.9: model.depth: unknown key" in complaint


def test_an_unknown_category_is_refused(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("dataset.only=[flatt]") == 2
    assert "only must be one of flat, tall, got 'flatt'; did you mean flat?" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("accumulate", 0, "accumulate must be at least 1, got 0"),
        ("clip_gradient", 0.0, "clip_gradient must be above 0, got 0.0"),
        ("ema", 1.0, r"ema must be .*, got 1.0"),
        ("patience", 0, "patience must be at least 1, got 0"),
        ("warm_up", 1.5, r"warm_up must be inside \[0, 1\], got 1.5"),
        ("drop_rate_to", -1.0, "drop_rate_to must be at least 0, got -1.0"),
    ],
)
def test_messages(key: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"^trainer: {message}"):
        TrainerSettings(**{key: value})  # type: ignore[arg-type]


def test_parts_must_divide_the_batch(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("trainer.accumulate=3") == 2
    complaint = " ".join(capsys.readouterr().err.split())
    assert "dataset.batch_size: must be a multiple of trainer.accumulate, 3, got 2" in complaint
