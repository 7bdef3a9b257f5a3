"""Time images forward and backward, camera included, beside DEODR where it is installed.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_rasterize [--rounds 15] [--json FILE]
The peer: pip install deodr trimesh

The policy is what nr3d's commands set: else torch's idle threads spin for a while after each of its
operations, on the cores that the renderer's threads want.

Ours and the peer take turns within each round, so that a change of the machine's speed meets both.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from .workloads import (
    Colors,
    SilhouetteAndDepth,
    Silhouettes,
    make_color_work,
    make_depth_work,
    make_workload,
)

try:
    from . import deodr_peer
except ImportError:  # the peer is optional
    deodr_peer = None

Work: TypeAlias = Silhouettes | SilhouetteAndDepth | Colors
Run: TypeAlias = Callable[[Tensor], object]


def seconds(run: Run, workload: Work, threads: int) -> float:
    """Time one forward and backward pass on fresh leaves."""
    torch.set_num_threads(threads)
    vertices = workload.mesh.vertices.clone().requires_grad_()
    start = time.perf_counter()
    run(vertices)
    return time.perf_counter() - start


def peers(workload: Work) -> dict[str, tuple[Run, int]]:
    """Give DEODR's ways to do the work, where it is installed, and their threads."""
    if deodr_peer is None:
        return {}
    if isinstance(workload, SilhouetteAndDepth):
        return {"DEODR": (deodr_peer.DeodrDepth(workload).run, 1)}
    if isinstance(workload, Colors):
        return {"DEODR": (deodr_peer.DeodrColors(workload).run, 1)}
    return {
        "DEODR": (deodr_peer.DeodrSilhouettes(workload).run, 1),
        "DEODR's rasterizer alone": (deodr_peer.DeodrRasterizer(workload).run, 1),
    }


def measure(workload: Work, rounds: int) -> dict[str, list[float]]:
    """Give the seconds of every contender, one entry a round."""
    contenders: dict[str, tuple[Run, int]] = {
        "nr3d, 1 thread": (workload.run, 1),
        "nr3d, 2 threads": (workload.run, 2),
        **peers(workload),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, (run, threads) in contenders.items():
            elapsed = seconds(run, workload, threads)
            if round_number > 0:  # the first warms up
                times[name].append(elapsed)
    return times


def peak_memory_mb() -> float:
    """Give the peak memory of W1 beyond inputs and outputs, measured in a process of its own."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_rasterize", "--peak-memory"],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(output.stdout)


def _print_peak_memory() -> None:
    small, large = make_workload("W1", num_meshes=2), make_workload("W1")
    seconds(small.run, small, 2)  # loads what is loaded once
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _status_kb("VmRSS")
    seconds(large.run, large, 2)
    tensors = 2 * large.mesh.vertices.nbytes + 2 * large.targets.nbytes  # leaves, images, gradients
    print((_status_kb("VmHWM") - before) / 1024 - tensors / 2**20)


def _status_kb(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def report(results: dict[str, dict[str, list[float]]], memory: float) -> dict[str, object]:
    """Print the table; give what goes into the JSON."""
    table = Table(title="forward + backward, camera included")
    for column in ("work", "contender", "median ms", "minimum ms", "times faster than DEODR"):
        table.add_column(column, justify="left" if column in ("work", "contender") else "right")
    rows = []
    for work, times in results.items():
        for name, values in times.items():
            ratios = [
                peer / ours for peer, ours in zip(times.get("DEODR", []), values, strict=False)
            ]
            row = {
                "work": work,
                "contender": name,
                "median_ms": 1e3 * statistics.median(values),
                "minimum_ms": 1e3 * min(values),
                "median_ratio_to_deodr": statistics.median(ratios) if ratios else None,
            }
            rows.append(row)
            ratio = f"{row['median_ratio_to_deodr']:.2f}" if ratios else "-"
            table.add_row(work, name, f"{row['median_ms']:.2f}", f"{row['minimum_ms']:.2f}", ratio)
    Console().print(table)
    for work, times in results.items():
        pairs = zip(times["nr3d, 1 thread"], times["nr3d, 2 threads"], strict=True)
        print(
            f"{work}: 2 threads are {statistics.median(a / b for a, b in pairs):.2f}x as fast as 1"
        )
    print(f"W1: peak memory beyond inputs and outputs {memory:.1f} MiB")
    machine = f"{platform.machine()}, torch {torch.__version__}"
    return {"machine": machine, "rows": rows, "w1_peak_mib": memory}


def main() -> None:
    """Run the works and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--works", nargs="+", default=["W1", "W2", "W3", "W4"])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--peak-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_memory:
        _print_peak_memory()
        return
    if deodr_peer is None:
        print("DEODR is not installed: no peer in this run (pip install deodr trimesh)")
    works: dict[str, Callable[[], Work]] = {
        "W1": lambda: make_workload("W1"),
        "W2": lambda: make_workload("W2"),
        "W3": make_depth_work,
        "W4": make_color_work,
    }
    results = {name: measure(works[name](), arguments.rounds) for name in arguments.works}
    figures = report(results, peak_memory_mb())
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
