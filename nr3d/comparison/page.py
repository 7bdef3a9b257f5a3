"""The comparison of Neural Renderer with OpenDR, made again with every gradient there is.

Source: the pictures that Kato et al. published; docs/gradients.md says what they show.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.comparison.descent import descent, draw_silhouettes, make_renderer, one_pixel
from nr3d.comparison.figures import (
    Array,
    Arrow,
    draw_arrows,
    picture_of,
    place,
    shrink,
    write_label,
)
from nr3d.comparison.tables import Row, write_csv
from nr3d.comparison.text import write_page
from nr3d.renderer import RENDERERS
from nr3d.visualize import image_grid, save_png

SIZE, SCALE = 16, 30
SHAFT = 15  # pixels of the picture for a gradient of 1
NEGLIGIBLE = 1e-2
ROW, COLUMNS = 8, (2, 3, 4, 5)
SIGNS = {1: "should be darker", -1: "should be brighter"}
NAMES = ("T", "L", "R")  # the top, left and right corner
VERTICES = torch.tensor([[-0.5, 0.5, 2.0], [-0.5, -0.5, 2.0], [0.5, -0.5, 2.0]])
FACES = torch.tensor([[0, 1, 2]])


@dataclass(frozen=True)
class Case:
    """One picture: a method, a loss and a pixel.

    Attributes:
        method: A key of RENDERERS.
        sign: The loss is this times the value of the pixel.
        column: Of the pixel, in row 8.
        arrows: Minus the gradient at T, L and R: x, y in NDC. [3, 2]
        image: What the renderer draws. [S, S]
    """

    method: str
    sign: int
    column: int
    arrows: Tensor
    image: Array

    @property
    def file(self) -> str:
        """Give the name of its picture."""
        return f"{self.method}_{self.sign}_{ROW}_{self.column}.png"


def compare_on_triangle(folder: Path) -> list[Case]:
    """Write pictures, a contact sheet, the numbers and a page about them.

    Args:
        folder: Where to write; it is made. The files are `METHOD_SIGN_8_COLUMN.png` for every
            renderer, `contact_sheet.png`, `gradients.csv` and `comparison.md`.

    Returns:
        What was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [case for method in RENDERERS for case in cases_of(method)]
    pictures = [draw_case(case) for case in cases]
    for case, picture in zip(cases, pictures, strict=True):
        save_png(folder / case.file, picture)
    save_png(folder / "contact_sheet.png", _contact_sheet(cases, pictures))
    rows = [
        Row(case.method, case.sign, ROW, case.column, name, *arrow)
        for case in cases
        for name, arrow in zip(NAMES, case.arrows.tolist(), strict=True)
    ]
    write_csv(folder / "gradients.csv", rows)
    write_page(folder / "comparison.md", rows)
    return cases


def cases_of(method: str) -> list[Case]:
    """Compute both losses at all pixels with one renderer."""
    renderer = make_renderer(method, image_size=SIZE)
    asked = [(sign, column) for sign in SIGNS for column in COLUMNS]
    grads = torch.stack([one_pixel(SIZE, ROW, column, sign) for sign, column in asked])
    with torch.no_grad():
        image = draw_silhouettes(renderer, VERTICES[None], FACES)[0].numpy()
    found = descent(renderer, VERTICES, FACES, grads)
    return [Case(method, *asked[i], arrows, image) for i, arrows in enumerate(found)]


def draw_case(case: Case) -> Array:
    """Draw what a renderer draws, the pixel, and an arrow where the gradient is not negligible."""
    arrows = [
        Arrow(*place(*start, side=SIZE * SCALE), SHAFT * x, -SHAFT * y)
        for start, (x, y) in zip(VERTICES[:, :2].tolist(), case.arrows.tolist(), strict=True)
        if np.hypot(x, y) > NEGLIGIBLE
    ]
    picture = picture_of(case.image, (ROW, case.column), case.sign, scale=SCALE)
    return draw_arrows(picture, arrows)


def _contact_sheet(cases: list[Case], pictures: list[Array]) -> Array:
    """Lay out the pictures at half their size, a method and a sign to a row."""
    small = [shrink(picture, factor=2) for picture in pictures]
    rows = []
    for start in range(0, len(cases), len(COLUMNS)):
        case = cases[start]
        label = write_label(
            (case.method, f"loss {case.sign:+d}:", SIGNS[case.sign]), small[0].shape
        )
        rows.append(np.stack([label, *small[start : start + len(COLUMNS)]]))
    titles = ("", *(f"row {ROW}, column {column}" for column in COLUMNS))
    return image_grid(np.stack(rows), titles=titles)
