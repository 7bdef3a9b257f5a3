"""3D-R2N2's renderings and voxels of ShapeNet: 24 views of each object from random sides.

It is made from ShapeNet, whose terms (non-commercial research, https://shapenet.org/terms) hold for
it. Nothing is downloaded here; get ShapeNetRendering.tgz and ShapeNetVox32.tgz as the authors (Choy
et al. 2016) describe it, unpack both into one folder, and

    nr3d dataset build r2n2 -i FOLDER -o data/r2n2.h5

where the folder holds

    ShapeNetRendering/02691156/MODEL/rendering/00.png ... 23.png    137 x 137, RGBA
    ShapeNetRendering/02691156/MODEL/rendering/rendering_metadata.txt
    ShapeNetRendering/02691156/MODEL/rendering/renderings.txt
    ShapeNetVox32/02691156/MODEL/model.binvox

All 13 classes have to be there unless --synsets names some. Without --splits, the first 80 % of
each class, sorted by name, are for training and the rest for testing, as in the paper; the last
eighth of the 80 % becomes the validation split. --limit N takes the first N objects of each class
and split. Whole images are averaged down to --image-size; nothing is cropped.

Images show a right-handed world at ShapeNet's scale. The mesh frame is that world mirrored, x to
-x, and scaled until the longest side of the voxels is 1; the scale is what makes voxels and
silhouettes equally large. Eyes are moved along.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from nr3d.checks import check_count
from nr3d.data.binvox import centred, read_binvox
from nr3d.data.building import Job
from nr3d.data.census import Count, report_source
from nr3d.data.format import SPLITS, Header, ObjectRecord
from nr3d.data.image_scale import object_scale
from nr3d.data.png import over_black, read_png, shrink
from nr3d.data.recipes import load_recipe, run
from nr3d.data.split_lists import (
    first_of_each,
    read_list,
    read_splits,
    split_of_each,
    without_shared,
)
from nr3d.data.synsets import check_folders, choose_synsets
from nr3d.data.verify import verify_dataset
from nr3d.geometry.camera import eye_from_angles

RENDERINGS, VOXELS = "ShapeNetRendering", "ShapeNetVox32"
NUM_VIEWS = 24
SIDE = 137
FURTHEST = 1.75  # distance at ratio 1
VIEWING_ANGLE = 24.567  # degrees: a lens of 35 mm before a sensor of 32 mm, atan(16 / 35)
FIELD = 25.0  # what the metadata calls it, rounded
TRAINING_SHARE = 0.8
VALIDATION_PART = 8  # one part in so many of the training share
APART = 0.08  # NDC: 2.5 pixels of 64
LICENCE = "ShapeNet terms of use: non-commercial research (https://shapenet.org/terms)"


def read_eyes(file: Path) -> torch.Tensor:
    """Read rendering_metadata.txt: eyes in the mirrored frame at ShapeNet's scale. [24, 3]

    A line holds azimuth, elevation, in-plane rotation (degrees), distance / 1.75 and field of view.
    The camera of azimuth 0 is on +x, that of 90 on +z.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Other than 24 views, or cameras that are rolled or have another lens.
    """
    lines = [line.split() for line in read_list(file)]
    if len(lines) != NUM_VIEWS or any(len(line) != 5 for line in lines):
        raise ValueError(
            f"{file} must hold {NUM_VIEWS} lines of 5 numbers, got {len(lines)} lines of "
            f"{sorted({len(line) for line in lines})}"
        )
    try:
        views = torch.tensor([[float(word) for word in line] for line in lines])
    except ValueError as error:
        raise ValueError(f"{file} must hold numbers, got {error}") from error
    azimuth, elevation, roll, ratio, field = views.unbind(dim=1)
    fits = views.isfinite().all(dim=1) & (roll == 0) & (field == FIELD) & (ratio > 0)
    if not bool(fits.all()):
        raise ValueError(
            f"{file} must hold finite views without in-plane rotation, of field {FIELD:g} and a "
            f"distance above 0, got {views[~fits][0].tolist()}"
        )
    return eye_from_angles(FURTHEST * ratio, elevation, -90.0 - azimuth)


def make_record(job: Job) -> ObjectRecord:
    """Read one object."""
    folder = Path(job.settings["renderings"])
    eyes = read_eyes(folder / "rendering_metadata.txt")
    names = read_list(folder / "renderings.txt")
    if len(names) != NUM_VIEWS or len(set(names)) != NUM_VIEWS:
        raise ValueError(
            f"{folder / 'renderings.txt'} must name {NUM_VIEWS} different images, got {names}"
        )
    voxels = centred(read_binvox(Path(job.settings["voxels"]))[::-1])
    images, masks = [], []
    for name in names:
        image = read_png(folder / name, modes=("RGBA",), size=(SIDE, SIDE))
        masks.append(image[..., 3] > 127)
        images.append(shrink(over_black(image[..., :3], image[..., 3]), job.settings["image_size"]))
    scale, apart = object_scale(voxels, np.stack(masks), eyes, viewing_angle=VIEWING_ANGLE)
    if apart > APART:
        warnings.warn(
            f"voxels and silhouettes are {apart:.2f} of half an image apart; they may be of "
            "different objects",
            stacklevel=2,
        )
    return ObjectRecord(
        id=job.id,
        category=job.category,
        split=job.settings["split"],
        images=np.stack(images),
        eyes=(eyes / scale).numpy(),
        voxels=np.ascontiguousarray(voxels),
    )


def models_of(root: Path, synset: str) -> list[str]:
    """List the objects of a class that have renderings, sorted."""
    return sorted(path.name for path in (root / RENDERINGS / synset).iterdir() if path.is_dir())


def own_split(models: list[str], synset: str) -> dict[str, list[str]]:
    """Cut sorted objects into the paper's 80 % and 20 %, and the 80 % into train and val."""
    names = [f"{synset}/{model}" for model in models]
    end = int(len(names) * TRAINING_SHARE)
    middle = end - end // VALIDATION_PART
    return dict(zip(SPLITS, (names[:middle], names[middle:end], names[end:]), strict=True))


