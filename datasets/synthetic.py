"""Parametric solids in five categories, shaded and voxelized: the embedded default.

Made in well under a minute, no download. Proportions, parts and colours vary widely inside each
category, so the mean shape of a category is a poor guess and one shaded image tells much more.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.checks import check_count
from nr3d.data.building import Job, build_dataset
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.recipes import run
from nr3d.data.verify import verify_dataset
from nr3d.geometry.camera import eye_from_angles
from nr3d.geometry.files import normalize
from nr3d.geometry.sampling import sample_outside
from nr3d.geometry.voxelize import voxelize
from nr3d.renderer.appearance import FaceColors
from nr3d.renderer.shading import render_views

DEFAULT_PATH = Path("data/synthetic.h5")
NUM_OBJECTS = 500
NUM_VIEWS = 24
VIEWING_ANGLE = 15.0
RESOLUTION = 32
NUM_POINTS = 10_000

Part = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Vertices [V, 3] and faces [F, 3] of one closed solid."""


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Part:
    """Make an axis-aligned box."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    size = np.array(high) - np.array(low)
    return np.array(low) + corners * size, np.array(faces, dtype=np.int64)


def lathe(profile: NDArray[np.float64], *, segments: int = 24) -> Part:
    """Turn a profile of (radius, height) rows about the y axis; both ends are closed."""
    angles = np.arange(segments) * (2 * math.pi / segments)
    circle = np.stack([np.cos(angles), np.zeros(segments), np.sin(angles)], axis=1)
    rings = [radius * circle + np.array([0.0, height, 0.0]) for radius, height in profile]
    ends = np.array([[0.0, profile[0, 1], 0.0], [0.0, profile[-1, 1], 0.0]])
    here = np.arange(segments)
    there = (here + 1) % segments
    faces = []
    for ring in range(len(profile) - 1):
        a, b = ring * segments, (ring + 1) * segments
        faces.append(np.stack([a + here, b + here, b + there], axis=1))
        faces.append(np.stack([a + here, b + there, a + there], axis=1))
    first = len(profile) * segments
    last = first - segments
    faces.append(np.stack([np.full(segments, first), here, there], axis=1))
    faces.append(np.stack([np.full(segments, first + 1), last + there, last + here], axis=1))
    return np.concatenate([*rings, ends]), np.concatenate(faces).astype(np.int64)


def block(random: np.random.Generator) -> list[Part]:
    """Make one box, often with a smaller one on top, off its middle."""
    width, depth, height = random.uniform(0.3, 1.0, size=3)
    parts = [box((0, 0, 0), (width, height, depth))]
    if random.random() < 0.6:
        share = random.uniform(0.25, 0.7, size=2)
        start = random.random(2) * (1 - share) * (width, depth)
        end = start + share * (width, depth)
        top = height + random.uniform(0.2, 0.8)
        parts.append(box((start[0], height * 0.9, start[1]), (end[0], top, end[1])))
    return parts


def round_body(random: np.random.Generator) -> list[Part]:
    """Make an ellipsoid, a cylinder, a cone or anything between, squeezed along one axis."""
    height = random.uniform(0.3, 1.6)
    levels = np.linspace(0.0, 1.0, 13)
    taper = random.uniform(0.15, 1.0)
    bulge = random.uniform(0.0, 1.0)
    sphere = np.sqrt(np.clip(1.0 - (2 * levels - 1) ** 2, 0.02, None))
    radius = ((1 - bulge) + bulge * sphere) * (1 - (1 - taper) * levels)
    vertices, faces = lathe(np.stack([radius, levels * height * 1.5], axis=1))
    return [(vertices * np.array([1.0, 1.0, random.uniform(0.3, 1.0)]), faces)]


def table(random: np.random.Generator) -> list[Part]:
    """Make a plate on four legs, on two walls or on one column with a foot."""
    width, depth = random.uniform(0.5, 1.0, size=2)
    height = random.uniform(0.25, 0.8)
    thickness = random.uniform(0.12, 0.3)
    leg = random.uniform(0.1, 0.2)
    parts = [box((0, height, 0), (width, height + thickness, depth))]
    kind = random.integers(3)
    top = height + thickness / 2
    if kind == 0:
        for x in (0.0, width - leg):
            for z in (0.0, depth - leg):
                parts.append(box((x, 0, z), (x + leg, top, z + leg)))
    elif kind == 1:
        for x in (0.0, width - leg):
            parts.append(box((x, 0, 0), (x + leg, top, depth)))
    else:
        x, z = width / 2, depth / 2
        parts.append(box((x - leg, 0, z - leg), (x + leg, top, z + leg)))
        parts.append(box((x * 0.4, 0, z * 0.4), (x * 1.6, leg, z * 1.6)))
    return parts


def seat(random: np.random.Generator) -> list[Part]:
    """Make a block or a plate on legs with a back, and sometimes arms."""
    width, depth = random.uniform(0.4, 1.4), random.uniform(0.4, 0.8)
    height = random.uniform(0.2, 0.6)
    thickness = random.uniform(0.1, 0.3)
    back = height + random.uniform(0.2, 0.9)
    parts = [box((0, height, 0), (width, back, thickness))]
    if random.random() < 0.6:
        parts.append(box((0, 0, 0), (width, height, depth)))
    else:
        leg = random.uniform(0.1, 0.16)
        parts.append(box((0, height - thickness, 0), (width, height, depth)))
        for x in (0.0, width - leg):
            for z in (0.0, depth - leg):
                parts.append(box((x, 0, z), (x + leg, height, z + leg)))
    if random.random() < 0.5:
        arm = random.uniform(0.1, 0.2)
        top = height + random.uniform(0.1, 0.3)
        for x in (-arm, width):
            parts.append(box((x, 0, 0), (x + arm, top, depth)))
    return parts


def letter(random: np.random.Generator) -> list[Part]:
    """Make an L, T, U or plus of bars, standing or lying."""
    thick = random.uniform(0.2, 0.45, size=2)
    depth = random.uniform(0.25, 0.8)
    width, height = random.uniform(0.5, 1.2, size=2)
    kind = random.integers(4)
    cross = random.uniform(0.3, 0.7) if kind == 3 else (1.0 if kind == 1 else 0.0)
    low = cross * (height - thick[1])
    parts = [box((0, low, 0), (width, low + thick[1], depth))]
    middle = (width - thick[0]) / 2
    uprights = {0: [0.0], 1: [middle], 2: [0.0, width - thick[0]], 3: [middle]}[int(kind)]
    parts += [box((x, 0, 0), (x + thick[0], height, depth)) for x in uprights]
    if random.random() < 0.5:
        parts = [(vertices[:, [0, 2, 1]], faces[:, [0, 2, 1]]) for vertices, faces in parts]
    return parts


CATEGORIES: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "block": block,
    "round": round_body,
    "table": table,
    "seat": seat,
    "letter": letter,
}


def make_mesh(category: int, *, seed: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Make one object: vertices [V, 3] with longest side 1, faces [F, 3], face colours [F, 3]."""
    random = np.random.default_rng((seed, category, number))
    parts = list(CATEGORIES.values())[category](random)
    color = random.uniform(0.35, 1.0, size=3)
    vertices, faces, offset = [], [], 0
    for part_vertices, part_faces in parts:
        vertices.append(part_vertices)
        faces.append(part_faces + offset)
        offset += len(part_vertices)
    points = np.concatenate(vertices)
    triangles = torch.from_numpy(np.concatenate(faces))
    colors = torch.tensor(color, dtype=torch.float32).expand(len(triangles), 3)
    return normalize(torch.tensor(points, dtype=torch.float32)), triangles, colors


