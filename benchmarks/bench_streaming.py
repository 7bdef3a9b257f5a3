"""Watch the memory of reading batches from a file for a long time.

Run: python -m benchmarks.bench_streaming [--objects 4000] [--batches 10000] [key=value ...]

Without dataset.path=FILE it writes a file of random shapes beside the temporary files. Batches come
from the file (dataset.resident=file), as they must where images fit into no memory: memory has to
stay what it was after the first ones, however many batches follow and however large the file is.
With workers, each has its own memory; they are counted too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch

from nr3d.build import check_config
from nr3d.config import compose
from nr3d.data.datamodule import MultiViewDataModule

from .bench_data import seconds, write_random
from .random_data import attach

CPU = torch.device("cpu")


def memory_mb() -> float:
    """Give what this process and its workers hold: their proportional share of every page."""
    return sum(proportional_mb(process) for process in (os.getpid(), *children(os.getpid())))


def children(parent: int) -> list[int]:
    task = Path(f"/proc/{parent}/task")
    return [
        int(child)
        for thread in task.iterdir()
        for child in (thread / "children").read_text().split()
    ]


def proportional_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def watch(data: MultiViewDataModule, batches: int, rows: int) -> list[tuple[int, float, float]]:
    """Read batches; give (batches so far, memory in MiB, batches a second) `rows` times."""
    running = iter(data.train_dataloader())
    found = []
    for row in range(rows):
        count = batches // rows
        elapsed = seconds(islice(running, count), count, CPU)
        found.append(((row + 1) * count, memory_mb(), count / elapsed))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--objects", type=int, default=4000, help="of the random file")
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=10, help="of the table")
    arguments = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        given = any(text.startswith("dataset.path=") for text in arguments.overrides)
        path = None if given else write_random(Path(folder) / "random.h5", arguments.objects)
        overrides = ["dataset.batch_size=64", *arguments.overrides]
        section = check_config(compose("default", overrides))["dataset"]
        section |= {"resident": "file"} | ({} if path is None else {"path": str(path)})
        size = Path(section["path"]).stat().st_size / 2**20
        started = time.perf_counter()
        print(f"file: {size:,.0f} MiB; before the first batch: {memory_mb():,.0f} MiB")
        data = attach(MultiViewDataModule(**section), CPU)
        for count, memory, rate in watch(data, arguments.batches, arguments.rows):
            print(f"{count:>7} batches: {memory:,.0f} MiB, {rate:,.0f} batches/s", flush=True)
        print(f"{time.perf_counter() - started:,.0f} s")


if __name__ == "__main__":
    main()
