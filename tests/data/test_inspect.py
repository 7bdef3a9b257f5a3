"""What `nr3d dataset inspect` says and shows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from nr3d.data.inspect import BACKGROUND, LABEL_WIDTH, inspect, write_contact_sheet


def test_inspect_prints_counts_and_facts(tiny_dataset: Path) -> None:
    stream = io.StringIO()
    inspect(tiny_dataset, console=Console(file=stream, width=100))
    lines = stream.getvalue().splitlines()
    row = next(line for line in lines if "apple" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "apple",
        "3",
        "1",
        "2",
        "6",
        "0",
    ]
    total = next(line for line in lines if "all" in line and "12" in line)
    assert [cell.strip() for cell in total.strip("│").split("│")][1:] == ["6", "2", "4", "12", "6"]
    text = stream.getvalue()
    for fact in ("MIT", "the tests", "4^3", "8 x 8", "somebody (12)", "value"):
        assert fact in text


def test_contact_sheet_shows_objects_over_grey(tiny_dataset: Path, tmp_path: Path) -> None:
    sheet_file = tmp_path / "new" / "sheet.png"
    inspect(tiny_dataset, sheet_file, console=Console(file=io.StringIO()))
    sheet = np.asarray(Image.open(sheet_file))
    assert sheet.shape == (20, LABEL_WIDTH + 12 * 10, 3)
    assert (sheet[0, LABEL_WIDTH] == BACKGROUND).all()
    assert (sheet[3, LABEL_WIDTH + 3, :2] == [0, 2]).all()  # object 0, view 2


def test_contact_sheet_needs_a_column(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="objects_per_category must be at least 1, got 0"):
        write_contact_sheet(tiny_dataset, tmp_path / "sheet.png", objects_per_category=0)