def make_record(job: Job) -> ObjectRecord:
    """Make, render, voxelize and sample one object."""
    vertices, faces, colors = make_mesh(
        job.category, seed=job.settings["seed"], number=job.settings["number"]
    )
    azimuths = -15.0 * torch.arange(NUM_VIEWS, dtype=torch.float32)
    eyes = eye_from_angles(2.732, 30.0, azimuths)
    appearance = FaceColors(colors[None])
    images = render_views(
        vertices, faces, appearance, eyes, viewing_angle=VIEWING_ANGLE, supersampling=2
    )
    surface = sample_outside(vertices, faces, num_points=NUM_POINTS)
    return ObjectRecord(
        id=job.id,
        category=job.category,
        split=0,
        images=images.numpy(),
        eyes=eyes.numpy(),
        voxels=voxelize(vertices[None], faces, resolution=RESOLUTION)[0].numpy(),
        creator="nr3d",
        licence="MIT",
        points=surface.points[0].half().numpy(),
        normals=surface.normals[0].half().numpy(),
    )


def build_synthetic(
    path: Path, *, num_objects: int = NUM_OBJECTS, seed: int = 0, num_workers: int = 0
) -> None:
    """Write the dataset with `num_objects` objects, the categories in turn."""
    check_count("synthetic", "--objects", num_objects)
    check_count("synthetic", "--seed", seed, at_least=0)
    names = tuple(CATEGORIES)
    jobs = []
    for row in range(num_objects):
        number, category = divmod(row, len(names))
        settings = {"seed": seed, "number": number}
        jobs.append(Job(f"{names[category]}/{seed}/{number:04d}", category, settings))
    header = Header(
        categories=names,
        viewing_angle=VIEWING_ANGLE,
        source="parametric solids, made by the recipe",
        licence="MIT",
        recipe=f"synthetic --seed {seed}, with surfaces",
    )
    build_dataset(
        path,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        num_workers=num_workers,
        group_copies=False,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("--seed", type=int, default=0, help="of all shapes (default 0)")
    parser.add_argument(
        "--objects", type=int, default=NUM_OBJECTS, help=f"how many (default {NUM_OBJECTS})"
    )
    parser.set_defaults(workers=0)


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    num_objects = min(arguments.objects, arguments.limit or arguments.objects)
    build_synthetic(
        arguments.output,
        num_objects=num_objects,
        seed=arguments.seed,
        num_workers=arguments.workers,
    )


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
