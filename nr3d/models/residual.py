"""A residual network with group normalisation for small images."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from nr3d.models.encoder import check_sizes, initialise

WIDTHS = (32, 64, 128, 256)
CHANNELS_PER_GROUP = 16


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where sizes change."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        # No biases: the normalisations have some.
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = group_norm(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = group_norm(after)
        self.shortcut: nn.Module = nn.Identity()
        if before != after or stride != 1:
            change = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut = nn.Sequential(change, group_norm(after))

    def forward(self, features: Tensor) -> Tensor:
        """[B, before, H, W] -> [B, after, H / stride, W / stride]"""
        changed = functional.relu(self.first_norm(self.first(features)))
        changed = self.second_norm(self.second(changed))
        return functional.relu(changed + self.shortcut(features))


class ResidualEncoder(nn.Module):
    """A convolution of stride 4 and four residual blocks: 1.8 million parameters by default.

    Group normalisation knows no batch: training and evaluation compute the same, and several
    processes what one does.

    Args:
        in_channels: Channels of the images.
        image_size: Side of the images, a multiple of 16.
        dim_out: Length of the feature vectors.
        initialisation: As in `initialise`.

    Source: blocks of He et al. 2016, normalisation of Wu and He 2018.
    """

    def __init__(
        self,
        *,
        in_channels: int = 4,
        image_size: int = 64,
        dim_out: int = 512,
        initialisation: str = "lecun",
    ) -> None:
        super().__init__()
        check_sizes("ResidualEncoder", in_channels, dim_out, image_size, multiple=16)
        stem = nn.Conv2d(in_channels, WIDTHS[0], 5, stride=4, padding=2, bias=False)
        self.stem = nn.Sequential(stem, group_norm(WIDTHS[0]), nn.ReLU())
        befores = (WIDTHS[0], *WIDTHS)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(before, after, stride=1 if number == 0 else 2)
                for number, (before, after) in enumerate(zip(befores, WIDTHS, strict=False))
            )
        )
        # From side / 4 the last three blocks halve, upwards where the side is odd.
        side = -(-image_size // 32)
        self.linear = nn.Linear(WIDTHS[-1] * side**2, dim_out)
        self.dim_out = dim_out
        initialise(self, initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images. [B, C, H, W] -> [B, dim_out], not negative"""
        features = self.blocks(self.stem(images))
        return functional.relu(self.linear(features.flatten(1)))


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalise groups of 16 channels."""
    return nn.GroupNorm(channels // CHANNELS_PER_GROUP, channels)
