"""Wrong input on the command line: one line, no traceback, exit code 2."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from nr3d.cli import main
from tests.training.conftest import IMAGE_SIZE, write_tiny_dataset


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with tiny.h5 and a run of two steps."""
    folder = tmp_path_factory.mktemp("trained")
    write_tiny_dataset(folder / "tiny.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *settings(folder), "trainer.max_steps=2"]) == 0
    return folder


def settings(folder: Path) -> list[str]:
    return [
        f"dataset.path={folder / 'tiny.h5'}",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=2",
        "trainer.validate_every=2",
        "trainer.accelerator=cpu",
    ]


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must fail, and give what it says."""
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    return error


def best(trained: Path) -> Path:
    (path,) = trained.glob("runs/*/*/checkpoints/best.ckpt")
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["defalt"], "experiment: must be one of"),
        (["default", "furniture"], "experiment: must be one, got default, furniture"),
        (["trainer.max_step=1"], "did you mean trainer.max_steps?"),
        (["furniture"], "nr3d dataset build furniture -i SOURCE -o data/furniture.h5 makes it"),
        (["dataset.path=no.h5", "dataset=furniture"], "no.h5"),
        (["resume=last"], "resume: no run with a checkpoint in runs/default"),
        (["resume=nowhere"], "resume: nowhere/checkpoints/last.ckpt not found"),
    ],
)
def test_train(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert message in fails(capsys, "train", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["renderer=soft", "renderer.sigma=0"], "SoftRenderer: sigma must be above 0, got 0.0"),
        (["optimizer.lr=-1.0"], "optimizer: Invalid learning rate: -1.0"),
        (["dataset.batch_size=0"], "batch_size must be at least 1, got 0"),
        (["wandb.objects=-1"], "wandb: objects must be at least 0, got -1"),
        (["seed=4294967296"], "seed: must be from 0 to 4294967295, got 4294967296"),
        (["dataset.only=[]"], "only must name at least one category, got none; null means all"),
        (
            ["dataset.batch_size=4", "trainer.accumulate=3"],
            "dataset.batch_size: must be a multiple of trainer.accumulate, 3, got 4",
        ),
    ],
)
def test_print_refuses_what_training_would(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in fails(capsys, "train", *arguments, "--print")


def test_a_machine_without_the_device(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    error = fails(capsys, "train", *settings(trained), "trainer.devices=0")
    assert "trainer: `Trainer(devices=0)` value is not a valid input" in error


def test_dataset_that_does_not_fit(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    fit = settings(trained)
    error = fails(capsys, "train", *fit, "renderer.viewing_angle=30")
    assert "renderer.viewing_angle: must be 15 as in" in error
    error = fails(capsys, "train", *fit, "renderer.image_size=32")
    assert "renderer.image_size: must be that of the images" in error
    assert "(16 x 16), got 32" in error


def test_broken_datasets(capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path) -> None:
    for name, content in {
        "empty.h5": b"",
        "cut.h5": (trained / "tiny.h5").read_bytes()[:5000],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert name in fails(capsys, "train", *settings(trained), f"dataset.path={name}")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros(3)
    assert "other.h5" in fails(capsys, "train", *settings(trained), "dataset.path=other.h5")


def test_train_without_voxels(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    write_tiny_dataset(tmp_path / "bare.h5", with_voxels=False)
    error = fails(capsys, "train", *settings(trained), "dataset.path=bare.h5")
    assert "dataset.path: bare.h5 must hold voxels, which validation" in error
    assert not (tmp_path / "runs").exists()


def test_train_without_a_split(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    write_tiny_dataset(tmp_path / "small.h5")
    with h5py.File(tmp_path / "small.h5", "r+") as file:
        file["split"][:] = 0
    error = fails(capsys, "train", *settings(trained), "dataset.path=small.h5")
    assert "small.h5 must hold objects of every split, got " in error
    assert " train, 0 val, 0 test; build it from more objects" in error
    assert not (tmp_path / "runs").exists()


def test_evaluate_without_voxels(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    write_tiny_dataset(tmp_path / "bare.h5", with_voxels=False)
    bare = ("evaluate", best(trained), "dataset.path=bare.h5")
    assert "must have voxels for voxel IoU, got none" in fails(capsys, *bare, "--metrics", "voxel")
    assert main([str(word) for word in bare]) == 0  # silhouettes can be scored
    assert "must have voxels for voxel IoU, got none" in " ".join(capsys.readouterr().out.split())


def test_wrong_checkpoints(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    assert "no.ckpt not found" in fails(capsys, "evaluate", "no.ckpt")
    assert "no checkpoints/best.ckpt" in fails(capsys, "evaluate", ".")
    content = best(trained).read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(content[: len(content) // 2])
    for command in (["evaluate", "cut.ckpt"], ["train", *settings(trained), "init_from=cut.ckpt"]):
        assert "must be a whole checkpoint, got a truncated" in fails(capsys, *command)
    error = fails(capsys, "evaluate", best(trained), "model.free_zero_coordinate=true")
    assert "did you mean model.free_zero_coordinates?" in error
    error = fails(capsys, "evaluate", best(trained), "model.encoder=kato")
    assert "must be of the configured model, got another: " in error
    error = fails(capsys, "evaluate", best(trained), "model=kato")
    assert "model: cannot be changed to kato in a stored configuration" in error


def test_resuming_a_broken_or_foreign_run(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    run = best(trained).parent.parent
    error = fails(capsys, "train", "furniture", f"resume={run}")
    assert "is a run of the experiment default, not of furniture" in error
    for override, message in (
        ("seed=5", "seed: must stay 0 in a run that goes on, got 5; start a fresh run"),
        ("init_from=a.ckpt", "init_from: must stay null in a run that goes on, got a.ckpt"),
        ("trainer.ema=0.9", "trainer.ema: must stay null in a run that goes on, got 0.9"),
        ("optimizer.amsgrad=true", "optimizer.amsgrad: must stay false in a run that goes on"),
    ):
        assert message in fails(capsys, "train", f"resume={run}", override)
    broken = tmp_path / "runs" / "default" / "2000" / "checkpoints" / "last.ckpt"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04")
    assert "truncated or foreign file" in fails(capsys, "train", "resume=last")


def test_wrong_split(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    error = fails(capsys, "evaluate", best(trained), "--metrics", "voxel,surfaces")
    assert "metrics must be one of voxel, silhouette, surface, got 'surfaces'" in error
    error = fails(capsys, "evaluate", best(trained), "--metrics", "surface")
    assert "must have surface points for Chamfer distances" in error
    error = fails(capsys, "evaluate", best(trained), "--split", "tset")
    assert "split must be one of train, val, test, got 'tset'; did you mean test?" in error


def test_reconstruct(capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path) -> None:
    assert "no run in runs/" in fails(capsys, "reconstruct", "x.png", "-o", "out")
    (tmp_path / "text.png").write_text("no image")
    command = ("reconstruct", "text.png", "-o", "out", "--checkpoint", best(trained))
    assert "text.png must be an image" in fails(capsys, *command)
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "text.png")
    assert "or a plain background" in fails(capsys, *command)
    assert not (tmp_path / "out").exists()
    Image.new("RGBA", (20, 20), (9, 9, 9, 0)).save(tmp_path / "bare.png")
    Image.fromarray(np.pad(np.full((10, 10, 4), 255, np.uint8), ((5, 5), (5, 5), (0, 0)))).save(
        tmp_path / "good.png"
    )
    (tmp_path / "out").touch()
    at = ("-o", "out", "--checkpoint", best(trained))
    assert "out: File exists; name another place" in fails(capsys, "reconstruct", "good.png", *at)
    (tmp_path / "out").unlink()
    error = fails(capsys, "reconstruct", "text.png", "bare.png", "no.png", "good.png", ".", *at)
    assert error.startswith("error: 4 of 5 images: load_photo: text.png must")
    for message in ("bare.png must show an object", "no.png not found", "must be an image, got a"):
        assert message in error
    assert (tmp_path / "out" / "good.obj").is_file()
    same = ("reconstruct", "a/x.png", "b/x.jpg", "-o", "out")
    assert "must have different names, got a/x.png and b/x.jpg" in fails(capsys, *same)
    content = (tmp_path / "text.png").read_bytes()
    over = ("reconstruct", "text.png", "-o", ".", "--checkpoint", best(trained))
    assert "-o must be another folder than that of text.png" in fails(capsys, *over)
    assert (tmp_path / "text.png").read_bytes() == content


def test_traceback_on_request() -> None:
    with pytest.raises(FileNotFoundError):
        main(["evaluate", "no.ckpt", "--traceback"])


def test_unknown_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean furniture?" in fails(capsys, "dataset", "build", "furnitur")


@pytest.mark.parametrize("arguments", [[], ["trian"], ["train", "--no"], ["dataset"]])
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: nr3d" in capsys.readouterr().err
