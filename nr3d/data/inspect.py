"""Say what is in a dataset, and show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nr3d.checks import check_count
from nr3d.data.format import FLAGS, SPLITS, Index, open_file, read_index

BACKGROUND = 200
LABEL_WIDTH = 76
GAP = 2
VIEWS_SHOWN = (2, 9, 16, 22)
"""Views that neighbours in a contact sheet show, in turn."""


def inspect(
    path: str | Path, contact_sheet: str | Path | None = None, *, console: Console | None = None
) -> Index:
    """Print counts, splits, sizes, licence, flags; write a contact sheet where a path is given.

    Args:
        path: The dataset.
        contact_sheet: PNG to write.
        console: Where to print; the terminal by default.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no dataset of this format.
    """
    index = read_index(path)
    console = console or Console()
    console.print(_counts(index, title=str(path)))
    console.print(_facts(path, index))
    if contact_sheet is not None:
        write_contact_sheet(path, contact_sheet)
        console.print(f"contact sheet: {contact_sheet}", markup=False)
    return index


def write_contact_sheet(
    path: str | Path, contact_sheet: str | Path, *, objects_per_category: int = 12
) -> None:
    """Write a PNG with a row of objects for each category, over grey to show the masks."""
    from PIL import Image, ImageDraw

    check_count("write_contact_sheet", "objects_per_category", objects_per_category)
    index = read_index(path)
    height, width = index.image_size
    rows = len(index.header.categories)
    size = (
        LABEL_WIDTH + objects_per_category * (width + GAP),
        rows * (height + GAP),
    )
    sheet = Image.new("RGB", size, (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    with open_file(path) as file:
        for row, name in enumerate(index.header.categories):
            top = row * (height + GAP)
            draw.text((4, top + height // 2 - 6), name[:12], fill=(0, 0, 0))
            chosen = _spread(np.flatnonzero(index.category == row), objects_per_category)
            for column, number in enumerate(chosen):
                view = VIEWS_SHOWN[column % len(VIEWS_SHOWN)] % index.eyes.shape[1]
                tile = Image.fromarray(_over_grey(file["images"][number, view]))
                sheet.paste(tile, (LABEL_WIDTH + column * (width + GAP), top))
    target = Path(contact_sheet)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, format="PNG")


def _over_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay an image [4, H, W] that is composited on black over grey. [H, W, 3]"""
    uncovered = 255 - image[3].astype(np.int64)
    color = image[:3].astype(np.int64) + uncovered * BACKGROUND // 255
    return np.ascontiguousarray(color.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if len(rows) <= count:
        return rows
    return rows[np.arange(count) * len(rows) // count]


def _counts(index: Index, *, title: str) -> Table:
    table = Table(title=title)
    table.add_column("category")
    for heading in (*SPLITS, "all", *FLAGS):
        table.add_column(heading, justify="right")
    everything = np.ones(len(index.ids), dtype=bool)
    groups = [
        (name, index.category == number) for number, name in enumerate(index.header.categories)
    ]
    for name, members in [*groups, ("all", everything)]:
        counts = [int((members & (index.split == split)).sum()) for split in range(len(SPLITS))]
        flagged = [int((members & (index.flags & bit > 0)).sum()) for bit in FLAGS.values()]
        cells = [str(number) for number in (*counts, int(members.sum()), *flagged)]
        table.add_row(name, *cells, style="bold" if name == "all" else None)
    return table


def _facts(path: str | Path, index: Index) -> Table:
    table = Table(show_header=False)
    table.add_column("fact")
    table.add_column("value", overflow="fold")
    height, width = index.image_size
    num_objects, num_views = index.eyes.shape[:2]
    distances = np.linalg.norm(index.eyes, axis=-1)
    facts = {
        "images": f"{num_objects} objects x {num_views} views, {height} x {width}",
        "file size": f"{Path(path).stat().st_size / 1e6:.1f} MB",
        "voxels": "none" if index.resolution is None else f"{index.resolution}^3",
        "surfaces": "none" if index.num_points is None else f"{index.num_points} points",
        "camera": f"half angle {index.header.viewing_angle:g} degrees, "
        f"distance {distances.min():.3f} to {distances.max():.3f}",
        "source": index.header.source,
        "licence": index.header.licence,
        "recipe": index.header.recipe,
        "creators": _creators(path),
        **index.header.card,
    }
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def _creators(path: str | Path) -> str:
    with open_file(path) as file:
        if "creator" not in file:
            return "not recorded"
        names, counts = np.unique(file["creator"].asstr()[:].astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shown = [f"{names[row] or 'unnamed'} ({counts[row]})" for row in order[:12]]
    rest = len(order) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
