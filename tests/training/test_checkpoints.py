"""Checkpoints survive what goes wrong while saving, and say what is wrong while loading."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from nr3d.training import checkpoints
from nr3d.training.checkpoints import (
    AtomicCheckpointIO,
    find_checkpoint,
    load_model_weights,
    read_checkpoint,
    write_atomically,
)

CONTENT = {"state_dict": {"model.weight": torch.ones(3, 2)}, "hyper_parameters": {"name": "x"}}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert loaded["hyper_parameters"] == {"name": "x"}
    assert torch.equal(loaded["state_dict"]["model.weight"], torch.ones(3, 2))
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "last.ckpt"
    write_atomically(path, b"old")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.os, call, fail)
    with pytest.raises(
        OSError, match=r"last\.ckpt: not saved \(No space left on device\); the last"
    ):
        AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    with pytest.raises(OSError, match=r"last\.ckpt: not saved \(No space left on device\)$"):
        write_atomically(path, b"a page, which has nothing to do with checkpoints")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full")
def test_truly_full_device(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_atomically(path, b"old")
    (tmp_path / "last.ckpt.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="not saved"):
        AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    assert path.read_bytes() == b"old"


def _save_and_die(path: Path) -> None:
    checkpoints.os.fsync = lambda descriptor: os._exit(9)  # type: ignore[assignment]
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)


def test_killed_while_saving_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    before = path.read_bytes()
    process = multiprocessing.get_context("fork").Process(target=_save_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert path.read_bytes() == before
    assert (tmp_path / "last.ckpt.part").exists()  # what was cut off; the next save replaces it
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    assert not (tmp_path / "last.ckpt.part").exists()
    read_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated(tmp_path: Path, share: float) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="must be a whole checkpoint, got a truncated or foreign"):
        read_checkpoint(path)


def test_missing_foreign_and_unsafe_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"checkpoint .*no\.ckpt not found"):
        read_checkpoint(tmp_path / "no.ckpt")
    torch.save({"weights": 1}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="must hold state_dict and hyper_parameters"):
        read_checkpoint(tmp_path / "other.ckpt")
    torch.save({**CONTENT, "code": Path("x")}, tmp_path / "unsafe.ckpt")
    with pytest.raises(ValueError, match="truncated or foreign"):
        read_checkpoint(tmp_path / "unsafe.ckpt")


def test_weights_of_another_model_name_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    with pytest.raises(ValueError) as error:
        load_model_weights(nn.Linear(3, 2), CONTENT, path)
    assert "got another: bias missing, weight [3, 2] instead of [2, 3]" in str(error.value)
    other = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    with pytest.raises(ValueError, match="and 5 more"):
        load_model_weights(other, CONTENT, path)
    same = nn.Linear(2, 3, bias=False)
    load_model_weights(same, CONTENT, path)
    assert torch.equal(same.weight, torch.ones(3, 2))


def test_find_checkpoint_prefers_the_best(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoints/best.ckpt and no"):
        find_checkpoint(tmp_path)
    folder = tmp_path / "checkpoints"
    write_atomically(folder / "last.ckpt", b"")
    assert find_checkpoint(tmp_path) == folder / "last.ckpt"
    write_atomically(folder / "best.ckpt", b"")
    assert find_checkpoint(tmp_path) == folder / "best.ckpt"
    assert find_checkpoint(folder / "last.ckpt") == folder / "last.ckpt"
    for run in ("name/2000", "name/2001", "name/2002"):
        (tmp_path / run / "checkpoints").mkdir(parents=True)
    for run in ("name/2000", "name/2001"):
        (tmp_path / run / "checkpoints" / "last.ckpt").touch()
    newest = tmp_path / "name" / "2001" / "checkpoints" / "last.ckpt"
    assert find_checkpoint(tmp_path / "name") == newest
