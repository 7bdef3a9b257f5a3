"""Vertex colours: where they start, what they learn, and that shapes do not notice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nr3d.models import MeshDeformer, VertexColorNetwork
from nr3d.models.colors import mean_color


def tiny(**settings: Any) -> MeshDeformer:
    settings = {"colors": True, "decoder_widths": (8,)} | settings
    return MeshDeformer(encoder="small", image_size=16, subdivisions=1, **settings)


@pytest.fixture
def images() -> Tensor:
    """[3, 4, 16, 16]"""
    images = torch.rand(3, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    images[:, :3] *= images[:, 3:]
    return images


def test_the_mean_colour_by_hand() -> None:
    images = torch.zeros(2, 4, 2, 2)
    images[0, :, 0, 0] = torch.tensor([0.8, 0.4, 0.0, 1.0])
    images[0, :, 0, 1] = 0.5 * torch.tensor([0.2, 0.4, 0.6, 1.0])
    expected = torch.tensor([[0.6, 0.4, 0.2], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(mean_color(images), expected)


def test_colours_start_at_the_mean_colour_of_the_object(images: Tensor) -> None:
    network = VertexColorNetwork(num_vertices=42, image_size=16)
    colors = network(images)
    assert colors.shape == (3, 42, 3)
    torch.testing.assert_close(colors, mean_color(images)[:, None].expand_as(colors))


def test_colours_learn_and_stay_colours(images: Tensor) -> None:
    torch.manual_seed(0)
    network = VertexColorNetwork(num_vertices=5, image_size=16)
    target = torch.rand(3, 5, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (network(images) - target).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert 0 < network(images).min() and network(images).max() < 1
    assert network(torch.zeros(1, 4, 16, 16)).isfinite().all()  # an image without an object


def test_meshes_are_the_same_with_and_without_colours(images: Tensor) -> None:
    models = []
    for colors in (False, True):
        torch.manual_seed(0)
        models.append(tiny(colors=colors))
    without, with_colors = models
    assert without.colors is None and with_colors.colors is not None
    assert torch.equal(without(images).vertices, with_colors(images).vertices)
    assert with_colors.colors(images).shape == with_colors(images).vertices.shape
    added = set(with_colors.state_dict()) - set(without.state_dict())
    assert added and all(key.startswith("colors.") for key in added)


def test_colours_have_the_rate_of_everything_but_the_centroid() -> None:
    model = tiny()
    assert model.colors is not None
    fast, _ = model.parameter_groups()
    grouped = {id(parameter) for parameter in fast["params"]}
    assert {id(parameter) for parameter in model.colors.parameters()} <= grouped


def test_autocast_gives_single_precision_colours(images: Tensor) -> None:
    network = VertexColorNetwork(num_vertices=5, image_size=16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        colors = network(images)
    assert colors.dtype == torch.float32


def test_messages() -> None:
    with pytest.raises(
        ValueError, match="^VertexColorNetwork: in_channels must be 4, RGB and mask, got 3;"
    ):
        tiny(in_channels=3)
    with pytest.raises(ValueError, match="^VertexColorNetwork: num_vertices must be at least 1"):
        VertexColorNetwork(num_vertices=0)
    with pytest.raises(TypeError, match="^VertexColorNetwork: width must be an int, got float$"):
        VertexColorNetwork(num_vertices=1, width=2.5)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match="^SmallEncoder: image_size must be a multiple of 16, got 24$"
    ):
        MeshDeformer(image_size=24, colors=True)
