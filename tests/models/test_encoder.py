"""The encoders: sizes, first weights, what they accept."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import nn

from nr3d.models import KatoEncoder, ResidualEncoder, ResNet18Encoder, SmallEncoder
from nr3d.models.encoder import init_lecun_normal

Encoder = type[KatoEncoder] | type[SmallEncoder] | type[ResidualEncoder] | type[ResNet18Encoder]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_kato_encoder_has_the_published_layers() -> None:
    encoder = KatoEncoder()
    assert count(encoder) == 19_383_488
    shapes = [tuple(layer.weight.shape) for layer in encoder.convolutions]
    assert shapes == [(64, 4, 5, 5), (128, 64, 5, 5), (256, 128, 5, 5)]
    shapes = [tuple(layer.weight.shape) for layer in encoder.linears]
    assert shapes == [(1024, 16384), (1024, 1024), (512, 1024)]


def test_softras_normalises_after_each_convolution() -> None:
    encoder = KatoEncoder(batch_norm=True)
    assert count(encoder) == 19_383_488 + 2 * (64 + 128 + 256)
    images = 5 + torch.rand(8, 4, 64, 64)
    seen = []
    encoder.norms[0].register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    encoder(images)
    assert seen[0].mean(dim=(0, 2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(seen[0].std(dim=(0, 2, 3)), torch.ones(64), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("image_size", [16, 48, 64, 80])
def test_the_residual_encoder_takes_multiples_of_16(image_size: int) -> None:
    encoder = ResidualEncoder(image_size=image_size, dim_out=10)
    assert encoder(torch.rand(2, 4, image_size, image_size)).shape == (2, 10)
    assert count(ResidualEncoder()) == 1_753_536


def test_resnet18_takes_these_images() -> None:
    encoder = ResNet18Encoder(image_size=16, dim_out=10)
    assert count(encoder) == 11_689_512 + 64 * 49 - (512 + 1) * 990
    features = encoder(torch.rand(2, 4, 16, 16))
    assert features.shape == (2, 10) and (features >= 0).all() and features.any()


def test_resnet18_needs_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(RuntimeError, match="^ResNet18Encoder: torchvision must be installed"):
        ResNet18Encoder()


def test_small_encoder_is_small() -> None:
    assert count(SmallEncoder()) < 1_000_000


def test_weights_are_lecun_normal_and_biases_zero() -> None:
    net = nn.Sequential(nn.Conv2d(16, 200, 5), nn.Linear(500, 200), nn.Conv2d(1, 1, 1, bias=False))
    init_lecun_normal(net)
    for layer, fan_in in ((net[0], 16 * 25), (net[1], 500)):
        scaled = layer.weight.flatten() * math.sqrt(fan_in)
        # Four standard errors of mean and deviation of n normal numbers.
        assert abs(scaled.mean().item()) < 4 / math.sqrt(scaled.numel())
        assert abs(scaled.std().item() - 1) < 4 / math.sqrt(2 * scaled.numel())
        assert scaled.abs().max() > 3  # not truncated, not uniform
        assert not layer.bias.any()


@pytest.mark.parametrize("encoder", [KatoEncoder, SmallEncoder, ResidualEncoder])
def test_features_are_not_negative_and_keep_apart(encoder: Encoder) -> None:
    encode = encoder(in_channels=3, image_size=32, dim_out=10).double()
    images = torch.rand(4, 3, 32, 32, dtype=torch.float64)
    features = encode(images)
    assert features.shape == (4, 10)
    assert (features >= 0).all()
    assert features.std(dim=0).max() > 0
    torch.testing.assert_close(encode(images[1:2]), features[1:2])  # no statistics of the batch


@pytest.mark.parametrize(
    ("encoder", "settings", "error", "message"),
    [
        (KatoEncoder, {"image_size": 60}, ValueError, "must be a multiple of 8, got 60$"),
        (SmallEncoder, {"image_size": 72}, ValueError, "must be a multiple of 16, got 72$"),
        (KatoEncoder, {"image_size": 0}, ValueError, "image_size must be at least 8, got 0$"),
        (SmallEncoder, {"image_size": 64.0}, TypeError, "image_size must be an int, got float$"),
        (SmallEncoder, {"in_channels": 0}, ValueError, "in_channels must be at least 1, got 0$"),
        (ResidualEncoder, {"image_size": 72}, ValueError, "must be a multiple of 16, got 72$"),
        (ResNet18Encoder, {"image_size": 72}, ValueError, "must be a multiple of 16, got 72$"),
        (KatoEncoder, {"dim_out": 0}, ValueError, "dim_out must be at least 1, got 0$"),
    ],
)
def test_messages(
    encoder: Encoder, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{encoder.__name__}: .*{message}"):
        encoder(**settings)
