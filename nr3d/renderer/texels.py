"""The texels around a position in an image, and how images go on outside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

WRAPS = ("repeat", "mirror", "clamp", "border")

Taps = list[tuple[Tensor, Tensor]]


def blend(
    texels: Tensor, rows: Taps, columns: Taps, width: int | Tensor, start: int | Tensor
) -> Tensor:
    """Sum four texels by their shares: of [M, C, T] or, for all views, [1, C, T]."""
    num_rows, channels = texels.shape[:2]
    pixels = (num_rows, 1, -1)  # one image serves the pixels of all views
    result = torch.zeros(())
    for row, row_share in rows:
        for column, column_share in columns:
            at = (start + row * width + column).reshape(pixels).expand(-1, channels, -1)
            result = result + texels.gather(2, at) * (row_share * column_share).reshape(pixels)
    return result


def taps(position: Tensor, size: int | Tensor, modes: Sequence[tuple[str, Tensor | None]]) -> Taps:
    """Give the two texels around each position, with their shares.

    Args:
        position: In texels.
        size: Of the image, of all positions or of each.
        modes: Each way to go on outside, and where it holds: everywhere, if there is one.
    """
    low = position.floor()
    share = position - low
    taps = []
    for index, part in ((low.long(), 1 - share), (low.long() + 1, share)):
        texel = index
        for wrap, holds in modes:
            inside = wrapped(index, size, wrap)
            if wrap == "border":
                kept = part * (inside == index)
                part = kept if holds is None else torch.where(holds, kept, part)
            texel = inside if holds is None else torch.where(holds, inside, texel)
        taps.append((texel, part))
    return taps


def wrapped(index: Tensor, size: int | Tensor, wrap: str) -> Tensor:
    """Bring positions into an image."""
    if wrap == "repeat":
        return index % size
    if wrap == "mirror":
        twice = index % (2 * size)
        return torch.minimum(twice, 2 * size - 1 - twice)
    most = torch.as_tensor(size - 1, dtype=index.dtype, device=index.device)
    return index.clamp(min=0).minimum(most)
