"""Networks that turn images into feature vectors."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from nr3d.checks import check_choice, check_count

INITIALISATIONS = ("lecun", "torch")


def init_lecun_normal(module: nn.Module) -> None:
    """Draw the weights of linear and convolution layers from N(0, 1 / fan-in); zero the biases.

    Source: Chainer's default, which Kato et al. 2018 train from.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=math.sqrt(1.0 / fan_in))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise(module: nn.Module, how: str) -> None:
    """Draw first weights: `lecun` as Chainer does (Kato et al. 2018), `torch` keeps torch's own.

    Raises:
        ValueError: If `how` is another word.
    """
    check_choice(type(module).__name__, "initialisation", how, INITIALISATIONS)
    if how == "lecun":
        init_lecun_normal(module)


class KatoEncoder(nn.Module):
    """The encoder of Kato et al. 2018: three 5 x 5 convolutions of stride 2, three linear layers.

    Args:
        in_channels: Channels of the images.
        image_size: Side of the images, a multiple of 8.
        dim_out: Length of the feature vectors.
        initialisation: As in `initialise`.
        batch_norm: Normalise after each convolution, as Liu et al. 2019 (SoftRas) do.

    Source: Kato et al. 2018, single-image reconstruction (the authors' code). 19,383,488 parameters
    by default.
    """

    def __init__(
        self,
        *,
        in_channels: int = 4,
        image_size: int = 64,
        dim_out: int = 512,
        initialisation: str = "lecun",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        check_sizes("KatoEncoder", in_channels, dim_out, image_size, multiple=8)
        widths = (64, 128, 256)
        channels = (in_channels, *widths)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 5, stride=2, padding=2)
            for before, after in zip(channels, widths, strict=False)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if batch_norm else nn.Identity() for width in widths
        )
        dims = (widths[-1] * (image_size // 8) ** 2, 1024, 1024, dim_out)
        self.linears = nn.ModuleList(
            nn.Linear(before, after) for before, after in zip(dims, dims[1:], strict=False)
        )
        self.dim_out = dim_out
        initialise(self, initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images. [B, C, H, W] -> [B, dim_out], not negative"""
        features = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = functional.relu(norm(convolution(features)))
        features = features.flatten(1)
        for linear in self.linears:
            features = functional.relu(linear(features))
        return features


class SmallEncoder(nn.Module):
    """A light encoder with group normalisation, for CPU training in minutes.

    Patches of 4 x 4 pixels, two convolutions of stride 2, one linear layer: 690,880 parameters by
    default, and about a twentieth of the time of Kato's encoder.

    Args:
        in_channels: Channels of the images.
        image_size: Side of the images, a multiple of 16.
        dim_out: Length of the feature vectors.
        initialisation: As in `initialise`.
    """

    def __init__(
        self,
        *,
        in_channels: int = 4,
        image_size: int = 64,
        dim_out: int = 256,
        initialisation: str = "lecun",
    ) -> None:
        super().__init__()
        check_sizes("SmallEncoder", in_channels, dim_out, image_size, multiple=16)
        widths = (32, 64, 128)
        layers: list[nn.Module] = []
        before = in_channels
        for width, stride, padding in zip(widths, (4, 2, 2), (0, 1, 1), strict=True):
            # No bias: the normalisation has one.
            convolution = nn.Conv2d(before, width, 4, stride, padding, bias=False)
            layers += [convolution, nn.GroupNorm(width // 16, width), nn.ReLU()]
            before = width
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(widths[-1] * (image_size // 16) ** 2, dim_out)
        self.dim_out = dim_out
        initialise(self, initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images. [B, C, H, W] -> [B, dim_out], not negative"""
        features = self.linear(self.convolutions(images).flatten(1))
        return functional.relu(features)


def check_sizes(
    function: str, in_channels: int, dim_out: int, image_size: int, *, multiple: int
) -> None:
    """Check the sizes of an encoder whose strides need sides that are multiples."""
    check_count(function, "in_channels", in_channels)
    check_count(function, "dim_out", dim_out)
    check_count(function, "image_size", image_size, at_least=multiple)
    if image_size % multiple != 0:
        raise ValueError(
            f"{function}: image_size must be a multiple of {multiple}, got {image_size}"
        )
