"""How well silhouettes overlap."""

from __future__ import annotations

from torch import Tensor

from nr3d.checks import check_tensor


def silhouette_iou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Give one minus the mean intersection over union of silhouettes.

    For soft masks the intersection is sum(p t) and the union sum(p + t - p t). Two empty masks
    agree: their IoU counts as 1, with zero gradient.

    Args:
        predicted: Coverage in [0, 1]. [B, H, W]
        target: Coverage in [0, 1]. [B, H, W]

    Returns:
        The loss in [0, 1], a scalar.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong or different shape, or another device.

    Source: Kato et al. 2018, equation for the silhouette loss.
    """
    name = "silhouette_iou_loss"
    check_tensor(name, "predicted", predicted, shape=("B", "H", "W"))
    check_tensor(name, "target", target, shape=predicted.shape, like=predicted)
    overlap = predicted * target
    intersection = overlap.sum(dim=(1, 2))
    union = (predicted + target - overlap).sum(dim=(1, 2))
    is_empty = union == 0
    iou = (intersection + is_empty) / (union + is_empty)
    return 1 - iou.mean()
