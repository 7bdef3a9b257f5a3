"""Kato's ShapeNet renderings: 43,783 objects of 13 classes, 24 views of each, as NPZ files.

The data of Kato et al. 2018, also used by SoftRas and GenDR. It is made from ShapeNet, whose terms
(non-commercial research, https://shapenet.org/terms) hold for it. Nothing is downloaded here; get
the archive as the authors of those papers describe it and give it whole,

    nr3d dataset build kato_npz -i mesh_reconstruction.zip -o data/kato.h5

or unpacked, as a folder that holds (or holds a folder mesh_reconstruction with) for each class and
each of train, val, test

    02691156_train_images.npz    uint8 [N, 24, 4, 64, 64]
    02691156_train_voxels.npz    bool [N, 32, 32, 32]

All 13 classes have to be there unless --synsets names some. The splits are the files' own. --limit
N takes the first N objects of each file. Archives are read from front to back, object by object.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from nr3d.data.archives import Source, check_md5
from nr3d.data.assembling import assemble
from nr3d.data.census import Count, report_source
from nr3d.data.format import SPLITS, Header, ObjectRecord
from nr3d.data.inverted_colors import ChannelSums, from_inverted
from nr3d.data.npz_stream import NpzRows, open_npz
from nr3d.data.recipes import load_recipe, run
from nr3d.data.synsets import choose_synsets
from nr3d.data.verify import verify_dataset
from nr3d.data.writer import RecordCache
from nr3d.metrics import from_nmr_frame

MD5 = "cde0353519427992c1183232ebff74e8"
FOLDER = "mesh_reconstruction"
IMAGES = (24, 4, 64, 64)
VOXELS = (32, 32, 32)
EARLY = 32  # objects of an archive after which its channels are looked at, and again at its end
LICENCE = "ShapeNet terms of use: non-commercial research (https://shapenet.org/terms)"


def record_of_row(
    id: str, *, category: int, split: int, images: NDArray[np.uint8], voxels: NDArray[np.bool_]
) -> ObjectRecord:
    """Turn what the files hold of one object into a record; grids are stored as [y, x, 31 - z].

    Args:
        id: Unique name.
        category: Index into the categories.
        split: Index into the splits.
        images: [24, 4, 64, 64]
        voxels: [32, 32, 32]

    Raises:
        ValueError: Channel 3 is not alpha.
    """
    grid = from_nmr_frame(torch.from_numpy(voxels.copy())[None])[0]
    return ObjectRecord(
        id=id,
        category=category,
        split=split,
        images=from_inverted(id, images),
        eyes=load_recipe("meshes").view_eyes().numpy(),
        voxels=np.ascontiguousarray(grid.numpy()),
    )


@contextmanager
def open_pair(source: Source, synset: str, split: str) -> Iterator[tuple[NpzRows, NpzRows]]:
    """Open the images and the voxels of one class and split.

    Raises:
        FileNotFoundError: One of the files is missing.
        ValueError: One is damaged or has another type or shape, or their lengths differ.
    """
    with (
        source.open(f"{synset}_{split}_images.npz") as image_file,
        source.open(f"{synset}_{split}_voxels.npz") as voxel_file,
        open_npz(image_file) as images,
        open_npz(voxel_file) as voxels,
    ):
        _check(images, np.dtype(np.uint8), IMAGES)
        _check(voxels, np.dtype(np.bool_), VOXELS)
        if len(images) != len(voxels):
            raise ValueError(
                f"archive {images.path} must hold the images of the {len(voxels)} objects of "
                f"{voxels.path.name}, got {len(images)} objects; the files belong to different "
                "versions"
            )
        yield images, voxels


def _check(rows: NpzRows, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if rows.dtype != dtype or rows.shape[1:] != shape:
        wanted = ", ".join(str(size) for size in shape)
        raise ValueError(
            f"archive {rows.path} must hold {dtype} [N, {wanted}], "
            f"got {rows.dtype} {list(rows.shape)}"
        )


def keep_objects(
    cache: RecordCache,
    source: Source,
    *,
    synset: str,
    category: int,
    split: int,
    limit: int | None,
) -> list[str]:
    """Keep the objects of one class and split that are not kept yet; give the names of all.

    Objects kept of files that have changed since are made anew.
    """
    with open_pair(source, synset, SPLITS[split]) as (images, voxels):
        count = len(images) if limit is None else min(limit, len(images))
        ids = [f"{synset}/{SPLITS[split]}/{number:05d}" for number in range(count)]
        kinds = ("images", "voxels")
        states = [source.state(f"{synset}_{SPLITS[split]}_{kind}.npz") for kind in kinds]
        cache.expect(dict.fromkeys(ids, "; ".join(states)))
        if all(cache.has(id) for id in ids):
            return ids
        pairs: Iterator[tuple[NDArray[Any], NDArray[Any]]] = zip(images, voxels, strict=True)
        sums = ChannelSums(images.path.name)
        for number, (image, grid) in enumerate(pairs):
            sums.add(image)
            if number + 1 in (EARLY, count):
                sums.check()
            if number < count and not cache.has(ids[number]):
                cache.save(
                    record_of_row(
                        ids[number], category=category, split=split, images=image, voxels=grid
                    )
                )
            if limit is not None and number + 1 == count:
                break
    return ids


def open_source(arguments: argparse.Namespace) -> Source:
    """Check the checksum of a ZIP file and open it, or open a folder."""
    if arguments.input is None:
        raise ValueError(
            "kato_npz: -i must be mesh_reconstruction.zip or the folder of its NPZ files, got "
            "nothing; pass -i PATH"
        )
    if arguments.input.is_file():
        check_md5(arguments.input, arguments.md5)
    work = arguments.input if arguments.output is None else arguments.output
    return Source(arguments.input, folder=FOLDER, work=work.parent, md5=arguments.md5)


def find_source(arguments: argparse.Namespace) -> tuple[Source, Mapping[str, str]]:
    """Open the source and check its files' names; give the names of the classes to use, too."""
    chosen = choose_synsets("kato_npz", arguments.synsets)
    source = open_source(arguments)
    if arguments.synsets is None:
        check_names(source, chosen)
    check_there(source, chosen)
    return source, chosen


