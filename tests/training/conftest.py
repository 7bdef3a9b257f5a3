"""A tiny dataset: boxes seen from a few views, drawn by hand so that no renderer is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nr3d.data.format import Header, ObjectRecord
from nr3d.data.writer import write_dataset

IMAGE_SIZE = 16
NUM_VIEWS = 3
OBJECTS_PER_SPLIT = (6, 2, 2)


def write_tiny_dataset(path: Path, *, with_voxels: bool = True) -> Path:
    """Write two categories of boxes, image and voxels of about the same extent."""
    random = np.random.default_rng(0)
    records = []
    for category in range(2):
        for split, count in enumerate(OBJECTS_PER_SPLIT):
            for number in range(count):
                name = f"{category}-{split}-{number}"
                records.append(_record(name, category, split, random, with_voxels=with_voxels))
    header = Header(
        categories=("flat", "tall"),
        viewing_angle=15.0,
        source="drawn by the tests",
        licence="CC0-1.0",
        recipe="tests",
    )
    write_dataset(path, header=header, records=records)
    return path


def _record(
    name: str, category: int, split: int, random: np.random.Generator, *, with_voxels: bool
) -> ObjectRecord:
    half_width, half_height = (6, 2) if category == 0 else (2, 6)
    half_width += int(random.integers(2))
    images = np.zeros((NUM_VIEWS, 4, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    rows = slice(8 - half_height, 8 + half_height)
    columns = slice(8 - half_width, 8 + half_width)
    images[:, :3, rows, columns] = random.integers(60, 255, (NUM_VIEWS, 3, 1, 1), dtype=np.uint8)
    images[:, 3, rows, columns] = 255
    voxels = np.zeros((32, 32, 32), dtype=bool)
    reach_x, reach_y = 2 * half_width, 2 * half_height
    voxels[16 - reach_x : 16 + reach_x, 16 - reach_y : 16 + reach_y, 12:20] = True
    azimuths = np.deg2rad(15.0 * np.arange(NUM_VIEWS))
    eyes = np.stack(
        [2.366 * np.sin(azimuths), np.full(NUM_VIEWS, 1.366), -2.366 * np.cos(azimuths)], axis=-1
    )
    return ObjectRecord(
        id=name,
        category=category,
        split=split,
        images=images,
        eyes=eyes.astype(np.float32),
        voxels=voxels if with_voxels else None,
    )


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the path of the tiny dataset."""
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "tiny.h5")
