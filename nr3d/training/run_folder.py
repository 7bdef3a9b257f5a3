"""The folder of one training run: runs/<name>/<timestamp>/."""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RUNS = Path("runs")
RECORDED = ("nr3d", "torch", "pytorch-lightning", "numpy", "h5py", "omegaconf")


@dataclass(frozen=True)
class RunFolder:
    """Names of what a run writes.

    Attributes:
        path: The folder; it exists.
    """

    path: Path

    @property
    def last(self) -> Path:
        """The newest checkpoint, what `resume` goes on from."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The checkpoint with the highest val/iou."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def metrics(self) -> Path:
        """One row of numbers per logged step."""
        return self.path / "metrics.csv"

    @property
    def images(self) -> Path:
        """Validation grids: input | target | rendered."""
        return self.path / "images"

    @property
    def log(self) -> Path:
        """What the terminal said, and tracebacks."""
        return self.path / "log.txt"

    def record_start(self, config_yaml: str, command: Sequence[str]) -> None:
        """Write the configuration, the command and the versions; a resumed run appends."""
        (self.path / "config.yaml").write_text(config_yaml, encoding="utf-8")
        with (self.path / "command.txt").open("a", encoding="utf-8") as file:
            file.write(shlex.join(command) + "\n")
        text = json.dumps(collect_versions(), indent=2)
        (self.path / "versions.json").write_text(text + "\n", encoding="utf-8")


def create_run_folder(name: str) -> RunFolder:
    """Make runs/<name>/<timestamp>/; a second run within a second gets a suffix."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in ("", *(f"_{count}" for count in range(2, 100))):
        path = RUNS / name / (stamp + suffix)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        (path / "checkpoints").mkdir()
        return RunFolder(path)
    raise FileExistsError(f"runs: {RUNS / name / stamp} and 98 more exist")


def find_last_run(name: str, root: Path = RUNS) -> RunFolder | None:
    """Give the newest run of this name that has a checkpoint, or None."""
    folders = sorted((root / name).glob("*/checkpoints/last.ckpt"), reverse=True)
    return RunFolder(folders[0].parent.parent) if folders else None


def find_resumed_run(resume: str, name: str) -> RunFolder | None:
    """Find the run that `resume=last|auto|PATH` means.

    Returns:
        The run, or None for `auto` when there is none yet.

    Raises:
        FileNotFoundError: If there is no such run or it has no checkpoint.
        ValueError: If PATH is another checkpoint than last.ckpt.
    """
    if resume in ("last", "auto"):
        found = find_last_run(name)
        if found is None and resume == "last":
            raise FileNotFoundError(
                f"resume: no run with a checkpoint in {RUNS / name}; start one without resume"
            )
        return found
    path = Path(resume)
    if path.suffix == ".ckpt" and path.name != "last.ckpt":
        raise ValueError(
            f"resume: must be the folder of a run or its last.ckpt, got {path}; "
            f"init_from={path} starts a fresh run from its weights"
        )
    folder = path.parent.parent if path.suffix == ".ckpt" else path
    if not RunFolder(folder).last.is_file():
        raise FileNotFoundError(
            f"resume: {RunFolder(folder).last} not found; give last, auto or the folder of a run"
        )
    return RunFolder(folder)


def find_newest_checkpoint() -> Path | None:
    """Give the best checkpoint of the newest run of any name, or None."""
    folders = [RunFolder(path.parent.parent) for path in RUNS.glob("*/*/checkpoints/last.ckpt")]
    if not folders:
        return None
    newest = max(folders, key=lambda run: run.last.stat().st_mtime)
    return newest.best if newest.best.is_file() else newest.last


def collect_versions() -> dict[str, str]:
    """Give the versions of Python, the machine and the packages that results depend on."""
    versions = {"python": sys.version.split()[0], "platform": platform.platform()}
    for package in RECORDED:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
