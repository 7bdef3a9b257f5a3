"""Time the projection of every view, forward and backward, beside the same cameras in plain torch.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_project [--rounds 50] [--json FILE]

The contenders take turns within each round, so that a change of the machine's speed meets them all.
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

from nr3d.geometry import Mesh, eye_from_angles, icosphere, look_at, perspective
from nr3d.renderer import NeuralRenderer

BATCH = 64
VIEWS = (1, 2, 24)
THREADS = (1, 2)
RENDERER = NeuralRenderer()


def project_natively(mesh: Mesh, eyes: Tensor) -> Tensor:
    return RENDERER.project(mesh, eyes)


def project_in_torch(mesh: Mesh, eyes: Tensor) -> Tensor:
    points = mesh.vertices[:, None].expand(-1, eyes.shape[1], -1, -1).flatten(0, 1)
    return perspective(look_at(points, eyes.flatten(0, 1)), viewing_angle=RENDERER.viewing_angle)


CONTENDERS = {"nr3d": project_natively, "plain torch": project_in_torch}


def make_scene(num_views: int) -> tuple[Mesh, Tensor]:
    """Give spheres of 642 vertices and eyes around them."""
    vertices, faces = icosphere(3)
    generator = torch.Generator().manual_seed(0)
    radius = 0.4 + 0.2 * torch.rand((BATCH, 1, 1), generator=generator)
    azimuths = 360 * torch.rand((BATCH, num_views), generator=generator)
    eyes = eye_from_angles(torch.tensor(2.732), torch.tensor(30.0), azimuths)
    return Mesh(radius * vertices, faces), eyes


def measure(rounds: int) -> dict[tuple[int, str, int], list[float]]:
    """Give the milliseconds of every contender by views, name and threads, one entry a round."""
    times: dict[tuple[int, str, int], list[float]] = {}
    for num_views in VIEWS:
        mesh, eyes = make_scene(num_views)
        grad = torch.ones(BATCH * num_views, *mesh.vertices.shape[1:])
        for round_number in range(rounds + 3):
            for threads in THREADS:
                for name, project in CONTENDERS.items():
                    torch.set_num_threads(threads)
                    leaf = Mesh(mesh.vertices.clone().requires_grad_(), mesh.faces)
                    begin = time.perf_counter()
                    project(leaf, eyes).backward(grad)
                    elapsed = 1e3 * (time.perf_counter() - begin)
                    if round_number >= 3:  # the first ones warm up
                        times.setdefault((num_views, name, threads), []).append(elapsed)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args()
    title = f"projection of {BATCH} meshes, forward + backward"
    table = Table("views", "contender", "threads", "median ms", "minimum ms", title=title)
    results = []
    for (num_views, name, threads), values in measure(arguments.rounds).items():
        median, best = statistics.median(values), min(values)
        table.add_row(str(num_views), name, str(threads), f"{median:.2f}", f"{best:.2f}")
        row = {"views": num_views, "contender": name, "threads": threads}
        results.append(row | {"median_ms": median, "minimum_ms": best})
    Console().print(table)
    report = {"results": results, "machine": f"{platform.machine()}, torch {torch.__version__}"}
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
