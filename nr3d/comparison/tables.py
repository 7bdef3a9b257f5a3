"""The numbers behind the arrows, as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HEADER = ("method", "sign", "row", "column", "vertex", "x", "y")


class Row(NamedTuple):
    """Minus the gradient at one vertex.

    Attributes:
        method: A key of RENDERERS.
        sign: The loss is this times the value of the pixel.
        row: Of the pixel.
        column: Of the pixel.
        vertex: Its name or number.
        x: In NDC, to the right.
        y: In NDC, upwards.
    """

    method: str
    sign: int
    row: int
    column: int
    vertex: str
    x: float
    y: float


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write rows under HEADER, numbers to six places."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((*row[:5], f"{row.x:.6f}", f"{row.y:.6f}") for row in rows)
