"""Point clouds of other datasets: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nr3d.data.point_cloud import check_points, read_point_cloud, thinned
from nr3d.geometry import eye_from_angles

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, size=(8, 3))
NORMALS = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]


def test_normals_get_the_length_1_or_stay_0(tmp_path: Path) -> None:
    rounded = NORMALS * 1.01
    rounded[3] = 0
    np.savez(tmp_path / "a.npz", points=POINTS.astype(np.float16), normals=rounded, loc=np.ones(3))
    points, normals = read_point_cloud(tmp_path / "a.npz")
    assert points.dtype == normals.dtype == np.float32
    np.testing.assert_array_equal(points, POINTS.astype(np.float16))
    assert np.linalg.norm(normals, axis=1) == pytest.approx([1, 1, 1, 0, 1, 1, 1, 1], abs=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": POINTS[:, :2]}, r"must hold points of floats \[P, 3\], got float64 \[8, 2\]"),
        ({"points": POINTS[0]}, r"must hold points of floats \[P, 3\], got float64 \[3\]"),
        ({"points": np.zeros(())}, r"must hold points of floats \[P, 3\], got float64 \[\]"),
        ({"points": POINTS.astype(str)}, r"points of floats \[P, 3\], got <U\d+ \[8, 3\]"),
        ({"points": POINTS.astype(int)}, r"points of floats \[P, 3\], got int64 \[8, 3\]"),
        ({"points": np.full((8, 3), np.nan)}, "must hold finite points, got NaN or infinity"),
        ({"normals": np.full((8, 3), np.inf)}, "must hold finite normals, got NaN or infinity"),
        ({"normals": NORMALS[1:]}, r"normals of floats \[8, 3\], got float64 \[7, 3\]"),
        ({"normals": NORMALS / 2}, "must hold normals of length 1, got 0.5"),
        ({"normals": None}, r"must hold normals \[P, 3\], got points"),
        ({"points": None}, r"must hold points \[P, 3\], got normals"),
        ({"points": np.array([{}])}, "a.npz must be a whole NPZ file of plain numbers"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray | None], message: str
) -> None:
    found = {"points": POINTS, "normals": NORMALS, **arrays}
    whole = {name: array for name, array in found.items() if array is not None}
    np.savez(tmp_path / "a.npz", **whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        read_point_cloud(tmp_path / "a.npz")


def test_thinned_draws_pairs_without_repetition() -> None:
    points = POINTS.astype(np.float32)
    some, theirs = thinned(Path("x"), points, 2 * points, count=5)
    np.testing.assert_array_equal(theirs, 2 * some)
    assert len(np.unique(some, axis=0)) == 5
    np.testing.assert_array_equal(thinned(Path("x"), points, points, count=5)[0], some)
    with pytest.raises(ValueError, match="x must hold 9 points or more, got 8"):
        thinned(Path("x"), points, points, count=9)


def test_points_need_masks_that_show_them() -> None:
    eyes = eye_from_angles(2.732, 30.0, torch.tensor([0.0]))
    points = np.array([[-0.5, 0, 0], [0.5, 0, 0]], dtype=np.float32)
    with pytest.raises(ValueError, match="got 0% there and boxes inf of half an image apart"):
        check_points(Path("x"), points, eyes, np.zeros((1, 8, 8), np.uint8), viewing_angle=15.0)
