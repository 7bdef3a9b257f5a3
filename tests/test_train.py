"""Training end to end on a tiny dataset: every experiment, resuming, stopping, reports."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from nr3d.cli import main
from nr3d.config import configs_folder, list_choices
from nr3d.renderer import SoftRenderer
from nr3d.training.module import ReconstructionModule
from tests.training.conftest import write_tiny_dataset
from tests.training.runs import Train, assert_same_weights, only_run, train_tiny, weights

CONFIGS = configs_folder().resolve()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "tiny.h5")


@pytest.fixture
def train(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train in an empty folder, six steps unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    return partial(train_tiny, tiny)


def test_the_soft_renderer_follows_its_schedule(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    sigmas = []
    set_step = SoftRenderer.set_step

    def record(renderer: SoftRenderer, step: int, *, max_steps: int) -> None:
        set_step(renderer, step, max_steps=max_steps)
        sigmas.append(renderer.sigma)

    monkeypatch.setattr(SoftRenderer, "set_step", record)
    assert train("renderer=soft", "renderer.sigma_schedule={4: 3.0e-5}") == 0
    assert sigmas == [1e-4] * 4 + [3e-5] * 2
    assert weights(only_run())  # with whole numbers for keys, the checkpoint loads as before


@pytest.mark.parametrize("experiment", list_choices()["experiment"])
def test_every_experiment_survives_a_short_run(train: Train, experiment: str) -> None:
    settings = ("name=short", "trainer.max_steps=2", "trainer.validate_every=2")
    one_class = ("dataset.only=[flat]",) if experiment == "kato2018_class" else ()
    assert train(experiment, *settings, *one_class) == 0
    run = only_run("short")
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.yaml",
        "command.txt",
        "versions.json",
        "metrics.csv",
        "log.txt",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "images/step_0000002.png",
        "report.json",
        "report.csv",
        "report.md",
    }
    report = json.loads((run / "report.json").read_text())
    assert report["split"] == "test"
    methods = {"model", "sphere", "mean_shape", "nearest"}
    assert set(report["scores"]["voxel_iou"]) == methods


def test_resuming_equals_not_stopping(train: Train) -> None:
    assert train("name=whole") == 0
    assert train("name=parts", "trainer.max_steps=4", "trainer.drop_rate_at=0.75") == 0
    # The drop is at step 3 either way: 0.5 of 6 and 0.75 of 4.
    assert train("name=parts", "resume=last") == 0
    assert_same_weights(only_run("whole"), only_run("parts"))
    whole = torch.load(only_run("whole") / "checkpoints" / "last.ckpt")
    parts = torch.load(only_run("parts") / "checkpoints" / "last.ckpt")
    assert (
        whole["optimizer_states"][0]["param_groups"] == parts["optimizer_states"][0]["param_groups"]
    )
    whole_rows, rows = (
        (only_run(name) / "metrics.csv").read_text().splitlines() for name in ("whole", "parts")
    )
    (extra,) = [row for row in rows if row.startswith("4,,")]  # the last step is validated
    rows.remove(extra)
    assert rows == whole_rows
    commands = (only_run("parts") / "command.txt").read_text().splitlines()
    assert len(commands) == 2


def test_a_crash_between_two_saves(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("name=whole") == 0
    step = ReconstructionModule.training_step

    def crash(self: ReconstructionModule, batch: object, index: int) -> torch.Tensor:
        if self.global_step == 4:
            raise ValueError("crashed")
        return step(self, batch, index)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ReconstructionModule, "training_step", crash)
        assert train("name=parts") == 2
    assert "Traceback" in (only_run("parts") / "log.txt").read_text()
    assert train("name=parts", "resume=auto") == 0
    assert_same_weights(only_run("whole"), only_run("parts"))
    metrics = [(only_run(name) / "metrics.csv").read_text() for name in ("whole", "parts")]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_and_saves(
    train: Train, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert train("name=whole") == 0
    step = ReconstructionModule.training_step

    def interrupt(self: ReconstructionModule, batch: object, index: int) -> torch.Tensor:
        if self.global_step == 1:
            os.kill(os.getpid(), number)
        return step(self, batch, index)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ReconstructionModule, "training_step", interrupt)
        assert train("name=parts") == 130
    run = only_run("parts")
    assert torch.load(run / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert not (run / "report.json").exists()
    assert train(f"resume={run}") == 0
    assert_same_weights(only_run("whole"), run)


def test_resume_auto_starts_and_a_finished_run_stays(train: Train) -> None:
    assert train("resume=auto") == 0
    before = weights(only_run())
    assert train("resume=auto") == 0
    for key, value in weights(only_run()).items():
        assert torch.equal(value, before[key])


def test_metrics_have_a_row_per_step(train: Train) -> None:
    assert train() == 0
    with (only_run() / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["train/loss"]] == [str(step) for step in range(1, 7)]
    assert [row["step"] for row in rows if row["val/iou"]] == ["3", "6"]
    rates = [float(row["lr"]) for row in rows if row["lr"]]
    assert rates[3] == pytest.approx(0.1 * rates[2])


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_last_step_is_validated_once(train: Train, accumulate: int) -> None:
    settings = (f"trainer.accumulate={accumulate}", "trainer.drop_rate_at=null")
    for max_steps, validated in ((4, ["3", "4"]), (6, ["3", "4", "6"])):
        assert train(*settings, f"trainer.max_steps={max_steps}", "resume=auto") == 0
        with (only_run() / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["step"] for row in rows if row["val/iou"]] == validated


def column(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_seed_decides_the_weights(train: Train) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(f"name={name}", f"seed={seed}", "trainer.max_steps=2") == 0
    assert_same_weights(only_run("a"), only_run("b"))
    with pytest.raises(AssertionError):
        assert_same_weights(only_run("a"), only_run("c"))


def test_init_from_takes_weights_only(train: Train) -> None:
    assert train("name=first") == 0
    source = only_run("first") / "checkpoints" / "last.ckpt"
    settings = ("optimizer.lr=0.0", "trainer.max_steps=1", f"init_from={source}")
    assert train("name=second", *settings) == 0
    assert_same_weights(only_run("first"), only_run("second"))
    assert torch.load(only_run("second") / "checkpoints" / "last.ckpt")["global_step"] == 1


def test_checkpoint_alone_can_be_evaluated(train: Train, tmp_path: Path) -> None:
    assert train() == 0
    lonely = tmp_path / "elsewhere" / "model.ckpt"
    lonely.parent.mkdir()
    shutil.copy(only_run() / "checkpoints" / "best.ckpt", lonely)
    expected = json.loads((only_run() / "report.json").read_text())["scores"]
    shutil.rmtree("runs")
    assert main(["evaluate", str(lonely)]) == 0
    assert json.loads((lonely.parent / "model-report.json").read_text())["scores"] == expected


def test_where_the_images_are_changes_nothing(train: Train) -> None:
    for place in ("file", "cpu"):
        assert train(f"name={place}", f"dataset.resident={place}") == 0
        assert f"images stay in {place}" in (only_run(place) / "log.txt").read_text()
    assert_same_weights(only_run("file"), only_run("cpu"))
    metrics = [(only_run(name) / "metrics.csv").read_text() for name in ("file", "cpu")]
    assert metrics[0] == metrics[1]


def test_bf16_survives(train: Train) -> None:
    assert train("trainer.precision=bf16-mixed", "trainer.max_steps=2") == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code
def test_compiling_changes_rounding_only(train: Train) -> None:
    for name in ("eager", "compiled"):
        torch._dynamo.reset()
        assert train(f"name={name}", f"trainer.compile={name == 'compiled'}".lower()) == 0
    assert weights(only_run("eager")).keys() == weights(only_run("compiled")).keys()
    losses = [column(only_run(name), "train/loss") for name in ("eager", "compiled")]
    # Adam's first steps go by the sign of the gradient, so rounding is carried on.
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
