"""The residual network of torchvision as an encoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from nr3d.models.encoder import check_sizes, initialise


class ResNet18Encoder(nn.Module):
    """torchvision's ResNet-18 with batch normalisation, its first layer for these images.

    Args:
        in_channels: Channels of the images.
        image_size: Side of the images, a multiple of 16.
        dim_out: Length of the feature vectors.
        initialisation: As in `initialise`.

    Raises:
        RuntimeError: If torchvision is not installed.

    Source: He et al. 2016; the weights are drawn, none are downloaded.
    """

    def __init__(
        self,
        *,
        in_channels: int = 4,
        image_size: int = 64,
        dim_out: int = 512,
        initialisation: str = "torch",
    ) -> None:
        super().__init__()
        check_sizes("ResNet18Encoder", in_channels, dim_out, image_size, multiple=16)
        try:
            from torchvision.models import resnet18
        except ImportError as error:
            raise RuntimeError(
                "ResNet18Encoder: torchvision must be installed, got none; pip install torchvision"
            ) from error
        network = resnet18(weights=None, num_classes=dim_out)
        network.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.network = network
        self.dim_out = dim_out
        initialise(self, initialisation)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images. [B, C, H, W] -> [B, dim_out], not negative"""
        features: Tensor = functional.relu(self.network(images))
        return features
