"""Time silhouettes, forward and backward, camera included, as meshes, pixels and faces grow.

Run: python -m benchmarks.bench_scaling [--device cuda] [--json FILE] [--plot FILE.png]

On a CUDA device every case is timed by CUDA events twice: launched kernel by kernel (eager), and
captured in a graph. The floor is the time in which the device copies the bytes that a step has to
read or write at least: vertices, faces, images, what each pixel shows, and their gradients.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer

from .workloads import deform


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
        name: W1, W2, or what grows.
        num_meshes: M, one view each.
        image_size: Pixels.
        level: Of the icosphere: 20 * 4^level faces.
        anti_aliasing: Draw at twice the size.
    """

    name: str
    num_meshes: int
    image_size: int
    level: int
    anti_aliasing: bool

    @property
    def num_faces(self) -> int:
        """F."""
        return 20 * 4**self.level

    def floor_bytes(self) -> int:
        """Count the bytes that a step reads or writes at least."""
        num_vertices = self.num_faces // 2 + 2
        pixels = self.num_meshes * self.image_size**2
        drawn = pixels * (4 if self.anti_aliasing else 1)
        index = 2 if 2 * self.num_faces <= 32767 else 4
        points = 12 * self.num_meshes * num_vertices
        # vertices, projected, both gradients; images and gradients; the face of each pixel twice
        return 4 * points + 24 * self.num_faces + 8 * pixels + 2 * index * drawn


CASES = [
    Case("W1", 64, 64, 3, True),
    Case("W2", 64, 256, 3, False),
    Case("20,480 faces", 1, 512, 5, False),
    *(Case("meshes", count, 64, 3, True) for count in (1, 4, 16, 64, 256, 1024)),
    *(Case("pixels", 16, size, 3, False) for size in (64, 128, 256, 512, 1024)),
    *(Case("faces", 16, 128, level, False) for level in (2, 3, 4, 5, 6)),
]


class Step:
    """Draw silhouettes and differentiate a loss, on fixed tensors."""

    def __init__(self, case: Case, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(0)
        vertices, faces = icosphere(case.level)
        vertices = deform(vertices, case.num_meshes, generator)
        self.vertices = vertices.to(device).requires_grad_()
        self.faces = faces.to(device, torch.int32)
        self.eyes = eye_from_angles(2.732, 30.0, -15.0 * (torch.arange(case.num_meshes) % 24))
        self.eyes = self.eyes[:, None].to(device)
        self.renderer = NeuralRenderer(
            image_size=case.image_size, anti_aliasing=case.anti_aliasing, viewing_angle=15.0
        )
        # Where the object is too large and too small by a pixel or two, as late in a training.
        with torch.no_grad():
            grown = self.renderer.silhouettes(Mesh(self.vertices * 1.05, self.faces), self.eyes)
            self.gradient = self.renderer.silhouettes(Mesh(self.vertices, self.faces), self.eyes)
            self.gradient = 2 * (self.gradient - grown.roll(2, -1))

    def __call__(self) -> Tensor:
        """Give the gradient of the vertices."""
        images = self.renderer.silhouettes(Mesh(self.vertices, self.faces), self.eyes)
        (gradient,) = torch.autograd.grad(images, self.vertices, self.gradient)
        return gradient


def median_ms(run: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Give the median time of a run."""
    times = []
    for i in range(rounds + 3):
        if device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            elapsed = begin.elapsed_time(end)
        else:
            start = time.perf_counter()
            run()
            elapsed = 1e3 * (time.perf_counter() - start)
        if i >= 3:
            times.append(elapsed)
    return statistics.median(times)


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """Capture a run in a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def bytes_per_ms(device: torch.device) -> float:
    """Measure how many bytes the device reads and writes in a millisecond of copying."""
    source = torch.empty(1 << 26, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / median_ms(lambda: target.copy_(source), device, 5)


def measure(case: Case, device: torch.device, rounds: int, speed: float) -> dict[str, object]:
    """Measure one case."""
    step = Step(case, device)
    row: dict[str, object] = {
        "case": case.name,
        "meshes": case.num_meshes,
        "pixels": case.image_size,
        "faces": case.num_faces,
        "floor_ms": case.floor_bytes() / speed,
        "eager_ms": median_ms(step, device, rounds),
    }
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        row["memory_mib"] = (torch.cuda.max_memory_allocated(device) - before) / 2**20
        row["graph_ms"] = median_ms(captured(step), device, rounds)
    best = row.get("graph_ms", row["eager_ms"])
    assert isinstance(best, float) and isinstance(row["floor_ms"], float)
    row["share_of_floor"] = row["floor_ms"] / best
    return row


def growth(rows: list[dict[str, object]], what: str) -> float:
    """Give the exponent with which the time grows over the last three cases."""
    time_of = [float(str(row.get("graph_ms", row["eager_ms"]))) for row in rows]
    size_of = [float(str(row[what])) for row in rows]
    return math.log(time_of[-1] / time_of[-3]) / math.log(size_of[-1] / size_of[-3])


def report(rows: list[dict[str, object]]) -> None:
    """Print the table, and how times grow."""
    columns = [key for key in rows[0]]
    table = Table(*columns, title="silhouettes, forward + backward, camera included")
    for row in rows:
        cells = [row[key] for key in columns]
        table.add_row(*(f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells))
    Console(width=120).print(table)
    for what in ("meshes", "pixels", "faces"):
        some = [row for row in rows if row["case"] == what]
        if len(some) >= 3:
            print(f"time grows with {what}^{growth(some, what):.2f} at the end")


def plot(rows: list[dict[str, object]], path: Path) -> None:
    """Draw the times against what grows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.5), sharey=True)
    for axis, what in zip(axes, ("meshes", "pixels", "faces"), strict=True):
        some = [row for row in rows if row["case"] == what]
        for key, label in (
            ("eager_ms", "eager"),
            ("graph_ms", "captured in a graph"),
            ("floor_ms", "memory floor"),
        ):
            if some and key in some[0]:
                axis.loglog([r[what] for r in some], [r[key] for r in some], "o-", label=label)
        axis.set_xlabel(what)
    axes[0].set_ylabel("ms")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure all cases and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--cases", nargs="+", help="names of cases: W1, W2, meshes, pixels, faces")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    speed = bytes_per_ms(device)
    print(f"{device}: copies {speed / 1e6:.0f} GB/s, torch {torch.__version__}")
    cases = [case for case in CASES if not arguments.cases or case.name in arguments.cases]
    rows = [measure(case, device, arguments.rounds, speed) for case in cases]
    report(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
