"""Weights & Biases without a network: what a run file holds, and who is asked to go online."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
import yaml
from PIL import Image
from pytorch_lightning.utilities import rank_zero_only

from nr3d.build import check_config
from nr3d.cli import main, parse
from nr3d.config import compose, configs_folder
from nr3d.geometry import load_mesh
from nr3d.training.module import ReconstructionModule
from nr3d.training.run_folder import RunFolder
from nr3d.training.showcase import Showcase
from nr3d.training.tracking import WandbSettings, track
from nr3d.training.wandb_logger import WandbLog, choose_mode
from tests.training import wandb_file
from tests.training.conftest import IMAGE_SIZE, write_tiny_dataset

wandb = pytest.importorskip("wandb")
CONFIGS = configs_folder().resolve()
OBJECT = "0-1-0"  # the first of the validation split


@pytest.fixture(autouse=True)
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Be somebody who is not logged in, whatever this machine says."""
    forget_user(monkeypatch, tmp_path)
    yield monkeypatch
    wandb.teardown()


def forget_user(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(folder / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(folder))
    wandb.teardown()  # what it knows of the environment


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train two steps, then three more as a resumed run; it shows every third step and the last."""
    folder = tmp_path_factory.mktemp("wandb")
    dataset = write_tiny_dataset(folder / "tiny.h5")
    settings = [
        f"dataset.path={dataset}",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=2",
        "trainer.accelerator=cpu",
        "trainer.log_every=1",
        "logger=wandb",
        "wandb.objects=1",
    ]
    first = ["trainer.max_steps=2", "trainer.validate_every=2", "wandb.checkpoints=true"]
    second = ["trainer.max_steps=5", "trainer.validate_every=1", "wandb.media_every=3"]
    with pytest.MonkeyPatch.context() as patch:
        forget_user(patch, folder)
        patch.chdir(folder)
        torch.set_num_threads(1)
        assert main(["train", *settings, *first]) == 0
        assert main(["train", *settings, *second, "wandb.checkpoints=false", "resume=last"]) == 0
    (found,) = (folder / "runs" / "default").iterdir()
    yield found


def parts(run: Path) -> list[list[Any]]:
    folders = sorted((run / "wandb").glob("offline-run-*"), key=lambda path: path.stat().st_mtime)
    return [wandb_file.read_records(folder) for folder in folders]


def test_numbers_are_those_of_the_csv_at_the_same_steps(run: Path) -> None:
    logged = [row for part in parts(run) for row in wandb_file.history(part)]
    assert [row["_step"] for row in logged] == [1, 2, 3, 4, 5]
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("train/loss", "lr", "val/iou"):
        kept = {int(row["step"]): float(row[name]) for row in rows if row[name]}
        sent = {row["_step"]: row[name] for row in logged if name in row}
        assert sent == {step: pytest.approx(value, rel=1e-5) for step, value in kept.items()}
    assert kept.keys() == {2, 3, 4, 5}


def test_a_resumed_run_is_the_same_run(run: Path) -> None:
    identifier = (run / "wandb_id.txt").read_text()
    for part in parts(run):
        (record,) = [each.run for each in part if each.WhichOneof("record_type") == "run"]
        assert (record.run_id, record.project) == (identifier, "nr3d")
        assert record.display_name == f"default/{run.name}"


def test_the_configuration_is_that_of_the_run(run: Path) -> None:
    first, second = (wandb_file.config(part) for part in parts(run))
    assert (first["trainer"]["max_steps"], second["trainer"]["max_steps"]) == (2, 5)
    stored = torch.load(run / "checkpoints" / "last.ckpt")["hyper_parameters"]
    assert {key: second[key] for key in stored} == stored


def test_tables_have_the_iou_of_each_category(run: Path) -> None:
    for row in (row for part in parts(run) for row in wandb_file.history(part)):
        if "val/iou" not in row:
            continue
        (path,) = (run / "wandb").glob(f"offline-run-*/files/{row['val/iou_by_category.path']}")
        table = json.loads(path.read_text())
        assert table["columns"] == ["category", "IoU"]
        assert [name for name, _ in table["data"]] == ["flat", "tall"]
        values = [value for _, value in table["data"]]
        assert sum(values) / 2 == pytest.approx(row["val/iou"], abs=1e-6)


def test_pictures_and_meshes_come_when_asked(run: Path) -> None:
    logged = [row for part in parts(run) for row in wandb_file.history(part)]
    keys = ("val/grid", f"val/turntable/{OBJECT}", f"val/mesh/{OBJECT}")
    for key, kind in zip(keys, ("image-file", "video-file", "object3D-file"), strict=True):
        shown = {row["_step"]: row[f"{key}._type"] for row in logged if f"{key}._type" in row}
        assert shown == dict.fromkeys((2, 3, 5), kind)  # multiples of 2, then of 3, and the last
        assert not [name for row in logged for name in row if name.startswith("val/mesh/1")]
    grid, turntable, mesh = (
        next((run / "wandb").glob(f"offline-run-*/files/{logged[1][key + '.path']}"))
        for key in keys
    )
    assert grid.read_bytes() == (run / "images" / "step_0000002.png").read_bytes()
    with Image.open(turntable) as animation:
        assert (animation.n_frames, animation.size) == (24, (128, 128))  # type: ignore[attr-defined]
        assert animation.convert("L").getextrema()[1] > 50  # the object is there
    assert load_mesh(mesh).vertices.shape == (642, 3)


@pytest.mark.parametrize(
    ("step", "is_stopping", "is_shown"),
    [(3, False, False), (6, False, True), (9, False, True), (3, True, True)],
)
def test_the_last_validation_is_shown_wherever_it_is(
    tmp_path: Path, step: int, is_stopping: bool, is_shown: bool
) -> None:
    run, told = RunFolder(tmp_path), Mock(spec=WandbLog)
    run.images.mkdir()
    (run.images / f"step_{step:07d}.png").touch()
    showcase = Showcase(
        told,
        run,
        num_objects=0,
        validate_every=3,
        media_every=2,
        max_steps=10,  # the last validation is after step 9
        with_checkpoints=False,
    )
    module = Mock(spec=ReconstructionModule, category_scores=torch.ones(1), categories=("flat",))
    trainer = Mock(sanity_checking=False, global_step=step, should_stop=is_stopping)
    showcase.on_validation_end(trainer, module)
    assert told.log_table.call_count == 1
    assert told.log_files.call_count == is_shown


def test_checkpoints_are_artifacts_when_asked(run: Path) -> None:
    sent = []
    for part in parts(run):
        artifacts = [each.artifact for each in part if each.WhichOneof("record_type") == "artifact"]
        sent.append([each for each in artifacts if each.type == "model"])
    aliases = [set(each.aliases) - {"latest"} for each in sent[0]]
    assert aliases == [{"best"}, {"last"}]
    assert json.loads(sent[0][1].metadata) == {"step": 2, "file": "last.ckpt"}
    assert [item.path for item in sent[0][1].manifest.contents] == ["last.ckpt"]
    assert sent[1] == []


def test_the_summary_has_the_scores_of_the_test_split(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    summary = wandb_file.summary(parts(run)[-1])
    for metric, methods in report["scores"].items():
        for method, score in methods.items():
            assert summary[f"test/{metric}/{method}"] == score["mean_of_categories"]


def test_who_is_logged_in_goes_online(stranger: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert choose_mode() == "offline"
    stranger.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    wandb.teardown()
    (tmp_path / "netrc").write_text("machine elsewhere.org login user password key\n")
    assert choose_mode() == "offline"
    (tmp_path / "netrc").write_text("machine wandb.example.org login user password key\n")
    assert choose_mode() == "online"
    stranger.setenv("WANDB_MODE", "disabled")
    assert choose_mode() == "disabled"
    stranger.delenv("WANDB_MODE")
    (tmp_path / "netrc").write_text("nonsense")
    assert choose_mode() == "offline"
    stranger.setenv("WANDB_API_KEY", "0" * 40)
    assert choose_mode() == "online"


def open_track(folder: Path) -> Any:
    return track(
        RunFolder(folder),
        start_step=0,
        wandb=WandbSettings(),
        config={"seed": 0},
        validate_every=1,
        max_steps=1,
    )


def test_a_server_out_of_reach_is_not_waited_for(
    stranger: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger.setenv("WANDB_API_KEY", "0" * 40)
    stranger.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    stranger.setenv("WANDB_INIT_TIMEOUT", "8")  # beginning offline is held to it, too
    wandb.teardown()
    start = time.perf_counter()
    with open_track(tmp_path) as tracking:
        tracking.wandb.log_metrics({"a": 1.0}, step=6)
    assert time.perf_counter() - start < 60  # wandb itself waits for 90 s
    assert "wandb: offline, since its server does not answer: " in caplog.text
    wandb.teardown()  # finish() does not wait until wandb's service has written its last lines
    offline, online = sorted((tmp_path / "wandb").glob("*run-*"))
    assert (offline.name[:12], online.name[:4]) == ("offline-run-", "run-")
    (row,) = wandb_file.history(wandb_file.read_records(offline))
    assert (row["_step"], row["a"]) == (7, 1.0)


def test_other_processes_than_the_main_one_tell_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1, raising=False)
    with open_track(tmp_path) as tracking:
        assert (tracking.loggers, tracking.callbacks, tracking.wandb) == ([], [], None)
    assert list(tmp_path.iterdir()) == []


def test_the_sweep_gives_commands_that_train_understands() -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    sweep = yaml.safe_load((CONFIGS / "sweep.yaml").read_text())
    assert sweep["metric"] == {"name": "val/iou", "goal": "maximize"}
    chosen = {"optimizer.lr": {"value": 3e-05}, "loss.smoothness": {"value": 0.0}}
    assert chosen.keys() == sweep["parameters"].keys()
    given = create_sweep_command_args({"args": chosen})["args_no_hyphens"]
    assert sweep["command"][:3] == ["${env}", "${interpreter}", "${program}"]
    assert sweep["command"][-1] == "${args_no_hyphens}"
    arguments = parse(["train", *sweep["command"][3:-1], *given]).overrides
    config = check_config(compose(arguments[0], arguments[1:]))
    assert (config["optimizer"]["lr"], config["loss"]["smoothness"]) == (3e-05, 0.0)
    assert (config["logger"], config["name"]) == ("wandb", "sweep")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wandb.project_name=x"], "wandb.project_name: unknown key; did you mean wandb.project?"),
        (["wandb.media_every=0"], "wandb: media_every must be at least 1, got 0"),
        (["wandb.objects=-1"], "wandb: objects must be at least 0, got -1"),
        (["wandb.checkpoints=best"], "wandb.checkpoints: must be true or false, got 'best'"),
    ],
)
def test_bad_settings(
    arguments: list[str],
    message: str,
    tiny_dataset: Path,
    tmp_path: Path,
    stranger: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stranger.chdir(tmp_path)
    data = [f"dataset.path={tiny_dataset}", f"renderer.image_size={IMAGE_SIZE}"]
    assert main(["train", "logger=wandb", *data, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()
