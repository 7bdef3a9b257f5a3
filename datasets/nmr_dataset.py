"""NMR_Dataset: Kato's ShapeNet renderings as PNG files with cameras, as DVR gives them out.

Used by DVR, PixelNeRF and their successors. It is made from ShapeNet, whose terms (non-commercial
research, https://shapenet.org/terms) hold for it. Nothing is downloaded here; get NMR_Dataset.zip
as the authors of DVR (Niemeyer et al. 2020) describe it, unpack it, and

    nr3d dataset build nmr_dataset -i NMR_Dataset -o data/nmr.h5

where the folder holds for each class

    02691156/softras_train.lst, softras_val.lst, softras_test.lst    one MODEL a line
    02691156/MODEL/image/0000.png ... 0023.png    64 x 64, on white
    02691156/MODEL/mask/0000.png ... 0023.png     64 x 64
    02691156/MODEL/cameras.npz                    world_mat_0 ..., camera_mat_0 ..., scale_mat_0 ...
    02691156/MODEL/pointcloud.npz                 points [P, 3], normals [P, 3]

All 13 classes have to be there unless --synsets names some. --limit N takes the first N objects of
each list. 10,000 of the points, with their normals, become the surfaces of the file. The source has
no voxels: they are made of all points (cells with points, and what those enclose), so scores are
near those of `nmr-voxel32` and not the same. Points are there for all objects or for none;
--without-points leaves them out, and with them surfaces and voxels.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nr3d.data.building import Job
from nr3d.data.census import Count, report_source
from nr3d.data.foreign_cameras import MIRROR, eyes_of_poses
from nr3d.data.format import SPLITS, Header, ObjectRecord
from nr3d.data.npz_stream import read_npz
from nr3d.data.png import from_white, read_png, shrink
from nr3d.data.point_cloud import check_points, read_point_cloud, thinned
from nr3d.data.point_grid import grid_of_points
from nr3d.data.recipes import load_recipe, run
from nr3d.data.split_lists import first_of_each, read_list, split_of_each
from nr3d.data.synsets import check_folders, choose_synsets
from nr3d.data.verify import verify_dataset
from nr3d.geometry.converters import from_nmr_camera

CLOUD = "pointcloud.npz"
NUM_VIEWS = 24
SIDE = 64
VIEWING_ANGLE = 15.0
ANGLE_TOLERANCE = 0.05  # degrees
LICENCE = "ShapeNet terms of use: non-commercial research (https://shapenet.org/terms)"


def cameras_of(path: Path) -> tuple[torch.Tensor, bool]:
    """Read cameras.npz: the eyes in the mesh frame [24, 3], and whether that mirrors the world.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A camera is missing, is no matrix of finite numbers, has another angle, or does
            not look at the origin.
    """
    arrays = read_npz(path)
    missing = [f"world_mat_{view}" for view in range(NUM_VIEWS)]
    missing += [f"camera_mat_{view}" for view in range(NUM_VIEWS)]
    missing = [name for name in missing if name not in arrays]
    if missing:
        raise ValueError(f"{path} must hold {NUM_VIEWS} cameras, got no {missing[0]}")

    def stack(name: str) -> torch.Tensor:
        found = [arrays.get(f"{name}_{view}", np.eye(4)) for view in range(NUM_VIEWS)]
        for view, matrix in enumerate(found):
            is_matrix = matrix.shape == (4, 4) and matrix.dtype.kind in "fiu"
            if not is_matrix or not np.isfinite(matrix).all():
                kind = "NaN or infinity" if is_matrix else f"{matrix.dtype} {list(matrix.shape)}"
                raise ValueError(
                    f"{path} must hold {name}_{view} of finite floats [4, 4], got {kind}"
                )
        return torch.from_numpy(np.stack(found).astype(np.float64))

    intrinsics = stack("camera_mat")[:, :2, :3]
    focal = 1 / math.tan(math.radians(VIEWING_ANGLE))
    wanted = torch.tensor([[focal, 0.0, 0.0], [0.0, focal, 0.0]], dtype=torch.float64)
    if bool((intrinsics - wanted).abs().max() > focal * math.radians(ANGLE_TOLERANCE) * 4):
        got = intrinsics[0].tolist()
        raise ValueError(
            f"{path} must hold cameras of half angle {VIEWING_ANGLE:g} degrees with the axis in "
            f"the middle (camera_mat {focal:.4f}), got {got}"
        )
    R, t = from_nmr_camera(stack("world_mat"), scale_mat=stack("scale_mat"))
    eyes, mirrored = eyes_of_poses(str(path), R, t)
    return eyes.float(), mirrored


def images_of(folder: Path) -> NDArray[np.uint8]:
    """Read the 24 views of an object. uint8 [24, 4, 64, 64]"""
    images, brightest = [], 0
    for view in range(NUM_VIEWS):
        file, mask_file = (folder / kind / f"{view:04d}.png" for kind in ("image", "mask"))
        colors = read_png(file, modes=("RGB", "RGBA"), size=(SIDE, SIDE))[..., :3]
        mask = read_png(mask_file, modes=("L", "RGB"), size=(SIDE, SIDE))[..., 0]
        brightest = max(brightest, int(mask.max()))
        images.append(shrink(from_white(file, colors, mask), SIDE))
    if 0 < brightest < 128:
        raise ValueError(f"{folder / 'mask'} must be 255 where the object is, got {brightest}")
    return np.stack(images)


def make_record(job: Job) -> ObjectRecord:
    """Read one object."""
    folder = Path(job.settings["folder"])
    eyes, mirrored = cameras_of(folder / "cameras.npz")
    images = images_of(folder)
    record = ObjectRecord(
        id=job.id,
        category=job.category,
        split=job.settings["split"],
        images=images,
        eyes=eyes.numpy(),
        voxels=None,
    )
    return with_points(record, folder / CLOUD, mirrored) if job.settings["points"] else record


def with_points(record: ObjectRecord, file: Path, mirrored: bool) -> ObjectRecord:
    """Add surface and voxels from a point cloud, whose frame is that of the cameras."""
    points, normals = read_point_cloud(file)
    if mirrored:  # a reflection does to normals what it does to points
        points, normals = (array * np.float32(MIRROR) for array in (points, normals))
    kept, kept_normals = thinned(file, points, normals, count=load_recipe("meshes").NUM_POINTS)
    eyes = torch.from_numpy(record.eyes)
    check_points(file, kept, eyes, record.images[:, 3], viewing_angle=VIEWING_ANGLE)
    return replace(
        record,
        voxels=grid_of_points(points),
        points=kept.astype(np.float16),
        normals=kept_normals.astype(np.float16),
    )


def have_points(jobs: Sequence[Job]) -> bool:
    """Tell whether objects have points; those that are missing altogether do not count.

    Raises:
        ValueError: Some have and some have not.
    """
    folders = {job.id: Path(job.settings["folder"]) for job in jobs}
    there = [id for id, folder in folders.items() if folder.is_dir()]
    without = [id for id in there if not (folders[id] / CLOUD).is_file()]
    if 0 < len(without) < len(there):
        raise ValueError(
            f"nmr_dataset: {CLOUD} must be there for all objects or for none, got {len(without)} "
            f"of {len(there)} without: {', '.join(without[:3])}; get them, take those objects out "
            "of their softras_*.lst, or pass --without-points"
        )
    return not without


def read_split(root: Path, synset: str) -> Mapping[str, int]:
    """Give the split of each model of a class, in the order of its lists."""
    lists = {split: read_list(root / synset / f"softras_{split}.lst") for split in SPLITS}
    return split_of_each(root / synset / "softras_*.lst", lists)


def find_source(arguments: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """Give the folder and its classes."""
    if arguments.input is None:
        raise ValueError("nmr_dataset: -i must be the folder NMR_Dataset, got nothing; pass -i")
    chosen = choose_synsets("nmr_dataset", arguments.synsets)
    remedy = "unpack NMR_Dataset.zip and pass its folder, or name classes with --synsets"
    complete = arguments.synsets is None
    check_folders("nmr_dataset", arguments.input, chosen, complete=complete, remedy=remedy)
    return arguments.input, chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument("-i", "--input", type=Path, metavar="FOLDER", help="NMR_Dataset, unpacked")
    parser.add_argument("--synsets", metavar="A,B", help="classes by number or name (default: all)")
    parser.add_argument(
        "--without-points", action="store_true", help="use no point clouds: no surfaces, no voxels"
    )


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    root, chosen = find_source(arguments)
    jobs = []
    for category, synset in enumerate(chosen):
        for model, split in first_of_each(read_split(root, synset), arguments.limit):
            folder = str((root / synset / model).resolve())
            jobs.append(Job(f"{synset}/{model}", category, {"folder": folder, "split": split}))
    points = not arguments.without_points and have_points(jobs)
    jobs = [replace(job, settings={**job.settings, "points": points}) for job in jobs]
    made = f"made of {CLOUD}" if points else "none"
    header = Header(
        categories=tuple(chosen.values()),
        viewing_angle=VIEWING_ANGLE,
        source="NMR_Dataset: Kato et al. 2018, prepared by Niemeyer et al. 2020 (DVR)",
        licence=LICENCE,
        recipe="nmr_dataset, with surfaces" if points else "nmr_dataset",
        card={"voxels": made, "surfaces": made},
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
    """Count objects and images, and read every camera."""
    root, chosen = find_source(arguments)
    counts = []
    for synset, name in chosen.items():
        count = Count(synset, name)
        for model in read_split(root, synset):
            folder = root / synset / model
            images = len(list(folder.glob("image/*.png")))
            masks = len(list(folder.glob("mask/*.png")))
            count.objects += 1
            count.images += images
            count.voxels += (folder / CLOUD).is_file()
            if images != NUM_VIEWS or masks != NUM_VIEWS:
                count.problems.append(f"{model} has {images} images and {masks} masks")
            try:
                cameras_of(folder / "cameras.npz")
            except (ValueError, FileNotFoundError) as error:
                count.problems.append(str(error))
        counts.append(count)
    report_source(counts, title=str(root))


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
