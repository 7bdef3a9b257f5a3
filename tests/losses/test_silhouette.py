"""Silhouette IoU against recorded numbers, by hand, at its edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.losses import LOSSES, color_loss, laplacian_loss, silhouette_iou_loss, smoothness_loss

Truth = Callable[[str], dict[str, np.ndarray]]


def test_the_table_names_the_losses() -> None:
    assert LOSSES == {
        "silhouette": silhouette_iou_loss,
        "smoothness": smoothness_loss,
        "laplacian": laplacian_loss,
        "color": color_loss,
    }


def test_recorded_loss(truth: Truth) -> None:
    recorded = truth("aux_decoder_losses")
    predicted = torch.from_numpy(recorded["iou_pred"])
    target = torch.from_numpy(recorded["iou_target"])
    loss = silhouette_iou_loss(predicted, target)
    torch.testing.assert_close(loss, torch.tensor(recorded["iou_loss"]), rtol=1e-6, atol=0)
    each = [1 - silhouette_iou_loss(predicted[k : k + 1], target[k : k + 1]) for k in range(3)]
    expected = torch.from_numpy(recorded["iou_per_sample"])
    torch.testing.assert_close(torch.stack(each), expected, rtol=1e-6, atol=0)


def masks(*bounds: tuple[int, int]) -> Tensor:
    """One mask per pair: columns from..to of an 8 x 8 image."""
    image = torch.zeros(len(bounds), 8, 8)
    for mask, (start, stop) in zip(image, bounds, strict=True):
        mask[:, start:stop] = 1
    return image


def test_overlap_by_hand() -> None:
    loss = silhouette_iou_loss(masks((0, 4), (0, 4)), masks((2, 6), (0, 4)))
    assert loss.item() == pytest.approx(1 - (2 / 6 + 1) / 2)


def test_the_mean_is_over_masks_not_pixels() -> None:
    loss = silhouette_iou_loss(masks((0, 8), (0, 1)), masks((0, 8), (1, 2)))
    assert loss.item() == pytest.approx(0.5)


def test_empty_against_empty_agrees_with_zero_gradient() -> None:
    predicted = masks((0, 0), (0, 4)).requires_grad_()
    loss = silhouette_iou_loss(predicted, masks((0, 0), (0, 2)))
    assert loss.item() == pytest.approx((0 + 0.5) / 2)
    (grad,) = torch.autograd.grad(loss, predicted)
    assert torch.isfinite(grad).all()
    assert not grad[0].any()
    assert grad[1].any()


@pytest.mark.parametrize(("predicted", "target"), [((0, 0), (0, 4)), ((0, 4), (0, 0))])
def test_empty_against_something_is_the_worst(
    predicted: tuple[int, int], target: tuple[int, int]
) -> None:
    image = masks(predicted).requires_grad_()
    loss = silhouette_iou_loss(image, masks(target))
    assert loss.item() == 1
    assert torch.isfinite(torch.autograd.grad(loss, image)[0]).all()


def test_gradient() -> None:
    predicted = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: silhouette_iou_loss(p, target), predicted)


@pytest.mark.parametrize(
    ("predicted", "target", "error", "message"),
    [
        (
            torch.zeros(2, 8),
            torch.zeros(2, 8),
            ValueError,
            r"^silhouette_iou_loss: predicted must have shape \[B, H, W\], got \[2, 8\]$",
        ),
        (
            torch.zeros(2, 8, 8),
            torch.zeros(2, 4, 8),
            ValueError,
            r"^silhouette_iou_loss: target must have shape \[2, 8, 8\], got \[2, 4, 8\]$",
        ),
        (
            torch.zeros(2, 8, 8),
            torch.zeros(2, 8, 8, dtype=torch.uint8),
            TypeError,
            "^silhouette_iou_loss: target must be float32 or float64, got uint8$",
        ),
        (
            torch.zeros(1, 8, 8),
            torch.zeros(1, 8, 8, device="meta"),
            ValueError,
            "^silhouette_iou_loss: target must be on cpu, got meta; move all tensors to one device",
        ),
        (
            torch.zeros(0, 8, 8),
            torch.zeros(0, 8, 8),
            ValueError,
            r"^silhouette_iou_loss: predicted must hold at least one mask, got shape \[0, 8, 8\]$",
        ),
    ],
)
def test_messages(predicted: Tensor, target: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        silhouette_iou_loss(predicted, target)
