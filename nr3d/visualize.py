"""Pictures of images, meshes and numbers: numpy in, PNG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]
Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and values."""

PADDING = 2  # pixels between the cells
TITLE_HEIGHT = 14
MARKED = 30  # curves of fewer points show each
BACKGROUND = 0.25  # dark grey: black and white cells both show their border


def image_grid(cells: Array, *, titles: Sequence[str] = ()) -> Array:
    """Lay out cells in rows and columns.

    Args:
        cells: Images in [0, 1]. [R, C, H, W, 3]
        titles: One short text above each column, or none.

    Returns:
        One image. [H', W', 3]

    Raises:
        ValueError: If `cells` has another shape, or there are not as many titles as columns.
    """
    if cells.ndim != 5 or cells.shape[-1] != 3:
        raise ValueError(f"image_grid: cells must be [R, C, H, W, 3], got {list(cells.shape)}")
    rows, columns, height, width, _ = cells.shape
    if titles and len(titles) != columns:
        raise ValueError(f"image_grid: titles must be {columns}, got {len(titles)}")
    top = TITLE_HEIGHT if titles else 0
    shape = (top + rows * (height + PADDING) + PADDING, columns * (width + PADDING) + PADDING, 3)
    grid = np.full(shape, BACKGROUND, dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            y = top + PADDING + row * (height + PADDING)
            x = PADDING + column * (width + PADDING)
            grid[y : y + height, x : x + width] = cells[row, column]
    return _write_titles(grid, titles, width + PADDING) if titles else grid


def contact_sheet(images: Array, *, columns: int) -> Array:
    """Lay out any number of images, `columns` to a row; the last row is filled up. [N, H, W, 3]"""
    missing = -len(images) % columns
    filler = np.full((missing, *images.shape[1:]), BACKGROUND, dtype=np.float32)
    full = np.concatenate([images.astype(np.float32), filler])
    return image_grid(full.reshape(-1, columns, *images.shape[1:]))


def enlarge(images: Array, *, factor: int) -> Array:
    """Repeat every pixel `factor` times along both axes. [..., H, W, 3]"""
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def save_png(path: Path | str, image: Array) -> None:
    """Write an image in [0, 1], values outside clipped, as PNG; folders are made. [H, W, 3]"""
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(to_bytes(image)).save(path)


def save_gif(path: Path | str, frames: Array, *, frames_per_second: float = 20.0) -> None:
    """Write images in [0, 1] as an animation that repeats for ever.

    Args:
        path: Where to write; folders are made.
        frames: [N, H, W, 3]
        frames_per_second: Viewers show at most 50.

    Raises:
        ValueError: If there is no frame or the shape is another.
    """
    from PIL import Image

    if frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) == 0:
        raise ValueError(f"save_gif: frames must be [N, H, W, 3], got {list(frames.shape)}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(frame) for frame in to_bytes(frames)]
    duration = round(1000 / frames_per_second)
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0)


def save_curves(path: Path | str, panels: Mapping[str, Mapping[str, Curve]]) -> None:
    """Draw curves over steps as a PNG, panels side by side.

    Args:
        path: Where to write; folders are made.
        panels: Title -> label -> steps and values; a label has one colour in all panels.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
        ValueError: If there is no panel.
    """
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError(
            "save_curves: matplotlib is not there; run pip install matplotlib"
        )
    from matplotlib.figure import Figure

    if not panels:
        raise ValueError("save_curves: panels must be at least one, got none")
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    figure = Figure(figsize=(5 * len(panels), 3.5), layout="constrained")
    for axes, (title, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for label, (steps, values) in curves.items():
            marker = "o" if len(steps) < MARKED else ""
            color = f"C{labels.index(label)}"
            axes.plot(steps, values, label=label, color=color, marker=marker, markersize=3)
        axes.set(title=title, xlabel="step")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def to_bytes(image: Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Round values in [0, 1] to 0..255."""
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _write_titles(grid: Array, titles: Sequence[str], pitch: int) -> Array:
    from PIL import Image, ImageDraw

    picture = Image.fromarray(to_bytes(grid))
    draw = ImageDraw.Draw(picture)
    for column, title in enumerate(titles):
        draw.text((PADDING + column * pitch + 2, 1), title, fill=(255, 255, 255))
    return np.asarray(picture, dtype=np.float32) / 255.0
