"""Time soft silhouettes beside Kato's, forward and backward, camera included.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_soft [--rounds 15]

The meshes, eyes and targets of W1 and W2 (see workloads.py), without supersampling. All contenders
take turns within each round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nr3d.renderer import SoftRenderer

from .bench_rasterize import _status_kb, seconds
from .workloads import Silhouettes, make_workload

SIGMAS = {"W1": (1e-4, 3e-5), "W2": (1e-4, 1e-5)}


def soften(workload: Silhouettes, sigma: float) -> Silhouettes:
    """Give the same work for the soft renderer."""
    renderer = SoftRenderer(
        image_size=workload.renderer.image_size,
        viewing_angle=workload.renderer.viewing_angle,
        sigma=sigma,
    )
    return replace(workload, renderer=renderer)  # type: ignore[arg-type]  # it has silhouettes()


def measure(name: str, rounds: int) -> dict[tuple[str, int], list[float]]:
    """Give the seconds of every contender and number of threads, one entry a round."""
    workload = make_workload(name)
    contenders = {"kato": workload}
    contenders |= {f"soft, sigma {sigma:g}": soften(workload, sigma) for sigma in SIGMAS[name]}
    times: dict[tuple[str, int], list[float]] = {}
    for round_number in range(rounds + 1):
        for label, work in contenders.items():
            for threads in (1, 2):
                elapsed = seconds(work.run, work, threads)
                if round_number > 0:  # the first warms up
                    times.setdefault((label, threads), []).append(elapsed)
    return times


def _print_peak_memory() -> None:
    small, large = (soften(make_workload("W1", num_meshes=m), 1e-4) for m in (2, 64))
    seconds(small.run, small, 2)  # loads what is loaded once
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _status_kb("VmRSS")
    seconds(large.run, large, 2)
    tensors = 2 * large.mesh.vertices.nbytes + 2 * large.targets.nbytes  # leaves, images, gradients
    print((_status_kb("VmHWM") - before) / 1024 - tensors / 2**20)


def main() -> None:
    """Run the works and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--works", nargs="+", default=["W1", "W2"])
    parser.add_argument("--peak-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_memory:
        _print_peak_memory()
        return
    table = Table(title="forward + backward, camera included")
    for column in ("work", "contender", "threads", "median ms", "minimum ms", "times kato's"):
        table.add_column(column, justify="left" if column in ("work", "contender") else "right")
    for name in arguments.works:
        times = measure(name, arguments.rounds)
        for (label, threads), values in times.items():
            ratio = statistics.median(
                ours / theirs for ours, theirs in zip(values, times["kato", threads], strict=True)
            )
            figures = (1e3 * statistics.median(values), 1e3 * min(values), ratio)
            table.add_row(name, label, str(threads), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)
    command = [sys.executable, "-m", "benchmarks.bench_soft", "--peak-memory"]
    memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(f"W1: peak memory beyond inputs and outputs {float(memory):.1f} MiB")


if __name__ == "__main__":
    main()
