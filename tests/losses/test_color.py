"""Colours over the overlap: by hand, where nothing counts, who gets a gradient, its messages."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.losses import color_loss


def image(*pixels: tuple[float, float, float, float]) -> Tensor:
    """Colour and coverage of each pixel -> one row of them, colours times coverage. [1, 4, 1, W]"""
    rows = torch.tensor(pixels).T[None, :, None].clone()
    rows[:, :3] *= rows[:, 3:]
    return rows


def test_whole_pixels_by_hand() -> None:
    predicted = image((1.0, 0.5, 0.0, 1.0), (0.2, 0.2, 0.2, 1.0), (1.0, 1.0, 1.0, 1.0))
    target = image((0.4, 0.5, 0.3, 1.0), (0.2, 0.5, 0.2, 1.0), (0.0, 0.0, 0.0, 0.0))
    # (0.6 + 0 + 0.3) / 3 and (0 + 0.3 + 0) / 3; the third pixel is outside of the target
    assert color_loss(predicted, target).item() == pytest.approx((0.3 + 0.1) / 2)
    assert color_loss(target, predicted).item() == pytest.approx((0.3 + 0.1) / 2)


def test_partly_covered_pixels_compare_colours_and_weigh_less() -> None:
    predicted = image((0.9, 0.9, 0.9, 0.5), (0.4, 0.4, 0.4, 1.0))
    target = image((0.1, 0.1, 0.1, 0.5), (0.3, 0.3, 0.3, 1.0))
    expected = (0.25 * 0.8 + 1.0 * 0.1) / 1.25
    assert color_loss(predicted, target).item() == pytest.approx(expected)


def test_the_mean_is_over_images_and_empty_overlaps_count_as_nothing() -> None:
    wide = image(*[(0.5, 0.5, 0.5, 1.0)] * 4)
    narrow = image((0.9, 0.9, 0.9, 1.0), *[(0.0, 0.0, 0.0, 0.0)] * 3)
    elsewhere = image(*[(0.0, 0.0, 0.0, 0.0)] * 3, (0.9, 0.9, 0.9, 1.0))
    predicted = torch.cat([wide, narrow, narrow]).requires_grad_()
    target = torch.cat([0.5 * wide, wide, elsewhere])
    target[0, 3] = 1
    loss = color_loss(predicted, target)
    assert loss.item() == pytest.approx((0.25 + 0.4 + 0) / 3)
    loss.backward()
    assert predicted.grad is not None and predicted.grad.isfinite().all()
    assert not predicted.grad[2, :3].any()


def test_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.rand(2, 2, 4, 3, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        color_loss, (predicted.requires_grad_(), target.requires_grad_())
    )


def test_messages() -> None:
    rgba = torch.zeros(1, 4, 2, 2)
    with pytest.raises(ValueError, match=r"^color_loss: predicted must have shape \[B, 4, H, W\]"):
        color_loss(rgba[:, :3], rgba)
    with pytest.raises(ValueError, match=r"^color_loss: target must have shape \[1, 4, 2, 2\]"):
        color_loss(rgba, rgba[..., :1])
    with pytest.raises(TypeError, match="^color_loss: target must be float32 or float64"):
        color_loss(rgba, rgba.byte())
    message = r"^color_loss: predicted must hold at least one image, got shape \[0, 4, 2, 2\]$"
    with pytest.raises(ValueError, match=message):
        color_loss(rgba[:0], rgba[:0])
