"""How well silhouettes overlap."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_tensor, format_shape


def silhouette_iou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Give one minus the mean intersection over union of silhouettes.

    For soft masks the intersection is sum(p t) and the union sum(p + t - p t), without an epsilon.
    Two empty masks agree: their IoU counts as 1, with zero gradient.

    Args:
        predicted: Coverage in [0, 1]. [B, H, W]
        target: Coverage in [0, 1]. [B, H, W]

    Returns:
        The loss in [0, 1], a scalar.

    Raises:
        TypeError: If a dtype is neither float32 nor float64.
        ValueError: If shapes or devices differ, or there is no mask at all.

    Source: Kato et al. 2018, the silhouette loss of single-image reconstruction.
    """
    name = "silhouette_iou_loss"
    check_tensor(name, "predicted", predicted, shape=("B", "H", "W"))
    check_tensor(name, "target", target, shape=predicted.shape, like=predicted)
    if len(predicted) == 0:
        shape = format_shape(predicted.shape)
        raise ValueError(f"{name}: predicted must hold at least one mask, got shape {shape}")
    overlap = predicted * target
    intersection = overlap.sum(dim=(1, 2))
    union = (predicted + target - overlap).sum(dim=(1, 2))
    one = torch.ones_like(union)
    # Both branches of `where` must be finite: an infinite one would poison the gradient with NaN.
    iou = torch.where(union > 0, intersection / torch.where(union > 0, union, one), one)
    return 1 - iou.mean()
