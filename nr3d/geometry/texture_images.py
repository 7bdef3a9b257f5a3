"""Texture images: files to tensors and back."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image


def read_texture(path: Path, *, place: str) -> Tensor:
    """Read an image as RGB; grey becomes three equal channels and transparency is dropped.

    Args:
        path: The file, of any kind that Pillow reads.
        place: Who names it, for the message.

    Returns:
        In [0, 1], row 0 at the top. [3, h, w], float32

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image or a damaged one.
    """
    from PIL import Image

    if not os.path.isfile(path):
        raise FileNotFoundError(f"load_mesh: texture image {path} named by {place} not found")
    try:
        with Image.open(path) as image:
            return texture_from_image(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"load_mesh: {path} must be an image, got {error!r}") from error


def texture_from_image(image: Image.Image) -> Tensor:
    """Convert a Pillow image of any mode. [3, h, w], float32 in [0, 1]"""
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would cut off at 255
        grey = np.asarray(image).astype(np.float32) / 65535.0
        pixels = np.repeat(grey[..., None], 3, axis=2).clip(0.0, 1.0)
    else:
        pixels = np.asarray(image.convert("RGBA"))[..., :3].astype(np.float32) / 255.0
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def image_from_texture(texture: Tensor) -> Image.Image:
    """Convert [3, h, w] in [0, 1] to an 8-bit Pillow image; what lies outside is clipped."""
    from PIL import Image

    pixels = texture.detach().clamp(0.0, 1.0).mul(255.0).round().byte()
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def encode_png(texture: Tensor) -> bytes:
    """Give the bytes of a PNG file with the texture."""
    buffer = io.BytesIO()
    image_from_texture(texture).save(buffer, format="PNG")
    return buffer.getvalue()
