"""From a feature vector to a deformed template."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nr3d.checks import at_least_float32, check_count, check_tensor
from nr3d.models.encoder import initialise


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
        free_zero_coordinates: Let coordinates that are exactly zero move to either side, to
            tanh(centroid + bias / 4) / 2; otherwise they stay on the centroid's plane and their
            bias gets no gradient, as in the paper's code.

    Returns:
        Vertices inside [-0.5, 0.5]^3. [B, V, 3]

    Raises:
        TypeError: If a dtype is neither float32 nor float64.
        ValueError: If shapes or devices do not fit together.

    Source: Kato et al. 2018, single-image reconstruction (the authors' code).
    """
    name = "deform_template"
    check_tensor(name, "template", template, shape=("V", 3))
    check_tensor(name, "centroid", centroid, shape=("B", 3), like=template)
    shape = (len(centroid), len(template), 3)
    check_tensor(name, "bias", bias, shape=shape, like=template)
    base = 0.5 * template
    share = base.abs()
    moves = share > 0
    logits = torch.where(moves, torch.log(share / (1 - share)), torch.zeros_like(share))
    outward = torch.sigmoid(logits + bias) * base.sign()  # [B, V, 3] in (-1, 1)
    centre = torch.tanh(centroid)[:, None]
    room = torch.where(outward > 0, 1 - centre, 1 + centre)
    vertices = (outward * room + centre) / 2
    if free_zero_coordinates:
        # Without a side of their own they need one formula for both, smooth where they change it.
        vertices = torch.where(moves, vertices, torch.tanh(centroid[:, None] + bias / 4) / 2)
    return vertices


class DeformationDecoder(nn.Module):
    """Two hidden layers, then one head for the centroid and one for the vertices.

    Args:
        template: Vertices of the template inside [-1, 1]^3. [V, 3]
        dim_in: Length of the feature vectors.
        widths: Widths of the hidden layers.
        centroid_scale: Multiplies the centroid head's output.
        bias_scale: Multiplies the vertex head's output.
        free_zero_coordinates: As in `deform_template`.
        initialisation: As in `initialise`.

    Raises:
        TypeError: If the template is no float tensor, or a width no int.
        ValueError: If the template leaves the cube, or a width is below 1.

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
        initialisation: str = "lecun",
    ) -> None:
        super().__init__()
        name = "DeformationDecoder"
        check_tensor(name, "template", template, shape=("V", 3))
        largest = template.abs().amax().item() if template.numel() > 0 else 0.0
        if not largest <= 1:
            raise ValueError(
                f"{name}: template must lie inside [-1, 1]^3, got a coordinate of size "
                f"{largest:g}; scale it down"
            )
        for width in (dim_in, *widths):
            check_count(name, "dim_in and widths", width)
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
        initialise(self, initialisation)

    def forward(self, features: Tensor) -> Tensor:
        """Decode features to vertices inside [-0.5, 0.5]^3. [B, dim_in] -> [B, V, 3]"""
        for linear in self.hidden:
            features = functional.relu(linear(features))
        template = at_least_float32(self.template)
        centroid = self.centroid(features).to(template.dtype) * self.centroid_scale
        bias = self.bias(features).to(template.dtype) * self.bias_scale
        return deform_template(
            template,
            centroid,
            bias.unflatten(1, template.shape),
            free_zero_coordinates=self.free_zero_coordinates,
        )
