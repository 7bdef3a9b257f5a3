"""The decoder: recorded vertices and gradients, the cube, the coordinates that are zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.models import DeformationDecoder, deform_template

Truth = Callable[[str], dict[str, np.ndarray]]


@pytest.fixture
def template() -> Tensor:
    """162 vertices, some coordinates exactly zero. float64"""
    return icosphere(2)[0].double()


def test_recorded_vertices_and_gradients(truth: Truth) -> None:
    recorded = {name: torch.from_numpy(x) for name, x in truth("aux_decoder_losses").items()}
    centroid = recorded["centroid_raw_scaled"].requires_grad_()
    bias = recorded["bias_scaled"].requires_grad_()
    vertices = deform_template(recorded["template_vertices"], centroid, bias)
    torch.testing.assert_close(vertices, recorded["vertices"], rtol=0, atol=1e-6)  # float32
    grads = torch.autograd.grad((vertices * recorded["probe_weight"]).sum(), (centroid, bias))
    # The centroid's gradient is a sum over 642 vertices in float32.
    torch.testing.assert_close(grads[0], recorded["grad_centroid"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grads[1], recorded["grad_bias"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("free", [False, True])
def test_no_code_is_the_sphere_of_half_the_template(template: Tensor, free: bool) -> None:
    centroid, bias = template.new_zeros(2, 3), template.new_zeros(2, *template.shape)
    vertices = deform_template(template, centroid, bias, free_zero_coordinates=free)
    torch.testing.assert_close(vertices, (0.25 * template).expand(2, -1, -1))


@pytest.mark.parametrize("free", [False, True])
def test_vertices_stay_inside_the_cube(template: Tensor, free: bool) -> None:
    centroid = 10 * torch.randn(20, 3, dtype=torch.float64)
    bias = 10 * torch.randn(20, *template.shape, dtype=torch.float64)
    vertices = deform_template(template, centroid, bias, free_zero_coordinates=free)
    assert vertices.abs().max() <= 0.5
    assert vertices.abs().max() > 0.49


def test_zero_coordinates_stay_on_the_plane_of_the_centroid(template: Tensor) -> None:
    centroid = torch.randn(3, 3, dtype=torch.float64)
    bias = torch.randn(3, *template.shape, dtype=torch.float64, requires_grad=True)
    vertices = deform_template(template, centroid, bias)
    is_zero = (template == 0).expand_as(vertices)
    assert is_zero.any()
    plane = (torch.tanh(centroid)[:, None] / 2).expand_as(vertices)
    torch.testing.assert_close(vertices[is_zero], plane[is_zero])
    (grad,) = torch.autograd.grad(vertices.square().sum(), bias)
    assert not grad[is_zero].any()
    assert grad[~is_zero].all()


def test_freed_zero_coordinates_move_to_both_sides(template: Tensor) -> None:
    is_zero = template == 0
    zero = template.new_zeros(1, 3)
    bias = torch.stack((-torch.ones_like(template), torch.ones_like(template)))
    vertices = deform_template(template, zero.expand(2, 3), bias, free_zero_coordinates=True)
    assert (vertices[0][is_zero] < -0.05).all()
    torch.testing.assert_close(vertices[0][is_zero], -vertices[1][is_zero])
    exact = deform_template(template, zero.expand(2, 3), bias)
    assert torch.equal(vertices[:, ~is_zero], exact[:, ~is_zero])


@pytest.mark.parametrize("free", [False, True])
def test_gradient(free: bool) -> None:
    template = torch.tensor([[0.0, 1.0, 0.0], [0.6, -0.8, 0.0]], dtype=torch.float64)
    centroid = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)

    def vertices(centroid: Tensor, bias: Tensor) -> Tensor:
        return deform_template(template, centroid, bias, free_zero_coordinates=free)

    assert torch.autograd.gradcheck(vertices, (centroid, bias))


def test_decoder_has_the_published_layers() -> None:
    decoder = DeformationDecoder(template=icosphere(3)[0])
    assert sum(parameter.numel() for parameter in decoder.parameters()) == 6_577_033
    shapes = [tuple(layer.weight.shape) for layer in decoder.hidden]
    assert shapes == [(1024, 512), (2048, 1024)]
    assert decoder.centroid.weight.shape == (3, 2048)
    assert decoder.bias.weight.shape == (642 * 3, 2048)


def test_heads_are_scaled_then_decoded(template: Tensor) -> None:
    decoder = DeformationDecoder(template=template, dim_in=6, widths=(8,)).double()
    features = torch.rand(2, 6, dtype=torch.float64)
    hidden = decoder.hidden[0](features).relu()
    expected = deform_template(
        template, 0.1 * decoder.centroid(hidden), decoder.bias(hidden).reshape(2, -1, 3)
    )
    torch.testing.assert_close(decoder(features), expected)


def test_half_precision_weights_give_single_precision_vertices(template: Tensor) -> None:
    decoder = DeformationDecoder(template=template, dim_in=6, widths=(8,)).bfloat16()
    assert decoder(torch.zeros(2, 6, dtype=torch.bfloat16)).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"template": [0.0]}, TypeError, "template must be a tensor, got list$"),
        (
            {"template": torch.zeros(4, 2)},
            ValueError,
            r"template must have shape \[V, 3\], got \[4, 2\]$",
        ),
        (
            {"template": torch.tensor([[0.0, -1.5, 0.0]])},
            ValueError,
            r"template must lie inside \[-1, 1\]\^3, got a coordinate of size 1\.5; scale it down$",
        ),
        ({"template": torch.full((1, 3), torch.nan)}, ValueError, "got a coordinate of size nan;"),
        ({"dim_in": 0}, ValueError, "dim_in and widths must be at least 1, got 0$"),
        ({"widths": (8, -2)}, ValueError, "dim_in and widths must be at least 1, got -2$"),
        ({"widths": (8.0,)}, TypeError, "dim_in and widths must be an int, got float$"),
    ],
)
def test_decoder_messages(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^DeformationDecoder: .*{message}"):
        DeformationDecoder(**{"template": torch.zeros(4, 3), **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"template": torch.zeros(4, 3, dtype=torch.int64)},
            TypeError,
            "template must be float32 or float64, got int64$",
        ),
        (
            {"centroid": torch.zeros(2, 4)},
            ValueError,
            r"centroid must have shape \[B, 3\], got \[2, 4\]$",
        ),
        (
            {"bias": torch.zeros(1, 4, 3)},
            ValueError,
            r"bias must have shape \[2, 4, 3\], got \[1, 4, 3\]$",
        ),
        (
            {"bias": torch.zeros(2, 4, 3, device="meta")},
            ValueError,
            "bias must be on cpu, got meta; move all tensors to one device$",
        ),
    ],
)
def test_template_messages(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {
        "template": torch.zeros(4, 3),
        "centroid": torch.zeros(2, 3),
        "bias": torch.zeros(2, 4, 3),
    } | change
    with pytest.raises(error, match=f"^deform_template: .*{message}"):
        deform_template(**given)