def check_there(source: Source, chosen: Mapping[str, str]) -> None:
    """Check, before hours of work, that every file is there."""
    wanted = [
        f"{synset}_{split}_{kind}.npz"
        for synset in chosen
        for split in SPLITS
        for kind in ("images", "voxels")
    ]
    missing = sorted(set(wanted) - set(source.names))
    if missing:
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        raise FileNotFoundError(
            f"archive {source.path} must hold {len(wanted)} files of {len(chosen)} classes, got "
            f"all but {', '.join(missing[:4])}{more}; add them, or name fewer classes with "
            "--synsets"
        )


def check_names(source: Source, chosen: Mapping[str, str]) -> None:
    """Check that no file is of a class that is not known."""
    for name in source.names:
        synset = name.partition("_")[0]
        if name.endswith(".npz") and synset not in chosen:
            raise ValueError(
                f"kato_npz: {source.path} must hold the synsets {', '.join(chosen)}, got the "
                f"unknown synset of {name}; name those to use with --synsets"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("-i", "--input", type=Path, metavar="PATH", help="the ZIP file or a folder")
    parser.add_argument("--synsets", metavar="A,B", help="classes by number or name (default: all)")
    parser.add_argument(
        "--md5", default=MD5, help="checksum of the ZIP file (default: %(default)s)"
    )


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    source, chosen = find_source(arguments)
    header = Header(
        categories=tuple(chosen.values()),
        viewing_angle=load_recipe("meshes").VIEWING_ANGLE,
        source=f"Kato et al. 2018: ShapeNet renderings and voxels ({arguments.input.name})",
        licence=LICENCE,
        recipe="kato_npz",
        card={"colours": "inverted back from the archive's"},
    )
    settings = f"{header.recipe}; {header.categories}; {arguments.input.resolve()}"
    cache = RecordCache(arguments.output, settings=settings)
    console, ids = Console(stderr=True), []
    for category, synset in enumerate(chosen):
        for split, name in enumerate(SPLITS):
            kept = keep_objects(
                cache,
                source,
                synset=synset,
                category=category,
                split=split,
                limit=arguments.limit,
            )
            console.print(f"{chosen[synset]} {name}: {len(kept)} objects", highlight=False)
            ids += kept
    num_objects = assemble(arguments.output, cache, ids, header=header)
    print(f"{arguments.output}: {num_objects} objects")


def verify_source(arguments: argparse.Namespace) -> None:
    """Read every byte of the archive and count its objects."""
    source, chosen = find_source(arguments)
    counts = []
    for synset, name in chosen.items():
        count = Count(synset, name)
        for split in SPLITS:
            with open_pair(source, synset, split) as (images, voxels):
                count.objects += len(images)
                count.images += sum(len(row) for row in images)
                count.voxels += sum(bool(row.any()) for row in voxels)
        if count.voxels != count.objects:
            count.problems.append(f"{count.objects - count.voxels} grids are empty")
        counts.append(count)
    report_source(counts, title=str(arguments.input), against=arguments.md5 == MD5)


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
