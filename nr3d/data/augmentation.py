"""Changes of colour that a model should not mind: as matrices, one for each image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class ColorChanges:
    """How the colours of training inputs are changed at random.

    Attributes:
        jitter: In [0, 1]; red, green and blue are each multiplied by a number in
            [1 - jitter, 1 + jitter].
        grayscale: Share of the images that then lose their colour: each channel is the mean.
    """

    jitter: float
    grayscale: float

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Draw a matrix for each image, to be applied to RGB columns. [*shape, 3, 3]"""
        gains = random.uniform(1 - self.jitter, 1 + self.jitter, size=(*shape, 3))
        is_gray = random.random(shape) < self.grayscale
        mixing = np.where(is_gray[..., None, None], np.full((3, 3), 1 / 3), np.eye(3))
        return (mixing * gains[..., None, :]).astype(np.float32)


def change_colors(images: Tensor, matrices: Tensor) -> Tensor:
    """Change the colours of images and leave their masks.

    Args:
        images: RGB times mask, and mask, in [0, 1]. [..., 4, H, W]
        matrices: As `ColorChanges.draw` gives them. [..., 3, 3]

    Returns:
        The same shape; colours are cut off at the mask's value, so that what is not covered stays
        black.
    """
    colors, mask = images[..., :3, :, :], images[..., 3:, :, :]
    with torch.autocast(images.device.type, enabled=False):  # bf16 would round the colours
        changed = (matrices.to(images.dtype) @ colors.flatten(-2)).view_as(colors)
    return torch.cat((torch.minimum(changed, mask), mask), dim=-3)
