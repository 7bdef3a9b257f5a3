"""Run folders: their names, and what resume=last|auto|PATH finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from nr3d.training.run_folder import (
    RunFolder,
    create_run_folder,
    find_newest_checkpoint,
    find_resumed_run,
)


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_run(name: str) -> RunFolder:
    run = create_run_folder(name)
    run.last.write_bytes(b"")
    return run


def test_runs_of_one_second_have_their_own_folders() -> None:
    folders = {create_run_folder("a").path for _ in range(3)}
    assert len(folders) == 3
    assert all(path.parts[:2] == ("runs", "a") for path in folders)


def test_last_is_the_newest_run_with_a_checkpoint() -> None:
    make_run("a")
    second = make_run("a")
    create_run_folder("a")  # died before its first save
    assert find_resumed_run("last", "a") == second
    assert find_resumed_run("auto", "a") == second
    assert find_resumed_run(str(second.path), "a") == second
    assert find_resumed_run(str(second.last), "b") == second


def test_nothing_to_resume() -> None:
    assert find_resumed_run("auto", "a") is None
    with pytest.raises(FileNotFoundError, match="resume: no run with a checkpoint in runs/a"):
        find_resumed_run("last", "a")
    with pytest.raises(
        FileNotFoundError, match="resume: .*not found; give last, auto or the folder"
    ):
        find_resumed_run("elsewhere", "a")


def test_a_run_goes_on_from_its_last_checkpoint_only() -> None:
    run = make_run("a")
    run.best.write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"resume: must be .* its last.ckpt, got .*best.ckpt; init_from=.*best"
    ):
        find_resumed_run(str(run.best), "a")


def test_newest_checkpoint_prefers_the_best_of_the_newest_run() -> None:
    assert find_newest_checkpoint() is None
    run = make_run("a")
    assert find_newest_checkpoint() == run.last
    run.best.write_bytes(b"")
    assert find_newest_checkpoint() == run.best


def test_record_start_appends_commands() -> None:
    run = make_run("a")
    for argument in ("x", "a b"):
        run.record_start("name: a\n", ["train.py", argument])
    assert (run.path / "command.txt").read_text() == "train.py x\ntrain.py 'a b'\n"
    assert (run.path / "config.yaml").read_text() == "name: a\n"
    assert '"torch"' in (run.path / "versions.json").read_text()
