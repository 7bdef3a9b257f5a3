"""Images of other datasets: read strictly, shrunk by area, colours times coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WHITE_FROM = 250


def read_png(
    path: Path, *, modes: Sequence[str], size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Read an image of a known kind.

    Args:
        path: The file.
        modes: Pillow's names of the channels that it may have: RGBA, RGB, L.
        size: Height and width that it must have.

    Returns:
        uint8 [H, W, C]

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, or has other channels or another size.
    """
    from PIL import Image

    if not path.is_file():
        raise FileNotFoundError(f"image {path} not found")
    try:
        with Image.open(path) as file:
            kind, shape = file.mode, (file.height, file.width)
            values = np.asarray(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {path} must be a whole image, got {error}") from error
    if kind not in modes:
        raise ValueError(f"image {path} must have the channels {' or '.join(modes)}, got {kind}")
    if size is not None and shape != size:
        wanted, got = (f"{height} x {width}" for height, width in (size, shape))
        raise ValueError(f"image {path} must have {wanted} pixels (height x width), got {got}")
    return values.reshape(*shape, len(kind))


def over_black(colors: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Multiply colours [H, W, 3] by alpha [H, W]. float32 [4, H, W] in [0, 255]"""
    coverage = alpha.astype(np.float32)
    product = colors.astype(np.float32) * (coverage[..., None] / 255)
    return np.concatenate([product.transpose(2, 0, 1), coverage[None]])


def from_white(
    path: Path, colors: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Take a white background out of colours [H, W, 3]. float32 [4, H, W] in [0, 255]

    Raises:
        ValueError: The background is not white; the message names `path`.
    """
    outside = colors[alpha == 0]
    if len(outside):
        background = np.median(outside, axis=0)
        if background.min() < WHITE_FROM:
            got = background.astype(int).tolist()
            raise ValueError(f"image {path} must have a white background, got {got}")
    coverage = alpha.astype(np.float32)
    product = colors.astype(np.float32) - (255 - coverage[..., None])
    product = product.clip(0, coverage[..., None])
    return np.concatenate([product.transpose(2, 0, 1), coverage[None]])


def shrink(image: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Average a square image [4, S, S] over the area of each new pixel. uint8 [4, side, side]

    The whole image stays the whole image, so the camera's angle stays what it was.
    """
    from PIL import Image

    if image.shape[1:] != (side, side):
        planes = [
            np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BOX))
            for plane in np.ascontiguousarray(image, dtype=np.float32)
        ]
        image = np.stack(planes)
    rounded: NDArray[np.uint8] = np.floor(image + 0.5).clip(0, 255).astype(np.uint8)
    return rounded
