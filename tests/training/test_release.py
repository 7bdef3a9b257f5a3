"""Exported weights: small, and as good as the checkpoint they come from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from nr3d.build import load_trained
from nr3d.cli import main
from nr3d.training.checkpoints import read_checkpoint
from nr3d.training.release import export_weights
from tests.training.conftest import IMAGE_SIZE


@pytest.fixture(scope="module")
def trained(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run of two steps that keeps a mean of its weights."""
    folder = tmp_path_factory.mktemp("release")
    settings = [f"dataset.path={tiny_dataset}", f"renderer.image_size={IMAGE_SIZE}"]
    settings += ["dataset.batch_size=2", "trainer.max_steps=2", "trainer.validate_every=2"]
    settings += ["trainer.accelerator=cpu", "trainer.ema=0.5"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *settings]) == 0
    (run,) = (folder / "runs" / "default").iterdir()
    return run


def test_it_is_small_and_reconstructs_the_same(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.ckpt"
    assert main(["export", str(trained), "-o", str(target)]) == 0
    assert f"wrote {target}" in capsys.readouterr().out
    _, module, step = load_trained(target)
    config, original, _ = load_trained(trained / "checkpoints" / "best.ckpt")
    assert step == 2
    weights = sum(value.numel() for value in original.model.state_dict().values())
    assert target.stat().st_size < 2 * weights + 40_000
    images = torch.rand(2, 4, IMAGE_SIZE, IMAGE_SIZE)
    with torch.no_grad():
        expected, found = original(images).vertices, module(images).vertices
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0.0)
    assert not torch.equal(found, expected)  # it was rounded


def test_it_can_be_evaluated(trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.ckpt"
    export_weights(trained, target)
    assert main(["evaluate", str(target), "--metrics", "voxel"]) == 0
    assert (tmp_path / "model-report-part.json").is_file()


def test_a_weight_beyond_half_precision_is_named(trained: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(trained / "checkpoints" / "best.ckpt")
    name = next(key for key in checkpoint["state_dict"] if key.startswith("averaged."))
    state = checkpoint["state_dict"]
    state[name] = torch.full_like(state[name], 1e5)
    torch.save(checkpoint, tmp_path / "large.ckpt")
    message = f"got 100000 in {name.removeprefix('averaged.')}"
    with pytest.raises(ValueError, match=re.escape(message)):
        export_weights(tmp_path / "large.ckpt", tmp_path / "out.ckpt")
    assert not (tmp_path / "out.ckpt").exists()
