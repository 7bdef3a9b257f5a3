"""From an image to the colours of a template's vertices."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nr3d.checks import at_least_float32, check_count
from nr3d.models.encoder import SmallEncoder, initialise

DARKEST = 0.02  # of the mean colour where the network starts: beyond, a sigmoid hardly moves


class VertexColorNetwork(nn.Module):
    """Predict a colour for every vertex of a deformed template.

    Each colour is the object's mean colour in the image, changed on a logistic scale by what a
    small encoder of its own sees there; before training every vertex has the mean colour. Nothing
    is shared with the network that moves the vertices, so that colours cannot change it.

    Args:
        num_vertices: V, vertices of the template.
        image_size: Side of the images, a multiple of 16.
        in_channels: Channels of the images; must be 4, RGB on black and mask.
        width: Of the hidden layer.
        initialisation: As in `initialise`; the last layer starts at zero.

    Raises:
        TypeError: If a count is no int.
        ValueError: If a count is too small or the images have no mask.
    """

    def __init__(
        self,
        *,
        num_vertices: int,
        image_size: int = 64,
        in_channels: int = 4,
        width: int = 256,
        initialisation: str = "lecun",
    ) -> None:
        super().__init__()
        name = "VertexColorNetwork"
        check_count(name, "num_vertices", num_vertices)
        check_count(name, "width", width)
        if in_channels != 4:
            raise ValueError(
                f"{name}: in_channels must be 4, RGB and mask, got {in_channels}; "
                "colors=false needs no mask"
            )
        self.encoder = SmallEncoder(image_size=image_size, initialisation=initialisation)
        self.hidden = nn.Linear(self.encoder.dim_out, width)
        self.change = nn.Linear(width, 3 * num_vertices)
        initialise(self, initialisation)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Colour the vertices. RGB times mask, and mask [B, 4, S, S] -> RGB in (0, 1) [B, V, 3]"""
        images = images.to(self.change.weight.dtype)
        features = functional.relu(self.hidden(self.encoder(images)))
        change = at_least_float32(self.change(features)).unflatten(1, (-1, 3))
        start = mean_color(images).clamp(DARKEST, 1 - DARKEST).logit()
        return torch.sigmoid(start[:, None] + change)


def mean_color(images: Tensor) -> Tensor:
    """Give the mean colour of the object in each image, black where there is none.

    Args:
        images: RGB times mask, and mask, in [0, 1]. [B, 4, H, W]

    Returns:
        RGB in [0, 1]. [B, 3], at least float32
    """
    sums = at_least_float32(images).sum(dim=(2, 3))
    return sums[:, :3] / sums[:, 3:].clamp(min=1.0)
