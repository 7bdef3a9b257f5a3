"""How far colours are from those of an image, where both show the object."""

from __future__ import annotations

from torch import Tensor

from nr3d.checks import check_tensor, format_shape


def color_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Give the mean L1 distance of colours over the overlap of two silhouettes.

    With coverages a and t and colours c and k, images hold a c and t k: the loss of an image is
    sum(a t |c - k|) / sum(a t), over its pixels, the mean over the channels. Images without an
    overlap count as 0, with zero gradient; what lies in one silhouette only counts nowhere.

    Args:
        predicted: RGB times coverage, and coverage, in [0, 1]. [B, 4, H, W]
        target: Likewise. [B, 4, H, W]

    Returns:
        The mean over the images, in [0, 1], a scalar. Differentiable in colours and coverage;
        silhouettes that are not to move must be detached.

    Raises:
        TypeError: If a dtype is neither float32 nor float64.
        ValueError: If shapes or devices differ, or there is no image at all.
    """
    name = "color_loss"
    check_tensor(name, "predicted", predicted, shape=("B", 4, "H", "W"))
    check_tensor(name, "target", target, shape=predicted.shape, like=predicted)
    if len(predicted) == 0:
        shape = format_shape(predicted.shape)
        raise ValueError(f"{name}: predicted must hold at least one image, got shape {shape}")
    here, there = predicted[:, 3:], target[:, 3:]
    # |t (a c) - a (t k)| = a t |c - k|: no division by a coverage
    distance = (there * predicted[:, :3] - here * target[:, :3]).abs().mean(dim=1)
    overlap = (here * there).sum(dim=(1, 2, 3))
    safe = overlap.where(overlap > 0, overlap.new_ones(()))
    return (distance.sum(dim=(1, 2)) / safe).mean()
