"""The commands do what they say."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from nr3d.cli import main, parse
from nr3d.config import list_choices
from tests.training.conftest import IMAGE_SIZE, write_tiny_dataset

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with tiny.h5 and a run of two steps."""
    folder = tmp_path_factory.mktemp("trained")
    write_tiny_dataset(folder / "tiny.h5")
    command = [
        "train",
        "dataset.path=tiny.h5",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=2",
        "trainer.validate_every=2",
        "trainer.max_steps=2",
        "trainer.accelerator=cpu",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(command) == 0
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    (run,) = Path("runs", "default").iterdir()
    return run


def test_print_shows_the_whole_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "furniture", "--print", "trainer.max_steps=7"]) == 0
    config = OmegaConf.create(capsys.readouterr().out)
    assert config.experiment == "furniture"
    assert config.trainer.max_steps == 7
    assert "eps" in config.renderer  # a default of the signature


def test_waiting_threads_sleep_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    main(["train", "--print"])
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    main(["train", "--print"])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    code = "import sys, nr3d.cli; sys.exit('torch' in sys.modules)"  # torch reads it when loaded
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_lists_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for group, choices in list_choices().items():
        for choice in choices:
            assert choice in text, (group, choice)


def test_overrides_may_surround_options() -> None:
    arguments = parse(["train", "a=1", "--print", "b=2"])
    assert arguments.overrides == ["a=1", "b=2"]


@pytest.mark.parametrize("kind", ["run", "best", "last"])
def test_evaluate_a_run_and_a_checkpoint(
    run: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = run if kind == "run" else run / "checkpoints" / f"{kind}.ckpt"
    for path in run.glob("report.*"):
        path.unlink()
    assert main(["evaluate", str(target)]) == 0
    table = capsys.readouterr().out
    for word in ("flat", "tall", "mean", "sphere", "mean shape", "nmr-voxel32, test split"):
        assert word in table
    assert "must have surface points" in table
    report = json.loads((run / "report.json").read_text())
    assert report["num_objects"] == {"flat": 2, "tall": 2}
    assert report["num_views"] == 3
    weights = run / "checkpoints" / ("last.ckpt" if kind == "last" else "best.ckpt")
    assert report["checkpoint_hash"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    scores = report["scores"]["voxel_iou"]
    for method in ("model", "sphere", "mean_shape", "nearest"):
        per_category = scores[method]["categories"].values()
        assert scores[method]["mean_of_categories"] == pytest.approx(np.mean(list(per_category)))
    means = {method: scores[method]["mean_of_categories"] for method in scores}
    assert means["mean_shape"] > means["sphere"] and means["nearest"] > means["sphere"]
    assert (run / "report.csv").read_text().splitlines()[0] == (
        "metric,protocol,method,over,objects,value"
    )
    assert (run / "report.md").read_text().count("\n|") == 6 + 8
    assert len((run / "report-objects.csv").read_text().splitlines()) == 5


def test_evaluate_some_metrics(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "report.json").read_bytes()
    for split, name in (("val", "report-val-part"), ("test", "report-part")):
        assert main(["evaluate", str(run), "--split", split, "--metrics", "silhouette"]) == 0
        assert "unseen IoU" in capsys.readouterr().out
        report = json.loads((run / f"{name}.json").read_text())
        assert set(report["scores"]) == {"silhouette_iou"}
    assert main(["evaluate", str(run), "dataset.only=[flat]"]) == 0
    report = json.loads((run / "report-part.json").read_text())
    assert report["num_objects"] == {"flat": 2}
    assert (run / "report.json").read_bytes() == before  # the whole one stays


def test_evaluate_another_split_and_dataset(run: Path, tmp_path: Path) -> None:
    assert main(["evaluate", str(run), "--split", "val"]) == 0
    assert json.loads((run / "report-val.json").read_text())["split"] == "val"
    other = write_tiny_dataset(tmp_path / "other.h5")
    assert main(["evaluate", str(run), f"dataset.path={other}"]) == 0
    assert json.loads((run / "report.json").read_text())["dataset"] == str(other)


def test_reconstruct_rgba_and_rgb(run: Path, tmp_path: Path) -> None:
    rgba = np.zeros((90, 120, 4), dtype=np.uint8)
    rgba[20:70, 30:100] = [200, 30, 30, 255]
    rgb = np.where(rgba[..., 3:] > 0, rgba[..., :3], np.uint8(255))
    for name, array in (("a", rgba), ("b", rgb)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    images = [str(tmp_path / f"{name}.png") for name in "ab"]
    assert main(["reconstruct", *images, "-o", str(tmp_path / "out")]) == 0
    vertices = {}
    for name in "ab":
        lines = (tmp_path / "out" / f"{name}.obj").read_text().splitlines()
        vertices[name] = [line for line in lines if line.startswith("v ")]
        assert len(vertices[name]) == 642
        assert sum(line.startswith("f ") for line in lines) == 1280
        with Image.open(tmp_path / "out" / f"{name}.png") as sheet:
            assert sheet.width > sheet.height > 200
            assert np.asarray(sheet).std() > 10
    assert vertices["a"] == vertices["b"]  # the same picture, by alpha and by a white background


def test_train_script_runs_from_a_checkout(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "--print", "seed=3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert OmegaConf.create(result.stdout).seed == 3


def test_dataset_commands(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "verify", "tiny.h5"]) == 0
    assert "20 objects, whole" in capsys.readouterr().out
    assert main(["dataset", "inspect", "tiny.h5", "-o", str(tmp_path / "sheet.png")]) == 0
    assert "flat" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").is_file()
    assert main(["dataset", "build", "--help"]) == 0
    assert "synthetic" in capsys.readouterr().out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "torch" in capsys.readouterr().out