def splits_of(
    arguments: argparse.Namespace, chosen: dict[str, str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Give the split of each object of the chosen classes, and facts for the card."""
    if arguments.splits is None:
        found: dict[str, int] = {}
        for synset in chosen:
            lists = own_split(models_of(arguments.input, synset), synset)
            found |= split_of_each(arguments.input, lists)
        return found, {"splits": "80 % and 20 % by name; the last eighth of the 80 % validates"}
    splits, card = read_splits(arguments.splits), {"splits": arguments.splits.name}
    if arguments.drop_shared:
        splits, dropped = without_shared(splits)
        card["objects of two splits, dropped"] = str(dropped)
    each = split_of_each(arguments.splits, splits)
    return {name: split for name, split in each.items() if name.split("/")[0] in chosen}, card


def find_source(arguments: argparse.Namespace) -> dict[str, str]:
    """Give the classes, after a look for their folders."""
    if arguments.input is None:
        raise ValueError("r2n2: -i must be the folder of ShapeNetRendering, got nothing; pass -i")
    chosen = choose_synsets("r2n2", arguments.synsets)
    for name in (RENDERINGS, VOXELS):
        remedy = f"unpack {name}.tgz into {arguments.input}, or name classes with --synsets"
        complete = arguments.synsets is None
        check_folders("r2n2", arguments.input / name, chosen, complete=complete, remedy=remedy)
    return chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("-i", "--input", type=Path, metavar="FOLDER", help="holds both folders")
    parser.add_argument("--synsets", metavar="A,B", help="classes by number or name (default: all)")
    parser.add_argument("--splits", type=Path, metavar="FILE", help="JSON of somebody's splits")
    parser.add_argument(
        "--drop-shared", action="store_true", help="leave out objects that two splits of FILE share"
    )
    parser.add_argument("--image-size", type=int, default=64, help="pixels (default 64)")


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    check_count("r2n2", "--image-size", arguments.image_size)
    chosen, jobs = find_source(arguments), []
    each, card = splits_of(arguments, chosen)
    for name, split in first_of_each(each, arguments.limit):
        settings = {
            "renderings": str((arguments.input / RENDERINGS / name / "rendering").resolve()),
            "voxels": str((arguments.input / VOXELS / name / "model.binvox").resolve()),
            "split": split,
            "image_size": arguments.image_size,
        }
        jobs.append(Job(name, list(chosen).index(name.split("/")[0]), settings))
    header = Header(
        categories=tuple(chosen.values()),
        viewing_angle=VIEWING_ANGLE,
        source="Choy et al. 2016 (3D-R2N2): ShapeNetRendering and ShapeNetVox32",
        licence=LICENCE,
        recipe=f"r2n2 --image-size {arguments.image_size}, splits {arguments.splits}",
        card=card,
    )
    load_recipe("meshes").build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=None,
        num_workers=arguments.workers,
        splits_given=True,
    )


def verify_source(arguments: argparse.Namespace) -> None:
    """Count images and grids, and read every camera and grid."""
    counts = []
    for synset, name in find_source(arguments).items():
        count = Count(synset, name)
        models = models_of(arguments.input, synset)
        grids = {
            path.parent.name for path in (arguments.input / VOXELS / synset).glob("*/*.binvox")
        }
        count.objects, count.voxels = len(models), len(grids)
        only = sorted(grids ^ set(models))
        if only:
            count.problems.append(
                f"{len(models)} objects have images and {len(grids)} have voxels; {only[0]} has "
                "only one of them"
            )
        for model in sorted(grids & set(models)):
            folder = arguments.input / RENDERINGS / synset / model / "rendering"
            images = len(list(folder.glob("*.png")))
            count.images += images
            if images != NUM_VIEWS:
                count.problems.append(f"{model} has {images} images")
            try:
                read_eyes(folder / "rendering_metadata.txt")
                read_binvox(arguments.input / VOXELS / synset / model / "model.binvox")
            except (ValueError, FileNotFoundError) as error:
                count.problems.append(str(error))
        counts.append(count)
    report_source(counts, title=str(arguments.input))


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
