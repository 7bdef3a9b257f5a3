"""Pictures of an image, the pixel that has a loss, and arrows at the vertices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nr3d.visualize import enlarge

Array = np.ndarray[Any, np.dtype[np.float32]]

FRAME = 10  # pixels of the picture around the image
FRAME_GREY = 0.5
GREEN = (0 / 255, 158 / 255, 115 / 255)
TARGET_COLORS = {1: (0 / 255, 76 / 255, 204 / 255), -1: (255 / 255, 25 / 255, 0 / 255)}
SMOOTHING = 4  # arrows are drawn this many times as large


@dataclass(frozen=True)
class Arrow:
    """An arrow in pixels of a picture, y downwards.

    Attributes:
        x: Where it starts.
        y: Likewise.
        dx: The shaft, without the head.
        dy: Likewise.
    """

    x: float
    y: float
    dx: float
    dy: float


def picture_of(image: Array, target: tuple[int, int], sign: int, *, scale: int) -> Array:
    """Enlarge an image in a frame and paint the pixel that has a loss.

    Args:
        image: In [0, 1]. [S, S]
        target: Row and column.
        sign: 1 where the pixel ought to be darker (blue), -1 where brighter (red).
        scale: Side of a pixel in the picture.

    Returns:
        [S scale + 20, S scale + 20, 3]
    """
    colors = np.repeat(image[..., None], 3, axis=-1).astype(np.float32)
    colors[target] = TARGET_COLORS[sign]
    border = ((FRAME, FRAME), (FRAME, FRAME), (0, 0))
    return np.pad(enlarge(colors, factor=scale), border, constant_values=FRAME_GREY)


def place(x: float, y: float, *, side: int) -> tuple[float, float]:
    """Give where a point of NDC lies in a picture of an image `side` pixels wide."""
    return FRAME + (x + 1) / 2 * side, FRAME + (1 - y) / 2 * side


def draw_arrows(
    picture: Array, arrows: Iterable[Arrow], *, width: float = 8.0, head: float = 45.0
) -> Array:
    """Draw green arrows; what leaves the picture is cut off.

    Args:
        picture: [H, W, 3]
        arrows: Their shafts; one without length has no direction and is left out.
        width: Of the shafts.
        head: Length of the heads, which follow the shafts.
    """
    from PIL import Image, ImageDraw

    height, size = picture.shape[:2]
    mask = Image.new("L", (size * SMOOTHING, height * SMOOTHING))
    draw = ImageDraw.Draw(mask)
    for arrow in arrows:
        length = math.hypot(arrow.dx, arrow.dy)
        if length > 0:
            outline = _outline(arrow, length, width / 2, head)
            draw.polygon([(SMOOTHING * x, SMOOTHING * y) for x, y in outline], fill=255)
    share = np.asarray(mask.reduce(SMOOTHING), dtype=np.float32)[..., None] / 255
    mixed = picture * (1 - share) + np.array(GREEN, dtype=np.float32) * share
    return mixed.astype(np.float32)


def _outline(arrow: Arrow, length: float, half: float, head: float) -> list[tuple[float, float]]:
    """List the corners of an arrow: along it, then to its side."""
    corners = (
        (0.0, half),
        (length, half),
        (length, head / 3),
        (length + head, 0.0),
        (length, -head / 3),
        (length, -half),
        (0.0, -half),
    )
    x, y = arrow.dx / length, arrow.dy / length
    return [(arrow.x + a * x - b * y, arrow.y + a * y + b * x) for a, b in corners]


def write_label(lines: Iterable[str], shape: tuple[int, ...]) -> Array:
    """Write lines in white on black, in a picture of the given shape. [H, W, 3]"""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (shape[1], shape[0]))
    ImageDraw.Draw(picture).multiline_text((10, shape[0] // 2 - 20), "\n".join(lines), spacing=8)
    return (np.asarray(picture) / 255).astype(np.float32)


def shrink(picture: Array, *, factor: int) -> Array:
    """Average squares of pixels; what is left over at the ends is cut off. [H', W', 3]"""
    height, width = (length // factor for length in picture.shape[:2])
    cells = picture[: height * factor, : width * factor]
    means: Array = cells.reshape(height, factor, width, factor, -1).mean(axis=(1, 3))
    return means
