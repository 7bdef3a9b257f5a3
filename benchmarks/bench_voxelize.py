"""Time the voxelizer on one and two threads.

Run: python -m benchmarks.bench_voxelize [--rounds 15] [--json FILE]

The number of threads changes within each round, so that a change of the machine's speed meets both.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nr3d.geometry import icosphere, voxelize

BATCH = 128
RESOLUTIONS = (32, 64, 128)
THREADS = (1, 2)


def make_meshes() -> tuple[Tensor, Tensor]:
    """Give dented spheres of 642 vertices and 1280 faces that nearly fill the cube."""
    vertices, faces = icosphere(3)
    generator = torch.Generator().manual_seed(0)
    radius = 0.35 + 0.15 * torch.rand((BATCH, len(vertices), 1), generator=generator)
    return radius * vertices, faces


def measure(rounds: int) -> dict[tuple[int, int], list[float]]:
    """Give meshes per second by resolution and threads, one entry a round."""
    vertices, faces = make_meshes()
    speeds: dict[tuple[int, int], list[float]] = {}
    for round_number in range(rounds + 1):
        for resolution in RESOLUTIONS:
            for threads in THREADS:
                torch.set_num_threads(threads)
                begin = time.perf_counter()
                voxelize(vertices, faces, resolution=resolution)
                speed = BATCH / (time.perf_counter() - begin)
                if round_number > 0:  # the first warms up
                    speeds.setdefault((resolution, threads), []).append(speed)
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    speeds = measure(arguments.rounds)
    table = Table("resolution", "threads", "median meshes/s", "best meshes/s", title="voxelize")
    results = []
    for (resolution, threads), values in speeds.items():
        median, best = statistics.median(values), max(values)
        table.add_row(str(resolution), str(threads), f"{median:.0f}", f"{best:.0f}")
        results.append(
            {"resolution": resolution, "threads": threads, "median": median, "best": best}
        )
    Console().print(table)
    report = {"unit": "meshes of 1280 faces per second", "results": results}
    report["machine"] = f"{platform.machine()}, torch {torch.__version__}"
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
