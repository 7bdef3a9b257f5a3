"""How much of two shapes coincides: occupancy grids and silhouettes."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import FLOATS, REDUCED_FLOATS, check_tensor


def voxel_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Give the intersection over union of occupancy grids.

    Args:
        predicted: Occupied cells. [B, ...], bool
        target: Occupied cells, the same shape.

    Returns:
        One value in [0, 1] per grid, float32; 1 where both grids are empty. [B]

    Raises:
        TypeError: If a grid is not bool.
        ValueError: If shapes or devices differ.
    """
    check_tensor(
        "voxel_iou", "predicted", predicted, shape=_any_shape(predicted), dtypes=(torch.bool,)
    )
    check_tensor(
        "voxel_iou", "target", target, shape=predicted.shape, dtypes=(torch.bool,), like=predicted
    )
    intersection = (predicted & target).flatten(1).sum(1)
    union = (predicted | target).flatten(1).sum(1)
    return torch.where(union > 0, intersection / union.clamp_min(1), torch.ones_like(union)).float()


def silhouette_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Give the intersection over union of soft or hard silhouettes: sum(pt) / sum(p + t - pt).

    Args:
        predicted: Coverage in [0, 1]. [B, H, W]
        target: Coverage in [0, 1], the same shape.

    Returns:
        One value in [0, 1] per image, at least float32; 1 where both images are empty. [B]

    Raises:
        TypeError: If an image is neither floating-point nor bool.
        ValueError: If shapes or devices differ.

    Source: Kato et al. 2018 (there, empty against empty is 0/0).
    """
    dtypes = (*FLOATS, *REDUCED_FLOATS, torch.bool)
    check_tensor("silhouette_iou", "predicted", predicted, shape=("B", "H", "W"), dtypes=dtypes)
    check_tensor(
        "silhouette_iou", "target", target, shape=predicted.shape, dtypes=dtypes, like=predicted
    )
    dtype = torch.promote_types(torch.promote_types(predicted.dtype, target.dtype), torch.float32)
    predicted, target = predicted.to(dtype).flatten(1), target.to(dtype).flatten(1)
    product = predicted * target
    union = (predicted + target - product).sum(1)
    safe_union = torch.where(union > 0, union, torch.ones_like(union))
    return torch.where(union > 0, product.sum(1) / safe_union, torch.ones_like(union))


def _any_shape(value: object) -> list[str]:
    """Give a shape that fits any batch."""
    return ["B"] + ["R"] * (value.dim() - 1) if isinstance(value, Tensor) else ["B", "..."]
