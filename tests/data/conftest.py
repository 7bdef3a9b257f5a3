"""Tiny datasets, written by our own writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nr3d.data.format import Header, ObjectRecord
from nr3d.data.writer import write_dataset

HEADER = Header(
    categories=("apple", "pear"),
    viewing_angle=15.0,
    source="the tests",
    licence="MIT",
    recipe="none",
    card={"fact": "value"},
)


def make_tiny_record(
    number: int, *, split: int = 0, num_views: int = 3, with_surface: bool = False
) -> ObjectRecord:
    random = np.random.default_rng(number)
    images = np.zeros((num_views, 4, 8, 8), dtype=np.uint8)
    images[:, 3, 2:6, 2:6] = 255
    images[:, :3, 2:6, 2:6] = random.integers(0, 256, size=(num_views, 3, 4, 4))
    images[:, 0, 3, 3] = number  # tells objects apart
    images[:, 1, 3, 3] = np.arange(num_views)  # tells views apart
    return ObjectRecord(
        id=f"object {number} é",
        category=number % 2,
        split=split,
        images=images,
        eyes=(np.arange(num_views * 3).reshape(num_views, 3) + number + 1).astype(np.float32),
        voxels=random.random((4, 4, 4)) < 0.5,
        flags=number % 2,
        creator="somebody",
        licence="CC0",
        points=(random.random((5, 3)) - 0.5).astype(np.float16) if with_surface else None,
        normals=np.eye(3, dtype=np.float16)[[0, 1, 2, 0, 1]] if with_surface else None,
    )


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """12 objects of 2 categories: 6 for training, 2 for validation, 4 for testing."""
    path = tmp_path / "tiny.h5"
    splits = [0] * 6 + [1] * 2 + [2] * 4
    records = (make_tiny_record(row, split=split) for row, split in enumerate(splits))
    write_dataset(path, header=HEADER, records=records)
    return path


@pytest.fixture
def edit(tiny_dataset: Path) -> Callable[[Callable[..., object]], Path]:
    """Change the tiny dataset behind its reader's back."""
    import h5py

    def apply(change: Callable[..., object]) -> Path:
        with h5py.File(tiny_dataset, "r+") as file:
            change(file)
        return tiny_dataset

    return apply
