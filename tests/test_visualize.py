"""Grids and sheets put every image where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nr3d.visualize import PADDING, contact_sheet, enlarge, image_grid, save_png


def test_grid_places_rows_and_columns() -> None:
    cells = np.zeros((2, 3, 4, 5, 3), dtype=np.float32)
    cells[1, 2] = 1.0
    grid = image_grid(cells)
    assert grid.shape == (2 * (4 + PADDING) + PADDING, 3 * (5 + PADDING) + PADDING, 3)
    ys, xs = np.nonzero(grid[..., 0] == 1.0)
    assert (ys.min(), xs.min()) == (2 * PADDING + 4, 3 * PADDING + 10)
    assert len(ys) == 20


def test_titles_make_room_and_are_drawn() -> None:
    cells = np.zeros((1, 2, 16, 40, 3), dtype=np.float32)
    titled = image_grid(cells, titles=("input", "target"))
    assert titled.shape[0] > image_grid(cells).shape[0]
    assert titled[:12].max() > 0.9


def test_sheet_fills_the_last_row() -> None:
    sheet = contact_sheet(np.ones((5, 4, 4, 3), dtype=np.float32), columns=3)
    assert sheet.shape == (2 * 6 + 2, 3 * 6 + 2, 3)
    assert (sheet == 1.0).all(axis=-1).sum() == 5 * 16


def test_enlarge_repeats_pixels() -> None:
    small = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    assert np.array_equal(enlarge(small, factor=3)[::3, ::3], small)


def test_png_round_trip_clips(tmp_path: Path) -> None:
    image = np.array([[[-1.0, 0.5, 2.0]]], dtype=np.float32)
    save_png(tmp_path / "new" / "x.png", image)
    with Image.open(tmp_path / "new" / "x.png") as file:
        assert file.getpixel((0, 0)) == (0, 128, 255)


def test_wrong_shapes_and_titles() -> None:
    with pytest.raises(
        ValueError, match=r"image_grid: cells must be \[R, C, H, W, 3\], got \[4, 3\]"
    ):
        image_grid(np.zeros((4, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="image_grid: titles must be 2, got 1"):
        image_grid(np.zeros((1, 2, 4, 4, 3), dtype=np.float32), titles=("a",))
