"""openhome: a benchmark of single-image reconstruction that anyone can rebuild.

    apt-get install sweethome3d-furniture
    nr3d dataset build openhome -o data/openhome.h5
    nr3d dataset verify data/openhome.h5

The objects, their categories and their splits are those of openhome_splits.csv beside this file; a
build from anything else fails and names what differs. datasets/openhome.md is the card.
"""

from __future__ import annotations

import argparse
import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nr3d.data.building import Job
from nr3d.data.copies import likeness, linked, nearest_across, shared_points
from nr3d.data.format import SPLITS, Header, Index, ObjectRecord, open_file
from nr3d.data.listing import Entry, check_against, digest_of, read_listing, write_listing
from nr3d.data.partition import ALIKE_FROM, Partition, nearest
from nr3d.data.recipes import load_recipe, run
from nr3d.data.recipes import verify as verify_recipe
from nr3d.data.splits import stratified_splits
from nr3d.geometry.files import LoadedMesh

LIST = Path(__file__).with_name("openhome_splits.csv")
CATEGORIES = tuple(
    "seat table cabinet lamp vehicle sofa bed plant vessel opening appliance".split()
)
"""Those of the furniture recipe but `display`: 14 objects are too few to test on."""

SHARED_FROM = 0.15
"""Share of common vertices from which two models are variants of one."""

COUNTED_FROM = 100
"""Vertices from which equal numbers are no accident."""

REMEDY = "take the archives of the Debian package sweethome3d-furniture 1.8"


def find_jobs(source: Path) -> list[Job]:
    """Give the models of the benchmark's categories, each with the digest of its OBJ."""
    furniture = load_recipe("furniture")
    archives = furniture.find_archives(source)
    found, _ = furniture.find_jobs(archives)
    names = list(furniture.CATEGORIES)
    jobs = []
    for archive in archives:
        with zipfile.ZipFile(archive.path) as opened:
            for job in found:
                category = names[job.category]
                mine = job.settings["archive"] == str(archive.path.resolve())
                if not mine or category not in CATEGORIES:
                    continue
                content = furniture.read_member(opened, job.settings["member"], archive.path)
                settings = {**job.settings, "digest": digest_of(content)}
                jobs.append(Job(job.id, CATEGORIES.index(category), settings))
    return jobs


def make_record(job: Job) -> ObjectRecord:
    """Load one model, turn it upright and make its record."""
    record: ObjectRecord = load_recipe("furniture").make_record(job)
    return record


def find_families(ids: Sequence[str], alike: Tensor, meshes: Sequence[LoadedMesh]) -> list[str]:
    """Name the family of each model: copies, recoloured copies, and variants.

    Two models are kin if their grids agree in one of eight poses (`ALIKE_FROM`); if they share
    vertices (`SHARED_FROM`), as a door and the same door with a pane do; or if both have the same
    number of vertices, at least `COUNTED_FROM`, and of faces, as a bent and a straight palm have.

    Args:
        ids: Names. O of them
        alike: Voxel IoU in the best pose. [O, O]
        meshes: Upright, in the archive's unit. O of them
    """
    counts = torch.tensor([(len(mesh.vertices), len(mesh.faces)) for mesh in meshes])
    same = (counts[:, None] == counts[None, :]).all(dim=-1) & (counts[:, 0] >= COUNTED_FROM)
    shares = shared_points([mesh.vertices.numpy() for mesh in meshes])
    return linked(ids, (alike >= ALIKE_FROM) | (shares >= SHARED_FROM) | same)


def listed_partition(
    ids: Sequence[str], voxels: Tensor, jobs: Sequence[Job], listed: Sequence[Entry]
) -> Partition:
    """Give the listed splits, and check that all listed objects were made and no copy leaks.

    Raises:
        ValueError: Objects could not be made, or two splits share near copies.
    """
    entries = {entry.id: entry for entry in listed}
    made = {id: entries[id] for id in ids}
    wanted = [entries[job.id] for job in jobs]
    check_against("openhome: the build", made, wanted, remedy="see what was skipped, and why")
    splits = [SPLITS.index(entries[id].split) for id in ids]
    alike = likeness(voxels)
    check_leaks("openhome: the build", ids, splits, alike)
    families = len({entries[id].family for id in ids})
    return Partition(splits, {"families of copies": str(families), **nearest(ids, splits, alike)})


