"""Single-image reconstruction: an encoder, a decoder, a sphere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nr3d.checks import FLOATS, REDUCED_FLOATS, check_choice, check_range, check_tensor
from nr3d.geometry import Mesh, icosphere
from nr3d.models.colors import VertexColorNetwork
from nr3d.models.decoder import DeformationDecoder
from nr3d.models.encoder import KatoEncoder, SmallEncoder
from nr3d.models.residual import ResidualEncoder
from nr3d.models.resnet import ResNet18Encoder

ENCODERS: dict[str, Callable[..., Any]] = {
    "kato": KatoEncoder,
    "kato_batch_norm": partial(KatoEncoder, batch_norm=True),
    "small": SmallEncoder,
    "residual": ResidualEncoder,
    "resnet18": ResNet18Encoder,
}


class MeshDeformer(nn.Module):
    """Deform a sphere into what an image shows.

    Args:
        encoder: `kato` (19 million parameters), `kato_batch_norm` (the same as in SoftRas),
            `small`, `residual` (2 million, group normalisation), or torchvision's `resnet18`.
        image_size: Side of the images, in pixels.
        in_channels: Channels of the images: 4 for RGB and mask.
        subdivisions: Of the icosphere: 3 gives 642 vertices and 1280 faces.
        decoder_widths: Widths of the decoder's hidden layers.
        free_zero_coordinates: Let template coordinates that are exactly zero move.
        initialisation: First weights of encoder and decoder: `lecun` as in Kato et al. 2018, or
            `torch`, as the layers come.
        centroid_rate: Multiplies the learning rate of the centroid's head.
        channels_last: Lay images and convolutions out with the channels last, which is faster
            (docs/performance.md); the values do not depend on it but for rounding.
        colors: Have a network `colors` too: images -> colours of the vertices. The meshes are the
            same with and without it.

    Raises:
        TypeError: If a count is no int.
        ValueError: If the encoder is unknown, cannot halve the size often enough, or a count is
            too small.

    Source: Kato et al. 2018, single-image reconstruction.
    """

    faces: Tensor

    def __init__(
        self,
        *,
        encoder: str = "kato",
        image_size: int = 64,
        in_channels: int = 4,
        subdivisions: int = 3,
        decoder_widths: Sequence[int] = (1024, 2048),
        free_zero_coordinates: bool = False,
        initialisation: str = "lecun",
        centroid_rate: float = 0.1,
        channels_last: bool = True,
        colors: bool = False,
    ) -> None:
        super().__init__()
        check_choice("MeshDeformer", "encoder", encoder, ENCODERS)
        template, faces = icosphere(subdivisions)
        check_range("MeshDeformer", "centroid_rate", centroid_rate, at_least=0)
        encode = ENCODERS[encoder](
            in_channels=in_channels, image_size=image_size, initialisation=initialisation
        )
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.encoder = encode.to(memory_format=self.layout)
        self.decoder = DeformationDecoder(
            template=template,
            dim_in=encode.dim_out,
            widths=decoder_widths,
            free_zero_coordinates=free_zero_coordinates,
            initialisation=initialisation,
        )
        self.register_buffer("faces", faces, persistent=False)
        self.centroid_rate = centroid_rate
        self.in_channels = in_channels
        self.image_size = image_size
        self.colors = None
        if colors:  # last: the first weights of everything else stay what they are
            self.colors = VertexColorNetwork(
                num_vertices=len(template),
                image_size=image_size,
                in_channels=in_channels,
                initialisation=initialisation,
            )

    def forward(self, images: Tensor) -> Mesh:
        """Reconstruct one mesh per image.

        Args:
            images: RGB and mask in [0, 1], of any float type. [B, C, H, W]

        Returns:
            Vertices inside [-0.5, 0.5]^3 [B, V, 3] and the sphere's faces [F, 3].

        Raises:
            TypeError: If the images are no floats.
            ValueError: If their channels, size or device are not those of the model.
        """
        shape = ("B", self.in_channels, self.image_size, self.image_size)
        dtypes = (*FLOATS, *REDUCED_FLOATS)
        check_tensor("MeshDeformer", "images", images, shape=shape, dtypes=dtypes, like=self.faces)
        images = images.to(self.decoder.template.dtype)
        features = self.encoder(images.contiguous(memory_format=self.layout))
        return Mesh(self.decoder(features), self.faces)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give all parameters as optimizer groups; `lr_scale` multiplies the learning rate.

        The centroid head has a rate of its own, a tenth in the authors' code.
        """
        slow = list(self.decoder.centroid.parameters())
        names = {id(parameter) for parameter in slow}
        others = [parameter for parameter in self.parameters() if id(parameter) not in names]
        return [
            {"params": others, "lr_scale": 1.0},
            {"params": slow, "lr_scale": self.centroid_rate},
        ]
