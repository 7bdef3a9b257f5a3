"""Images whose colours were composited on white and then inverted, as Kato's archives hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEYOND = 128  # colours may exceed alpha at the outline, where their own mask was another
BEYOND_SHARE = 0.25
EXCESS = 1.02  # by so much may all of a colour exceed all of alpha
EXPECTED = "the channels red, green, blue (inverted) and alpha"


def from_inverted(name: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn alpha (1 - colour) into alpha colour; the background, 0, stays.

    Args:
        name: Whose they are, for the message.
        images: Red, green, blue, alpha. [N, 4, H, W]

    Raises:
        ValueError: Channel 3 is not alpha: a quarter of what is seen has colours without it.
    """
    colors, alpha = images[:, :3], images[:, 3:]
    beyond = colors.max(axis=1) > alpha[:, 0].astype(np.int64) + BEYOND
    if beyond.sum() > BEYOND_SHARE * (images.max(axis=1) > 0).sum():
        raise ValueError(
            f"kato_npz: images of {name} must have {EXPECTED}, got {beyond.sum()} pixels with "
            "colours and no alpha; the channels are in another order"
        )
    return np.concatenate([alpha - np.minimum(colors, alpha), alpha], axis=1)


class ChannelSums:
    """All of each channel over many objects, which tells alpha even where objects are dark.

    An inverted colour is alpha (1 - colour): no more than alpha, whatever the object.

    Args:
        name: Whose the objects are, for the message.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sums = np.zeros(4, dtype=np.int64)

    def add(self, images: NDArray[np.uint8]) -> None:
        """Add the views of one object. [N, 4, H, W]"""
        self.sums += images.sum(axis=(0, 2, 3), dtype=np.int64)

    def check(self) -> None:
        """Check that no colour is more than alpha.

        Raises:
            ValueError: One is.
        """
        if self.sums[:3].max() > EXCESS * self.sums[3]:
            shares = ", ".join(f"{share:.2f}" for share in self.sums / max(self.sums.max(), 1))
            raise ValueError(
                f"kato_npz: images of {self.name} must have {EXPECTED}, which is the largest, got "
                f"channels of sizes {shares}; they are in another order"
            )
