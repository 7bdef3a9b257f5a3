"""An image file as input of the network: object on black, coverage as fourth channel."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from nr3d.checks import check_count

BORDER = 0.02  # of the shorter side: where the background is looked for
PLAIN = 0.1  # the largest difference of a border pixel to the background's colour, per channel
PLAIN_SHARE = 0.9  # of the border's pixels
MASK_FROM, MASK_TO = 0.06, 0.14  # difference to the background: coverage 0, coverage 1
COVERED = 0.5  # coverage that counts as object when framing
FRAMED = 0.7  # the object's longer side in the network's image, as in the training views


def load_photo(path: str | Path, *, image_size: int = 64) -> Tensor:
    """Load an image with transparency, or of an object on a plain background, of any size.

    The object is cut out and framed as the training views are; an image of exactly `image_size`
    pixels square with transparency is taken as it is.

    Args:
        path: A file that Pillow can read.
        image_size: Side of the result in pixels.

    Returns:
        RGB on black and coverage in [0, 1]. float32 [4, S, S]

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, its background is not plain, or no object is on it.
    """
    check_count("load_photo", "image_size", image_size)
    colors, coverage = _read(Path(path))
    transparent = bool((coverage < 1).any())
    if not transparent:
        coverage = _difference_to_background(colors, path)
    image = torch.cat([colors * coverage, coverage])  # [4, H, W]
    if not bool((coverage >= COVERED).any()):
        raise ValueError(f"load_photo: {path} must show an object, got a plain or empty image")
    if transparent and image.shape[1:] == (image_size, image_size):
        return image
    return _frame(image, image_size)


def _read(path: Path) -> tuple[Tensor, Tensor]:
    """Read colours [3, H, W] and alpha [1, H, W] in [0, 1], upright."""
    from PIL import Image, ImageOps

    if path.is_dir():
        raise ValueError(f"load_photo: {path} must be an image, got a folder; name the files in it")
    if not path.is_file():
        raise FileNotFoundError(f"load_photo: image {path} not found")
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"load_photo: {path} must be an image (PNG, JPEG, ...), got an unreadable file"
        ) from error
    size = (picture.height, picture.width, 4)
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(size)
    image = values.permute(2, 0, 1).float() / 255.0
    return image[:3], image[3:]


def _difference_to_background(colors: Tensor, path: str | Path) -> Tensor:
    """Give coverage by the distance to the border's colour. [1, H, W]"""
    height, width = colors.shape[1:]
    thickness = max(1, round(BORDER * min(height, width)))
    on_border = torch.ones(height, width, dtype=torch.bool)
    on_border[thickness : height - thickness, thickness : width - thickness] = False
    border = colors[:, on_border]  # [3, P]
    background = border.median(dim=1).values
    plain = ((border - background[:, None]).abs().amax(dim=0) <= PLAIN).float().mean()
    if plain < PLAIN_SHARE:
        raise ValueError(
            f"load_photo: {path} must have transparency or a plain background, got a border of "
            f"which {100 * (1 - float(plain)):.0f} % has other colours; cut the object out and "
            "save it as a PNG with transparency"
        )
    difference = (colors - background[:, None, None]).abs().amax(dim=0, keepdim=True)
    return ((difference - MASK_FROM) / (MASK_TO - MASK_FROM)).clamp(0, 1)


def _frame(image: Tensor, image_size: int) -> Tensor:
    """Cut the object out and centre it on a square of `image_size`, `FRAMED` of it wide."""
    covered = image[3] >= COVERED
    rows, columns = covered.any(dim=1).nonzero(), covered.any(dim=0).nonzero()
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    side = max(1, round(max(bottom - top, right - left) / FRAMED))
    above, before = (side - (bottom - top)) // 2, (side - (right - left)) // 2
    below, after = side - (bottom - top) - above, side - (right - left) - before
    square = pad(image[:, top:bottom, left:right], (before, after, above, below))
    size = (image_size, image_size)
    resized = interpolate(square[None], size, mode="bilinear", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)
