"""Time batches of training: read from HDF5, by workers or not, against images in memory.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_data [--objects 1000] [key=value ...]

Without dataset.path=FILE it writes a file of random shapes of --objects objects with 24 views of
64 x 64 beside the temporary files. A batch is asked for, and its images turned into floats, as fast
as they come; the contenders take turns. Memory is timed on the GPU too where there is one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from nr3d.build import check_config
from nr3d.config import compose
from nr3d.data.batch import MultiViewBatch
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.writer import write_dataset

from .random_data import attach

NUM_VIEWS, SIZE = 24, 64


def random_records(num_objects: int) -> Iterator[ObjectRecord]:
    """Give objects seen as noise inside a square on black: they compress like real ones."""
    random = np.random.default_rng(0)
    inside = slice(SIZE // 4, 3 * SIZE // 4)
    for number in range(num_objects):
        images = np.zeros((NUM_VIEWS, 4, SIZE, SIZE), dtype=np.uint8)
        shape = images[:, :, inside, inside].shape
        images[:, :, inside, inside] = random.integers(0, 256, shape, dtype=np.uint8)
        yield ObjectRecord(
            id=str(number),
            category=0,
            split=int(number % 10 == 9),  # every tenth for validation
            images=images,
            eyes=np.ones((NUM_VIEWS, 3), dtype=np.float32),
            voxels=None,
        )


def write_random(path: Path, num_objects: int) -> Path:
    header = Header(("noise",), 15.0, source="bench_data", licence="CC0-1.0", recipe="bench_data")
    write_dataset(path, header=header, records=random_records(num_objects))
    return path


def contenders(section: dict[str, Any], device: torch.device) -> dict[str, MultiViewDataModule]:
    settings = {f"HDF5, {n} workers": {"resident": "file", "num_workers": n} for n in (0, 1, 2)}
    settings["memory of the host"] = {"resident": "cpu", "num_workers": 2}
    if device.type == "cuda":
        settings["memory of the GPU"] = {"resident": "cuda", "num_workers": 2}
    return {
        name: attach(MultiViewDataModule(**{**section, **each}), device)
        for name, each in settings.items()
    }


def seconds(batches: Iterator[MultiViewBatch], count: int, device: torch.device) -> float:
    """Time `count` batches, on the device and as floats."""
    start = time.perf_counter()
    for batch in islice(batches, count):
        batch.to(device, non_blocking=True).to_float()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def status_mb(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key + ":"))


def measure(section: dict[str, Any], rounds: int, batches: int) -> dict[str, Any]:
    """Give the images per second of every contender, one entry a round, and what loading took."""
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    modules = contenders(section, device)
    before = status_mb("VmRSS")
    held = modules["memory of the host"].resident_images
    assert held is not None
    loading = {
        "GB": held.images.nbytes / 1e9,
        "seconds": held.seconds,
        "peak_mb_beyond": status_mb("VmHWM") - before - held.images.nbytes / 2**20,
    }
    rates: dict[str, list[float]] = {name: [] for name in modules}
    running = {name: iter(module.train_dataloader()) for name, module in modules.items()}
    images = batches * section["batch_size"] * section["views_per_object"]
    for round_number in range(rounds + 1):
        for name, iterator in running.items():
            elapsed = seconds(iterator, batches, device)
            if round_number:  # the first warms up
                rates[name].append(images / elapsed)
    return {"rates": rates, "loading": loading, "device": str(device)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--objects", type=int, default=1000, help="of the random file")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--batches", type=int, default=40, help="a round")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_intermixed_args()
    section = check_config(compose("default", ["dataset.batch_size=64", *arguments.overrides]))
    dataset = section["dataset"]
    with tempfile.TemporaryDirectory() as folder:
        if not any(text.startswith("dataset.path=") for text in arguments.overrides):
            path = write_random(Path(folder) / "random.h5", arguments.objects)
            dataset = {**dataset, "path": str(path)}
        figures = measure(dataset, arguments.rounds, arguments.batches)
    size = f"{dataset['batch_size']} x {dataset['views_per_object']}"
    table = Table(title=f"images/s, batches of {size}, on {figures['device']}")
    for column in ("images are in", "median", "maximum"):
        table.add_column(column, justify="left" if column == "images are in" else "right")
    for name, values in figures["rates"].items():
        table.add_row(name, f"{statistics.median(values):,.0f}", f"{max(values):,.0f}")
    Console().print(table)
    print(
        "loading: " + ", ".join(f"{key} {value:.1f}" for key, value in figures["loading"].items())
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
