"""The whole model: images to meshes, its groups, its precision, its messages."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.models import MODELS, MeshDeformer
from nr3d.models.mesh_deformer import ENCODERS


def tiny(**settings: Any) -> MeshDeformer:
    return MeshDeformer(
        **{"encoder": "small", "image_size": 16, "subdivisions": 1, "decoder_widths": (8,)}
        | settings
    )


@pytest.fixture
def images() -> Tensor:
    """[3, 4, 16, 16]"""
    return torch.rand(3, 4, 16, 16)


def test_the_exact_recipe_is_the_default() -> None:
    model = MODELS["deform_icosphere"]()
    assert sum(parameter.numel() for parameter in model.parameters()) == 19_383_488 + 6_577_033
    assert len(model.faces) == 1280
    assert not model.decoder.free_zero_coordinates


@pytest.mark.parametrize("encoder", ENCODERS)
def test_images_become_meshes_inside_the_cube(encoder: str, images: Tensor) -> None:
    mesh = tiny(encoder=encoder)(images)
    template, faces = icosphere(1)
    assert mesh.vertices.shape == (3, len(template), 3)
    assert torch.equal(mesh.faces, faces)
    assert mesh.vertices.abs().max() < 0.5
    assert not torch.equal(mesh.vertices[0], mesh.vertices[1])


def test_every_weight_has_a_gradient(images: Tensor) -> None:
    model = tiny(free_zero_coordinates=True)
    model(images).vertices.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_the_centroid_learns_at_a_tenth() -> None:
    model = tiny()
    fast, slow = model.parameter_groups()
    assert (fast["lr_scale"], slow["lr_scale"]) == (1.0, 0.1)
    assert [id(p) for p in slow["params"]] == [id(p) for p in model.decoder.centroid.parameters()]
    grouped = sorted(id(parameter) for group in (fast, slow) for parameter in group["params"])
    assert grouped == sorted(id(parameter) for parameter in model.parameters())


def test_the_rate_of_the_centroid_and_the_first_weights_are_choices() -> None:
    assert tiny(centroid_rate=1.0).parameter_groups()[1]["lr_scale"] == 1.0
    widest = {
        how: tiny(initialisation=how).decoder.bias.weight.abs().max() for how in ("lecun", "torch")
    }
    assert widest["torch"] <= 8**-0.5 < widest["lecun"]  # uniform; normal


def test_weights_alone_are_saved(images: Tensor) -> None:
    first, second = tiny(), tiny()
    assert set(first.state_dict()) == {name for name, _ in first.named_parameters()}
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(images).vertices, second(images).vertices)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_images_take_the_type_of_the_weights(dtype: torch.dtype, images: Tensor) -> None:
    images = (images * 255).round().div(256).to(dtype)
    model = tiny()
    assert model(images).vertices.dtype == torch.float32
    assert model.double()(images).vertices.dtype == torch.float64


def test_autocast_gives_single_precision_vertices(images: Tensor) -> None:
    model = tiny()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vertices = model(images).vertices
    assert vertices.dtype == torch.float32
    # Features carry 8 bits; vertices move by a quarter of the error of a logit near 1.
    torch.testing.assert_close(vertices, model(images).vertices, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"encoder": "smal"},
            ValueError,
            "^MeshDeformer: encoder must be one of .*small.*, got 'smal'; did you mean small?",
        ),
        (
            {"image_size": 20},
            ValueError,
            "^SmallEncoder: image_size must be a multiple of 16, got 20$",
        ),
        (
            {"decoder_widths": (0,)},
            ValueError,
            "^DeformationDecoder: dim_in and widths must be at least 1, got 0$",
        ),
        (
            {"initialisation": "lecum"},
            ValueError,
            "^SmallEncoder: initialisation must be one of lecun, torch, got 'lecum'; did you mean",
        ),
        (
            {"centroid_rate": -1},
            ValueError,
            "^MeshDeformer: centroid_rate must be at least 0, got -1$",
        ),
        ({"subdivisions": -1}, ValueError, "^icosphere: subdivisions must be at least 0, got -1$"),
    ],
)
def test_setting_messages(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tiny(**settings)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            torch.zeros(2, 3, 16, 16),
            ValueError,
            r"images must have shape \[B, 4, 16, 16\], got \[2, 3, 16, 16\]$",
        ),
        (
            torch.zeros(2, 4, 32, 32),
            ValueError,
            r"images must have shape \[B, 4, 16, 16\], got \[2, 4, 32, 32\]$",
        ),
        (
            torch.zeros(2, 4, 16, 16, dtype=torch.uint8),
            TypeError,
            "images must be float32 or float64 or float16 or bfloat16, got uint8$",
        ),
        (
            torch.zeros(2, 4, 16, 16, device="meta"),
            ValueError,
            "images must be on cpu, got meta; move all tensors to one device$",
        ),
    ],
)
def test_image_messages(images: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^MeshDeformer: {message}"):
        tiny()(images)


def test_the_layout_changes_rounding_only(images: Tensor) -> None:
    meshes, models = [], []
    for channels_last in (False, True):
        torch.manual_seed(0)
        models.append(tiny(encoder="kato", channels_last=channels_last))
        meshes.append(models[-1](images).vertices)
    # Coordinates below 0.5, a sum of some thousand products behind each.
    torch.testing.assert_close(meshes[0], meshes[1], rtol=0, atol=1e-6)
    weight = models[1].encoder.convolutions[1].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    models[0].load_state_dict(models[1].state_dict())
    assert models[0].encoder.convolutions[1].weight.is_contiguous()
