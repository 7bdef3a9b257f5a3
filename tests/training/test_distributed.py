"""Two processes train as one with the same batches, whoever starts them."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from pytorch_lightning.utilities import rank_zero_only

from nr3d.cli import main
from nr3d.training.processes import is_main_process, one_at_a_time
from nr3d.training.run_folder import RunFolder
from tests.training.conftest import IMAGE_SIZE

ROOT = Path(__file__).resolve().parents[2]
TWO = ("trainer.devices=2", "trainer.strategy=ddp")
CHANGED = ("dataset.color_jitter=0.4", "dataset.grayscale=0.5")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def arguments(dataset: Path, *more: str) -> list[str]:
    """Give the settings of a run whose steps show the size of the gradient, as Adam's do not.

    Three objects to validate, one at a time: the two processes have unlike numbers of batches.
    """
    return [
        f"dataset.path={dataset}",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=4",
        "dataset.val_objects=3",
        "dataset.eval_batch_size=1",
        "optimizer.name=torch.optim.SGD",
        "optimizer.lr=0.0001",
        "trainer.max_steps=6",
        "trainer.validate_every=3",
        "trainer.drop_rate_at=null",
        "trainer.log_every=1",
        "trainer.accelerator=cpu",
        *more,
    ]


def start(launcher: tuple[str, ...], settings: list[str]) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"):  # of runs in this process
        env.pop(name, None)
    return subprocess.Popen(
        [sys.executable, *launcher, str(ROOT / "train.py"), *settings],
        env={**env, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_two(launcher: tuple[str, ...], settings: list[str]) -> str:
    process = start(launcher, [*settings, *TWO])
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def only_run(name: str) -> RunFolder:
    (folder,) = Path("runs", name).iterdir()
    return RunFolder(folder)


def column(name: str, key: str) -> list[float]:
    with only_run(name).metrics.open() as file:
        return [float(row[key]) for row in csv.DictReader(file) if row[key]]


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def assert_agrees(one: str, other: str) -> None:
    with only_run(one).metrics.open() as file:
        names = [name for name in next(csv.reader(file)) if name.startswith("train/")]
    assert len(names) >= 3
    for key in names:
        # Sums of some thousand terms in another order, six steps long.
        assert column(other, key) == pytest.approx(column(one, key), rel=1e-5), key
    assert column(other, "lr") == column(one, "lr")
    assert column(other, "val/iou") == column(one, "val/iou")
    weights = [torch.load(only_run(name).last)["state_dict"] for name in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key], value, rtol=1e-4, atol=1e-6, msg=key)


def test_two_processes_are_one_and_go_on_as_one(tiny_dataset: Path) -> None:
    assert main(["train", *arguments(tiny_dataset, "name=one", *CHANGED)]) == 0
    output = run_two((), arguments(tiny_dataset, "name=two", "trainer.max_steps=3", *CHANGED))
    assert output.count("step 3/3") == 1  # one process speaks
    assert output.count("images stay in cpu") == 1
    assert len(list(only_run("two").images.iterdir())) == 1
    alone = ("name=two", "resume=last", "trainer.devices=1", "trainer.strategy=auto", *CHANGED)
    assert main(["train", *arguments(tiny_dataset, *alone)]) == 0
    assert_agrees("one", "two")


def test_one_process_goes_on_as_two_of_torchrun(tiny_dataset: Path) -> None:
    """With batch normalisation, Laplacian and soft silhouettes, and colours besides."""
    more = ("softras2019", "model.colors=true", "loss.color=1.0")
    more += ("renderer.sigma_schedule=null",)  # its fractions would depend on max_steps
    assert main(["train", *arguments(tiny_dataset, "name=one", *more)]) == 0
    assert main(["train", *arguments(tiny_dataset, "name=two", "trainer.max_steps=3", *more)]) == 0
    run_two(TORCHRUN, arguments(tiny_dataset, "name=two", "resume=last", *more))
    assert_agrees("one", "two")
    assert len((only_run("two").path / "command.txt").read_text().splitlines()) == 2


def test_a_signal_to_one_process_stops_both(tiny_dataset: Path) -> None:
    settings = arguments(tiny_dataset, "trainer.max_steps=100000", "trainer.validate_every=50000")
    process = start((), [*settings, *TWO])
    try:
        deadline = time.monotonic() + 300
        while not list(Path("runs").glob("*/*/metrics.csv")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert torch.load(only_run("default").last)["global_step"] % 10 == 0


def test_who_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_RANK", raising=False)
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    assert is_main_process()
    monkeypatch.setenv("NODE_RANK", "1")  # the first process of the second machine
    assert not is_main_process()
    monkeypatch.setenv("NODE_RANK", "0")
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    assert not is_main_process()


def test_one_at_a_time(tmp_path: Path) -> None:
    path, made = tmp_path / "sub" / "made", []

    def make() -> None:
        with one_at_a_time(path):
            made.append(not path.exists())
            time.sleep(0.1)
            path.touch()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True, False]
