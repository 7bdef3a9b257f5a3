"""Images in memory: the batches of the file, wherever they are, and where they go."""

from __future__ import annotations

import logging
import re
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from nr3d.data import residence, resident
from nr3d.data.batch import MultiViewBatch
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import read_index
from nr3d.data.residence import choose_residence, free_host_memory
from nr3d.data.resident import ResidentImages

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def module_of(path: Path, place: str, **arguments: Any) -> MultiViewDataModule:
    return MultiViewDataModule(path=str(path), batch_size=4, resident=place, **arguments)


def assert_same(first: MultiViewBatch, second: MultiViewBatch) -> None:
    for name, value in vars(first).items():
        other = getattr(second, name)
        assert (value is None) == (other is None), name
        if value is not None:
            assert value.dtype == other.dtype and torch.equal(value, other.cpu()), name


def assert_same_batches(first: MultiViewDataModule, second: MultiViewDataModule) -> None:
    loaders = (first.train_dataloader(), second.train_dataloader())
    for one, other in zip(*(islice(loader, 20) for loader in loaders), strict=True):
        assert_same(one, other)
    for one, other in zip(first.val_dataloader(), second.val_dataloader(), strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("sampling", ["category", "object"])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_memory_gives_the_batches_of_the_file(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch, sampling: str, num_workers: int
) -> None:
    monkeypatch.setattr(resident, "OBJECTS_PER_PIECE", 3)  # eight objects: the last piece is short
    file = module_of(tiny_dataset, "file", sampling=sampling)
    held = module_of(tiny_dataset, "cpu", sampling=sampling, num_workers=num_workers)
    file.start_step = held.start_step = 7
    assert file.resident_images is None and held.resident_images is not None
    assert held.train_dataloader().num_workers == 0
    assert_same_batches(file, held)


def test_ranks_share_what_is_in_memory(tiny_dataset: Path) -> None:
    def of_rank(rank: int) -> MultiViewDataModule:
        module = module_of(tiny_dataset, "cpu")
        strategy = SimpleNamespace(root_device=CPU, broadcast=lambda value: value)
        trainer = SimpleNamespace(global_rank=rank, world_size=2, num_devices=2, strategy=strategy)
        cast(Any, module).trainer = trainer
        return module

    (whole,) = islice(module_of(tiny_dataset, "file").train_dataloader(), 1)
    parts = [next(iter(of_rank(rank).train_dataloader())) for rank in range(2)]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)


@pytest.mark.gpu
def test_the_gpu_gives_the_batches_of_the_file(tiny_dataset: Path) -> None:
    module = module_of(tiny_dataset, "cuda")
    strategy = SimpleNamespace(root_device=GPU, broadcast=lambda value: value)
    cast(Any, module).trainer = SimpleNamespace(
        global_rank=0, world_size=1, num_devices=1, strategy=strategy
    )
    (batch,) = islice(module.train_dataloader(), 1)
    assert batch.images.is_cuda and batch.eyes.is_cuda
    assert_same_batches(module_of(tiny_dataset, "file"), module)


@pytest.mark.gpu
def test_a_gather_does_not_wait_for_the_gpu(tiny_dataset: Path) -> None:
    held = ResidentImages(tiny_dataset, read_index(tiny_dataset), np.arange(6), device="cuda")
    held.take(np.array([1, 5]), np.array([[0, 2], [1, 1]]))
    torch.cuda.set_sync_debug_mode("error")
    try:
        held.take(np.array([1, 5]), np.array([[0, 2], [1, 1]]))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_objects_that_are_not_held(tiny_dataset: Path) -> None:
    held = ResidentImages(tiny_dataset, read_index(tiny_dataset), np.arange(6))
    assert held.take(np.array([5]), np.zeros((1, 0), dtype=np.int64)).images.shape == (
        1,
        0,
        4,
        8,
        8,
    )
    with pytest.raises(ValueError, match="objects must be among those held, got 7"):
        held.take(np.array([1, 7]), np.array([[0], [1]]))


def test_the_place_is_said_once(tiny_dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = module_of(tiny_dataset, "auto")
    with caplog.at_level(logging.INFO, logger="nr3d"):
        module.train_dataloader()
        module.val_dataloader()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("images stay in cpu: 0.0 MB of ")
    assert said[1].startswith("loaded the images of 8 objects in ")


def test_only_what_training_uses_is_held(tiny_dataset: Path) -> None:
    held = module_of(tiny_dataset, "cpu", val_objects=1).resident_images
    assert held is not None and len(held.images) == 7


@pytest.mark.parametrize(
    ("wanted", "device", "free_gpu", "free_host", "place", "reason"),
    [
        ("auto", GPU, 200, 0, "cuda", "0.0 MB of 0.0 MB free on cuda:0"),
        ("auto", GPU, 199, 400, "cpu", "free on cpu"),
        ("auto", GPU, 199, 399, "file", "more than half of what is free: .* cuda:0, .* cpu"),
        ("auto", CPU, 200, 400, "cpu", "free on cpu"),
        ("auto", CPU, 999, 399, "file", "more than half"),
        ("file", GPU, 999, 999, "file", "as dataset.resident says"),
        ("cpu", GPU, 999, 200, "cpu", "as dataset.resident says"),
        ("cuda", GPU, 100, 0, "cuda", "as dataset.resident says"),
    ],
)
def test_choice(
    wanted: str, device: torch.device, free_gpu: int, free_host: int, place: str, reason: str
) -> None:
    free = {"cuda": free_gpu, "cpu": free_host}
    chosen, why = choose_residence(
        wanted, 100, device, num_processes=2, free_bytes=lambda place: free[place.type]
    )
    assert chosen == place
    assert re.search(reason, why)


def test_places_that_cannot_be(tiny_dataset: Path) -> None:
    module = module_of(tiny_dataset, "cuda")
    with pytest.raises(ValueError, match="auto, file or cpu where training runs on cpu, got 'cuda"):
        module.train_dataloader()
    with pytest.raises(
        ValueError, match=r"resident=cpu needs 17\.2 GB on cpu, got 8\.0 GB free; set"
    ):
        choose_residence("cpu", 8_600_000_000, CPU, num_processes=2, free_bytes=lambda _: 8 * 10**9)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_free_memory_of_the_machine(tmp_path: Path) -> None:
    assert free_host_memory(tmp_path) == 0
    write(tmp_path / "proc/meminfo", "MemTotal: 99 kB\nMemAvailable:   50 kB\n")
    assert free_host_memory(tmp_path) == 50 * 1024
    assert residence.free_memory(CPU) > 0


def test_control_groups_limit_the_free_memory(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", "MemAvailable:   50 kB\n")
    write(tmp_path / "proc/self/cgroup", "0::/job/step\n")
    groups = tmp_path / "sys/fs/cgroup"
    for folder, limit in (("job", "9000"), ("job/step", "max")):
        write(groups / folder / "memory.max", limit)
        write(groups / folder / "memory.current", "4000")
        write(groups / folder / "memory.stat", "anon 3000\ninactive_file 1000\n")
    assert free_host_memory(tmp_path) == 9000 - 4000 + 1000


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", "MemAvailable:   50 kB\n")
    write(tmp_path / "proc/self/cgroup", "4:memory:/job\n1:cpu:/job\n0::/\n")
    group = tmp_path / "sys/fs/cgroup/memory/job"
    for name, value in (("limit", "8000"), ("usage", "7000")):
        write(group / f"memory.{name}_in_bytes", value)
    write(group / "memory.stat", "total_inactive_file 500\n")
    assert free_host_memory(tmp_path) == 1500