def check_leaks(place: str, ids: Sequence[str], splits: Sequence[int], alike: Tensor) -> None:
    """Check that no two objects in different splits are near copies.

    Raises:
        ValueError: Some are; the message names them.
    """
    leaks = [pair for pair in nearest_across(ids, splits, alike) if pair.likeness >= ALIKE_FROM]
    if leaks:
        named = ", ".join(
            f"{pair.first} and {pair.second} ({pair.likeness:.3f})" for pair in leaks[:5]
        )
        raise ValueError(
            f"{place} must have no near copies in two splits (voxel IoU below {ALIKE_FROM}), got "
            f"{len(leaks)}: {named}"
        )


def make_list(
    ids: Sequence[str], category: Sequence[int], voxels: Tensor, jobs: Sequence[Job]
) -> list[Entry]:
    """Find families, give splits: how the list of the repository was made."""
    by_id = {job.id: job for job in jobs}
    alike = likeness(voxels)
    load = load_recipe("furniture").load_upright
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about images; the build has named them
        meshes = [load(by_id[id].settings) for id in ids]
    kin = find_families(ids, alike, meshes)
    splits = stratified_splits(kin, category)
    rows = zip(ids, category, kin, splits, strict=True)
    return [
        Entry(id, CATEGORIES[number], family, SPLITS[split], by_id[id].settings["digest"])
        for id, number, family, split in rows
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    load_recipe("furniture").add_arguments(parser)
    parser.set_defaults(input=None)
    parser.add_argument(
        "--list", type=Path, default=LIST, metavar="CSV", help="objects and splits (default: ours)"
    )
    parser.add_argument(
        "--make-list",
        action="store_true",
        help="find families and splits anew and write them to --list: another benchmark",
    )


def check_archives(source: Path, jobs: Sequence[Job], listed: Sequence[Entry]) -> None:
    """Check that the archives hold the listed models, byte for byte, and no others.

    Raises:
        ValueError: They do not; the message names the first models that differ.
    """
    found = {
        job.id: Entry(job.id, CATEGORIES[job.category], "", "", job.settings["digest"])
        for job in jobs
    }
    check_against(f"openhome: {source}", found, listed, remedy=REMEDY)


def verify_source(arguments: argparse.Namespace) -> None:
    """Check the archives against the list."""
    listed = read_listing(arguments.list)
    check_archives(arguments.input, find_jobs(arguments.input), listed)
    print(f"{arguments.input}: the {len(listed)} listed models are there, unchanged")


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    source = arguments.input or load_recipe("furniture").DEFAULT_FOLDER
    jobs = find_jobs(source)
    listed: Sequence[Entry] = ()
    if not arguments.make_list:
        listed = read_listing(arguments.list)
        check_archives(source, jobs, listed)
    jobs = jobs[: arguments.limit]

    def partition(ids: Sequence[str], category: Sequence[int], voxels: Tensor) -> Partition:
        if not arguments.make_list:
            return listed_partition(ids, voxels, jobs, listed)
        made = [job for job in jobs if job.id in set(ids)]
        entries = make_list(ids, category, voxels, made)
        write_listing(arguments.list, entries)
        return listed_partition(ids, voxels, made, entries)

    meshes = load_recipe("meshes")
    licences = sorted({job.settings["licence"] for job in jobs})
    header = Header(
        categories=CATEGORIES,
        viewing_angle=meshes.VIEWING_ANGLE,
        source="Sweet Home 3D furniture libraries of the Debian package sweethome3d-furniture",
        licence="; ".join(licences),
        recipe="openhome, with images, with surfaces",
    )
    meshes.build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=None,
        num_workers=arguments.workers,
        partition=partition,
    )


def verify_index(path: Path, index: Index) -> None:
    """Check that objects, categories and splits of a file are the listed ones.

    Raises:
        ValueError: Something differs, or two splits share near copies.
    """
    names = index.header.categories
    rows = zip(index.ids, index.category, index.split, strict=True)
    found = {id: Entry(id, names[category], "", SPLITS[split], "") for id, category, split in rows}
    place, listed = f"dataset file {path}", read_listing(LIST)
    check_against(place, found, listed, remedy="build it again, without --list and --limit")
    with open_file(path) as file:
        voxels = torch.from_numpy(file["voxels"][:])
    check_leaks(place, index.ids, index.split.tolist(), likeness(voxels))


def verify(path: Path) -> None:
    """Check every image, and that objects, categories and splits are the listed ones."""
    index = verify_recipe(path)
    print(f"{path}: {len(index.ids)} objects are sound, their splits those of {LIST.name}")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
