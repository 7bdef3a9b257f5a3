"""The parts that recipes for other datasets share."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nr3d.data.assembling import assemble
from nr3d.data.binvox import centred, read_binvox
from nr3d.data.foreign_cameras import eyes_of_poses
from nr3d.data.format import read_index
from nr3d.data.image_scale import MARGINS, object_scale
from nr3d.data.npz_stream import open_npz, read_npz
from nr3d.data.png import from_white, over_black, shrink
from nr3d.data.point_grid import grid_of_points
from nr3d.data.split_lists import first_of_each
from nr3d.data.synsets import KATO, SHAPENET_CORE, choose_synsets
from nr3d.data.writer import RecordCache
from nr3d.geometry import camera_from_look_at, eye_from_angles
from tests.data import layouts
from tests.data.conftest import HEADER, make_tiny_record


def test_binvox_axes_and_centring(tmp_path: Path) -> None:
    wanted = layouts.grid()
    (tmp_path / "a.binvox").write_bytes(layouts.binvox(wanted))
    grid = read_binvox(tmp_path / "a.binvox")
    np.testing.assert_array_equal(grid, wanted)
    np.testing.assert_array_equal(centred(np.roll(wanted, (0, 3, -5), (0, 1, 2))), wanted)
    assert not centred(np.zeros((4, 4, 4), bool)).any()
    with pytest.raises(FileNotFoundError, match="voxels .*b.binvox not found"):
        read_binvox(tmp_path / "b.binvox")


def test_rows_stream_whatever_the_key(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", anything=array)
        with open_npz(tmp_path / "a.npz") as rows:
            assert rows.shape == (4, 3, 2) and len(rows) == 4
            np.testing.assert_array_equal(np.stack(list(rows)), array)
    with (
        pytest.raises(FileNotFoundError, match="archive .*b.npz not found"),
        open_npz(tmp_path / "b.npz"),
    ):
        pass


def test_rows_that_are_too_many_or_too_few(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 8)))
    data = (tmp_path / "a.npy").read_bytes()
    for content, message in (
        (data + b"x", "bytes behind row 3"),
        (data[:-8], "its end inside row 3"),
    ):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("a.npy", content)
        with open_npz(tmp_path / "a.npz") as rows, pytest.raises(ValueError, match=message):
            list(rows)


def test_small_files_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="must be a whole NPZ file of plain numbers, got"):
        read_npz(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="must be a whole NPZ file of plain numbers, got"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="b.npz not found"):
        read_npz(tmp_path / "b.npz")


def test_poses_of_both_hands() -> None:
    eyes = eye_from_angles(2.0, 30.0, torch.tensor([0.0, 50.0, 100.0]))
    R, t = camera_from_look_at(eyes)
    for mirror in (False, True):
        world = R * torch.tensor([-1.0, 1.0, 1.0]) if mirror else R
        found, mirrored = eyes_of_poses("here", 3 * world, 3 * t)
        assert mirrored == mirror
        torch.testing.assert_close(found, eyes)
    with pytest.raises(ValueError, match="here: the camera of view 1 must look at the origin"):
        eyes_of_poses("here", R, t + torch.tensor([[0.0] * 3, [0.1, 0.0, 0.0], [0.0] * 3]))


@pytest.mark.parametrize("margin", MARGINS)
def test_scale_from_silhouettes(margin: float) -> None:
    """A box of known size, by its eight corners: its silhouettes' boxes are exact."""
    grid = np.zeros((32, 32, 32), bool)
    grid[2:30, 10:22, 12:20] = True  # 28, 12, 8 cells
    half = (np.array([27, 11, 7]) / 2 + margin) / (27 + 2 * margin) * 0.7
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    eyes = eye_from_angles(1.4, 28.0, torch.arange(0.0, 360.0, 30.0))
    R, t = camera_from_look_at(eyes)
    seen = torch.from_numpy(signs * half).float() @ R.mT + t[:, None]
    pixels = seen[..., :2] / seen[..., 2:] / np.tan(np.radians(24.567))
    masks = np.zeros((12, 500, 500), bool)
    for mask, points in zip(masks, pixels.numpy(), strict=True):
        (left, bottom), (right, top) = points.min(0), points.max(0)
        rows = slice(round((1 - top) * 250), round((1 - bottom) * 250))
        mask[rows, round((1 + left) * 250) : round((1 + right) * 250)] = True
    length, apart = object_scale(grid, masks, eyes, viewing_angle=24.567)
    assert abs(length - 0.7) < 0.004 and apart < 0.01
    masks[:, 0] = True
    with pytest.raises(ValueError, match="object_scale: masks must show the whole object in some"):
        object_scale(grid, masks, eyes, viewing_angle=24.567)
    with pytest.raises(ValueError, match="voxels must hold an object of 2 cells or more, got 0"):
        object_scale(grid & False, masks, eyes, viewing_angle=24.567)


def test_colours_times_coverage() -> None:
    colors = np.full((4, 4, 3), 200, np.uint8)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[:2, :1] = 255
    small = shrink(over_black(colors, alpha), 2)

    assert small[:, 0, 0].tolist() == [100, 100, 100, 128] and not small[:, 1].any()
    white = np.where(alpha[..., None] > 0, colors, 255).astype(np.uint8)
    np.testing.assert_array_equal(from_white(Path("x"), white, alpha), over_black(colors, alpha))


def test_points_enclose_a_solid() -> None:
    directions = np.random.default_rng(0).normal(size=(60000, 3))
    points = 0.5 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    grid = grid_of_points(points)
    assert grid[16, 16, 16] and not grid[0, 0, 0]
    assert abs(grid.sum() / (4 / 3 * np.pi * 16**3) - 1) < 0.05
    assert not grid_of_points(points + 3.0).any()


def test_first_objects_of_each() -> None:
    each = {"2/a": 0, "1/c": 0, "1/a": 0, "1/b": 2}
    assert first_of_each(each, 1) == [("1/a", 0), ("1/b", 2), ("2/a", 0)]
    assert len(first_of_each(each, None)) == 4


def test_synsets() -> None:
    assert len(SHAPENET_CORE) == 55 and len(set(SHAPENET_CORE.values())) == 55
    assert choose_synsets("here", "car, 02691156,car") == {
        "02691156": "airplane",
        "02958343": "car",
    }
    assert choose_synsets("here", None) == KATO
    assert SHAPENET_CORE["02747177"] == "trash bin"
    with pytest.raises(ValueError, match="here: --synsets must be one of .*, got '02818832'"):
        choose_synsets("here", "02818832")


def test_given_splits_stay(tmp_path: Path) -> None:
    cache = RecordCache(tmp_path / "a.h5", settings="")
    records = [make_tiny_record(number, split=number % 3) for number in range(6)]
    for record in (replace(each, voxels=None) for each in records):
        cache.save(record)
    ids = [record.id for record in records]
    assert assemble(tmp_path / "a.h5", cache, ids, header=HEADER) == 6
    index = read_index(tmp_path / "a.h5")
    assert index.split.tolist() == [0, 1, 2, 0, 1, 2] and index.resolution is None
    assert not index.flags.any() and not cache.folder.exists()
