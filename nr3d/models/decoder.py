"""From a feature vector to a deformed template."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nr3d.checks import check_tensor
from nr3d.models.encoder import init_lecun_normal


def deform_template(
    template: Tensor, centroid: Tensor, bias: Tensor, *, free_zero_coordinates: bool = False
) -> Tensor:
    """Move the vertices of a template by a shared centroid and a bias of their own.

    Each coordinate of the half-size template is a share of the way from the centroid to the side of
    the cube [-0.5, 0.5]^3 it points at; the bias changes that share on a logistic scale. So nothing
    leaves the cube, and zero centroid and bias give the template at a quarter of its size.

    Args:
        template: Vertices inside [-1, 1]^3. [V, 3]
        centroid: Before its tanh. [B, 3]
        bias: Added to the logits of the shares. [B, V, 3]
        free_zero_coordinates: Let coordinates that are exactly zero move to either side, by
            tanh(bias / 4); otherwise they stay on the centroid's plane and get no gradient, as in
            the paper's code.

    Returns:
        Vertices inside [-0.5, 0.5]^3. [B, V, 3]

    Source: Kato et al. 2018, single-image reconstruction (the authors' code).
    """
    base = 0.5 * template
    share = base.abs()
    moves = share > 0
    logits = torch.where(moves, torch.log(share / (1 - share)), torch.zeros_like(share))
    outward = torch.sigmoid(logits + bias) * base.sign()  # [B, V, 3] in (-1, 1)
    if free_zero_coordinates:
        outward = torch.where(moves, outward, torch.tanh(bias / 4))
    centre = torch.tanh(centroid)[:, None]
    room = torch.where(outward > 0, 1 - centre, 1 + centre)
    return (outward * room + centre) / 2


class DeformationDecoder(nn.Module):
    """Two hidden layers, then one head for the centroid and one for the vertices.

    Args:
        template: Vertices of the template inside [-1, 1]^3. [V, 3]
        dim_in: Length of the feature vectors.
        widths: Widths of the hidden layers.
        centroid_scale: Multiplies the centroid head's output.
        bias_scale: Multiplies the vertex head's output.
        free_zero_coordinates: As in `deform_template`.

    Source: Kato et al. 2018, single-image reconstruction (the authors' code). 6,577,033 parameters
    with its template of 642 vertices.
    """

    template: Tensor

    def __init__(
        self,
        *,
        template: Tensor,
        dim_in: int = 512,
        widths: Sequence[int] = (1024, 2048),
        centroid_scale: float = 0.1,
        bias_scale: float = 1.0,
        free_zero_coordinates: bool = False,
    ) -> None:
        super().__init__()
        check_tensor("DeformationDecoder", "template", template, shape=("V", 3))
        dims = (dim_in, *widths)
        self.hidden = nn.ModuleList(
            nn.Linear(before, after) for before, after in zip(dims, dims[1:], strict=False)
        )
        self.centroid = nn.Linear(dims[-1], 3)
        self.bias = nn.Linear(dims[-1], template.numel())
        self.register_buffer("template", template.clone(), persistent=False)
        self.centroid_scale = centroid_scale
        self.bias_scale = bias_scale
        self.free_zero_coordinates = free_zero_coordinates
        init_lecun_normal(self)

    def forward(self, features: Tensor) -> Tensor:
        """Decode features to vertices inside [-0.5, 0.5]^3. [B, dim_in] -> [B, V, 3]"""
        for linear in self.hidden:
            features = functional.relu(linear(features))
        centroid = self.centroid(features).to(self.template.dtype) * self.centroid_scale
        bias = self.bias(features).to(self.template.dtype) * self.bias_scale
        return deform_template(
            self.template,
            centroid,
            bias.unflatten(1, self.template.shape),
            free_zero_coordinates=self.free_zero_coordinates,
        )
