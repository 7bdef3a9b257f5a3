"""Any folder of meshes: one sub-folder per category, holding OBJ, GLB, PLY or STL files.

Each mesh is scaled to longest side 1, rendered from 24 sides with its images or colours, voxelized
and sampled. y is up; turn others with --up z. Broken files are skipped and reported by name; a mesh
whose images are missing is drawn with the colours of its materials, and reported too.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nr3d.data.building import BuildReport, Job, build_dataset
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.partition import Partitioner
from nr3d.data.recipes import run
from nr3d.data.verify import verify_dataset
from nr3d.geometry.camera import eye_from_angles
from nr3d.geometry.files import LoadedMesh, load_mesh, normalize
from nr3d.geometry.sampling import sample_outside
from nr3d.geometry.voxelize import voxelize
from nr3d.renderer.appearance import appearance_of
from nr3d.renderer.shading import render_views

SUFFIXES = (".obj", ".glb", ".ply", ".stl")
DISTANCE = 2.732
ELEVATION = 30.0
AZIMUTH_STEP = -15.0
NUM_VIEWS = 24
VIEWING_ANGLE = 15.0
IMAGE_SIZE = 64
RESOLUTION = 32
SUPERSAMPLING = 4
NUM_POINTS = 10_000  # samples of each surface, always from the same random numbers


def view_eyes() -> Tensor:
    """Give the 24 cameras of Kato et al. 2018. [24, 3]"""
    azimuths = AZIMUTH_STEP * torch.arange(NUM_VIEWS, dtype=torch.float32)
    return eye_from_angles(DISTANCE, ELEVATION, azimuths)


def load_with_images(file: Path) -> LoadedMesh:
    """Load a mesh with its images, or with none of them and a warning if one cannot be drawn.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: More than an image or a material file is wrong.
    """
    try:
        mesh = load_mesh(file, textures=True)
    except (FileNotFoundError, ValueError) as error:
        with warnings.catch_warnings():  # the same missing file would be warned about twice
            warnings.filterwarnings("ignore", message=re.escape(str(error)))
            mesh = load_mesh(file)
        warnings.warn(f"{error}; drawn without images", stacklevel=2)
    if mesh.uvs is None and any(material.texture is not None for material in mesh.materials):
        reason = "must have texture coordinates for the images of its materials, got none"
        warnings.warn(f"{file} {reason}; drawn without images", stacklevel=2)
    return mesh


def record_of_mesh(
    job: Job, mesh: LoadedMesh, *, creator: str = "", licence: str = ""
) -> ObjectRecord:
    """Normalize, render, voxelize and sample one mesh.

    Args:
        job: Names the object.
        mesh: Any length unit, y up; drawn with its images, else its colours, else grey.
        creator: Author.
        licence: Terms.

    Raises:
        ValueError: There is nothing to see: no faces, no extent, not finite, no surface outside.
    """
    if len(mesh.faces) == 0:
        raise ValueError("the mesh must have faces, got none")
    used = mesh.vertices[mesh.faces.unique()]
    if not bool(torch.isfinite(used).all()):
        raise ValueError("vertices must be finite, got NaN or infinity")
    if float((used.amax(dim=0) - used.amin(dim=0)).max()) <= 0.0:
        raise ValueError("the mesh must have an extent, got all vertices in one place")
    mesh = without_stray_vertices(mesh)  # they would shift the box
    vertices, faces = normalize(mesh.vertices), mesh.faces
    eyes = view_eyes()
    images = render_views(
        vertices,
        faces,
        appearance_of(mesh),
        eyes,
        viewing_angle=VIEWING_ANGLE,
        image_size=IMAGE_SIZE,
        supersampling=SUPERSAMPLING,
    )
    if not bool(images[:, 3].any()):
        raise ValueError("the mesh must be visible, got nothing but empty pixels")
    surface = sample_outside(vertices, faces, num_points=NUM_POINTS)
    return ObjectRecord(
        id=job.id,
        category=job.category,
        split=0,
        images=images.numpy(),
        eyes=eyes.numpy(),
        voxels=voxelize(vertices[None], faces, resolution=RESOLUTION)[0].numpy(),
        creator=creator,
        licence=licence,
        points=surface.points[0].half().numpy(),
        normals=surface.normals[0].half().numpy(),
    )


def without_stray_vertices(mesh: LoadedMesh) -> LoadedMesh:
    """Keep the vertices that faces use, and their colours; faces stay what and where they are."""
    used, faces = mesh.faces.unique(return_inverse=True)
    colors = None if mesh.vertex_colors is None else mesh.vertex_colors[used]
    return replace(mesh, vertices=mesh.vertices[used], faces=faces, vertex_colors=colors)


def make_record(job: Job) -> ObjectRecord:
    """Load one file and turn it into a record."""
    mesh = load_with_images(Path(job.settings["file"]))
    if job.settings["up"] == "z":
        x, y, z = mesh.vertices.unbind(dim=1)
        mesh = replace(mesh, vertices=torch.stack([x, z, -y], dim=1))
    return record_of_mesh(job, mesh)


def find_meshes(folder: Path) -> dict[str, list[Path]]:
    """List the mesh files of each category: below a sub-folder at any depth, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: No sub-folder holds a mesh.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"mesh folder {folder} not found; pass -i FOLDER")
    found: dict[str, list[Path]] = {}
    for category in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(
            path
            for path in category.rglob("*")
            if path.suffix.lower() in SUFFIXES and path.is_file()
        )
        if files:
            found[category.name] = files
    if not found:
        raise ValueError(
            f"mesh folder {folder} must have sub-folders (one per category) with "
            f"{', '.join(SUFFIXES)} files, got none; put each mesh into FOLDER/CATEGORY/"
        )
    return found


def build_from(
    output: Path,
    *,
    recipe: Path,
    jobs: Sequence[Job],
    header: Header,
    limit: int | None,
    num_workers: int,
    splits_given: bool = False,
    partition: Partitioner | None = None,
) -> BuildReport:
    """Build and print what came of it; also for recipes on top of this one."""
    jobs = list(jobs)[:limit]
    report = build_dataset(
        output,
        recipe=recipe,
        jobs=jobs,
        header=header,
        num_workers=num_workers,
        splits_given=splits_given,
        partition=partition,
    )
    counts = f"{len(report.skipped)} skipped, {len(report.warned)} warned about"
    print(f"{output}: {report.num_objects} objects, {counts}")
    return report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("-i", "--input", type=Path, metavar="FOLDER", help="the folder of meshes")
    parser.add_argument("--up", choices=("y", "z"), default="y", help="axis that points up")
    parser.add_argument("--source", default="", help="where the meshes come from")
    parser.add_argument("--licence", default="unknown", help="terms of the meshes")


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    if arguments.input is None:
        raise ValueError("meshes: -i must be the folder of meshes, got nothing; pass -i FOLDER")
    found = find_meshes(arguments.input)
    jobs = [
        Job(
            file.relative_to(arguments.input).as_posix(),
            category,
            {"file": str(file.resolve()), "up": arguments.up},
        )
        for category, files in enumerate(found.values())
        for file in files
    ]
    header = Header(
        categories=tuple(found),
        viewing_angle=VIEWING_ANGLE,
        source=arguments.source or f"meshes of {arguments.input.name}",
        licence=arguments.licence,
        recipe=f"meshes --up {arguments.up}, with images, with surfaces",
    )
    build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=arguments.limit,
        num_workers=arguments.workers,
    )


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
