"""Surface samples in files: written, read, checked, and absent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from nr3d.data.format import read_index
from nr3d.data.multiview import MultiViewDataset
from nr3d.data.recipes import load_recipe
from nr3d.data.verify import verify_dataset
from nr3d.data.writer import RecordCache, write_dataset
from tests.data.conftest import HEADER, make_tiny_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "surfaces.h5"
    write_dataset(
        path, header=HEADER, records=[make_tiny_record(n, with_surface=True) for n in (0, 1)]
    )
    return path


def test_surfaces_come_back_as_they_were_written(path: Path) -> None:
    assert read_index(path).num_points == 5
    surfaces = MultiViewDataset(path, split="train").file.surfaces(np.array([1, 0, 1]))
    assert surfaces is not None
    for name, found in zip(("points", "normals"), surfaces, strict=True):
        expected = [getattr(make_tiny_record(n, with_surface=True), name) for n in (1, 0, 1)]
        assert found.dtype == torch.float32
        assert np.array_equal(found.numpy(), np.stack(expected).astype(np.float32))
    with h5py.File(path) as file:
        assert file["points"].chunks == (1, 5, 3)


def test_a_file_without_surfaces_reads_as_ever(tiny_dataset: Path) -> None:
    assert read_index(tiny_dataset).num_points is None
    assert MultiViewDataset(tiny_dataset, split="train").file.surfaces(np.array([0])) is None


def test_the_cache_of_a_recipe_keeps_them(path: Path) -> None:
    cache = RecordCache(path, settings="tests")
    for with_surface in (True, False):
        record = make_tiny_record(int(with_surface), with_surface=with_surface)
        cache.save(record)
        kept = cache.load(record.id)
        assert kept is not None
        assert (kept.points is None) is not with_surface
        if with_surface:
            assert np.array_equal(kept.points, record.points)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["points", "voxels"])
def test_all_objects_must_have_what_the_first_has(tmp_path: Path, name: str) -> None:
    records = [make_tiny_record(number, with_surface=True) for number in (0, 1)]
    records[1] = replace(records[1], **{name: None})
    message = f"{name} of 'object 1 é' must be given as for the first object, got None"
    with pytest.raises(ValueError, match=message):
        write_dataset(tmp_path / "mixed.h5", header=HEADER, records=records)


def test_later_objects_must_not_have_more_than_the_first(tmp_path: Path) -> None:
    records = [make_tiny_record(0), make_tiny_record(1, with_surface=True)]
    with pytest.raises(ValueError, match="points of 'object 1 é' must have the shape none of the"):
        write_dataset(tmp_path / "mixed.h5", header=HEADER, records=records)


def _put(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        if value is not None:
            file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put("normals", None), "must have points and normals, or neither, got one of them"),
        (
            _put("points", np.zeros((2, 5, 3))),
            "must have points float16 [O, P, 3], got float64 [2, 5, 3]",
        ),
        (
            _put("points", np.zeros((3, 5, 3), np.float16)),
            "must have points float16 [O, P, 3], got float16 [3, 5, 3]",
        ),
        (
            _put("points", np.zeros(2, np.float16)),
            "must have points float16 [O, P, 3], got float16 [2]",
        ),
        (
            _put("points", np.zeros((2, 0, 3), np.float16)),
            "must have points float16 [O, P, 3], got float16 [2, 0, 3]",
        ),
        (
            _put("normals", np.zeros((2, 4, 3), np.float16)),
            "must have normals float16 [O, P, 3], got float16 [2, 4, 3]",
        ),
    ],
)
def test_wrong_layout(path: Path, change: Callable[[Any], None], message: str) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_index(path)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("points", 0.6, "a surface point is not in [-0.5, 0.5]^3"),
        ("points", np.nan, "a surface point is not in [-0.5, 0.5]^3"),
        ("normals", 0.5, "a normal has not the length 1"),
        ("normals", np.nan, "a normal has not the length 1"),
    ],
)
def test_verify_looks_at_surfaces(path: Path, name: str, value: float, problem: str) -> None:
    with h5py.File(path, "r+") as file:
        file["points"][0, 0, 0] = 0.515  # a watertight copy of a mesh may be a little thicker
    verify_dataset(path)
    with h5py.File(path, "r+") as file:
        file[name][1, 2, 0] = value
    with pytest.raises(ValueError, match=re.escape(problem)):
        verify_dataset(path)


def test_recipes_sample_the_surface_they_draw() -> None:
    from nr3d.data.building import Job

    record = load_recipe("synthetic").make_record(Job("block", 0, {"seed": 0, "number": 0}))
    assert record.points.shape == record.normals.shape == (10_000, 3)
    assert record.points.dtype == record.normals.dtype == np.float16
    reach = np.abs(record.points.astype(np.float64)).max(axis=0)
    assert reach.max() == pytest.approx(0.5, abs=1e-3)  # longest side 1
    cells = np.floor(record.points.astype(np.float64) * 31 + 16).astype(int).clip(0, 31)
    touched = record.voxels[tuple(cells.T)]
    assert touched.mean() > 0.999  # float16 may carry a point over a cell's border
