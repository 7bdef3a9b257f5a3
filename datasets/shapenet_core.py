"""ShapeNetCore's meshes, version 1 or 2: our own renderings and voxels of them.

ShapeNet needs registration (https://shapenet.org) and cannot be downloaded by a script; its terms
allow non-commercial research. Unpack the ZIP file of each class into one folder, and

    nr3d dataset build shapenet_core -i ShapeNetCore.v2 -o data/shapenet.h5

where the folder holds

    02691156/MODEL/models/model_normalized.obj    version 2, its MTL and images beside it
    02691156/MODEL/model.obj                      version 1

The classes that are there are used, or those that --synsets names. Splits are those of --splits
(ShapeNet's all.csv, or a JSON file as datasets/README.md describes it), else a hash of the object's
name. --limit N takes the first N objects of each class and split. Meshes are drawn and voxelized as
the recipe `meshes` does it: the views and the grid of Kato et al. 2018.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nr3d.data.building import Job
from nr3d.data.census import Count, report_source
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.recipes import load_recipe, run
from nr3d.data.split_lists import first_of_each, read_splits, split_of_each
from nr3d.data.splits import split_of
from nr3d.data.synsets import SHAPENET_CORE, check_folders, choose_synsets
from nr3d.data.verify import verify_dataset

PLACES = ("models/model_normalized.obj", "model_normalized.obj", "model.obj", "models/model.obj")
LICENCE = "ShapeNet terms of use: non-commercial research (https://shapenet.org/terms)"


def mesh_of(folder: Path) -> Path | None:
    """Give the mesh of an object, where version 1 or 2 keeps it, or None."""
    return next((folder / place for place in PLACES if (folder / place).is_file()), None)


def make_record(job: Job) -> ObjectRecord:
    """Load, draw and voxelize one object."""
    meshes = load_recipe("meshes")
    folder = Path(job.settings["folder"])
    file = mesh_of(folder)
    if file is None:
        raise FileNotFoundError(f"{folder} must hold one of {', '.join(PLACES)}, got none")
    record: ObjectRecord = meshes.record_of_mesh(job, meshes.load_with_images(file))
    return replace(record, split=job.settings["split"])


def find_source(arguments: argparse.Namespace) -> dict[str, str]:
    """Give the classes to use.

    Raises:
        FileNotFoundError: The folder, or that of a class, is missing.
        ValueError: A folder is of a class that ShapeNet does not have, or there is none.
    """
    root: Path | None = arguments.input
    if root is None or not root.is_dir():
        raise FileNotFoundError(
            f"shapenet_core: folder {root} not found; register at https://shapenet.org, unpack the "
            "classes into one folder, and pass -i FOLDER"
        )
    chosen = choose_synsets("shapenet_core", arguments.synsets, SHAPENET_CORE)
    if arguments.synsets is None:
        chosen = {synset: name for synset, name in chosen.items() if (root / synset).is_dir()}
    remedy = f"unpack the class into {root}"
    complete = arguments.synsets is None
    check_folders("shapenet_core", root, chosen, complete=complete, remedy=remedy)
    if not chosen:
        raise ValueError(f"shapenet_core: {root} must hold folders like 02691156, got none")
    return chosen


def models_of(folder: Path) -> list[str]:
    """List the objects of a class, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def splits_of(
    arguments: argparse.Namespace, chosen: Iterable[str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Give the split of each object, and facts for the card."""
    there = [
        f"{synset}/{model}" for synset in chosen for model in models_of(arguments.input / synset)
    ]
    if arguments.splits is None:
        return {name: split_of(name) for name in there}, {"splits": "by hash of the name"}
    listed = split_of_each(arguments.splits, read_splits(arguments.splits))
    found = {name: split for name, split in listed.items() if name.split("/")[0] in set(chosen)}
    unlisted = len(set(there) - set(found))
    return found, {"splits": arguments.splits.name, "objects of no split, dropped": str(unlisted)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("-i", "--input", type=Path, metavar="FOLDER", help="holds the classes")
    parser.add_argument("--synsets", metavar="A,B", help="classes by number or name")
    parser.add_argument("--splits", type=Path, metavar="FILE", help="all.csv, or JSON")


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    chosen = find_source(arguments)
    meshes = load_recipe("meshes")
    each, card = splits_of(arguments, chosen)
    jobs = []
    for name, split in first_of_each(each, arguments.limit):
        settings = {"folder": str((arguments.input / name).resolve()), "split": split}
        jobs.append(Job(name, list(chosen).index(name.split("/")[0]), settings))
    header = Header(
        categories=tuple(chosen.values()),
        viewing_angle=meshes.VIEWING_ANGLE,
        source=f"ShapeNetCore ({arguments.input.name})",
        licence=LICENCE,
        recipe=f"shapenet_core, splits {arguments.splits}, with images",
        card=card,
    )
    meshes.build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=None,
        num_workers=arguments.workers,
        splits_given=True,
    )


def verify_source(arguments: argparse.Namespace) -> None:
    """Count objects and meshes."""
    counts = []
    for synset, name in find_source(arguments).items():
        models = models_of(arguments.input / synset)
        without = [model for model in models if mesh_of(arguments.input / synset / model) is None]
        count = Count(synset, name, len(models), 0, len(models) - len(without))
        count.problems += [f"{model} has no mesh" for model in without]
        counts.append(count)
    report_source(counts, title=str(arguments.input), against=False)


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
