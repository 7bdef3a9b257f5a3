"""Calibrated cameras: intrinsic matrix, pose and lens distortion, in the convention of OpenCV."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d.checks import FLOATS, REDUCED_FLOATS, at_least_float32, check_tensor, format_shape
from nr3d.geometry.camera_checks import check_intrinsics, height_and_width

_SMALLEST_DEPTH = 1e-9
_WIDEST_SQUARE = 1e4  # 89.4 degrees off the axis: no lens polynomial reaches so far


def projection(
    points: Tensor,
    K: Tensor,
    R: Tensor,
    t: Tensor,
    *,
    distortion: Tensor | None = None,
    orig_size: float | Sequence[float],
) -> Tensor:
    """Project points by a calibrated camera to normalised device coordinates (NDC).

    The camera frame is that of OpenCV, c = R p + t: x right, y down, z forward. NDC has y up, as
    everywhere here. Pixels are counted from the top left corner of the image, so that the centre of
    the first one is (0.5, 0.5); where a calibration puts it at (0, 0), add 0.5 to both coordinates
    of the principal point.

    The result is always finite for finite input. Points behind the camera are mirrored and have a
    negative depth, which `rasterize` does not draw. The lens polynomial holds near the image only:
    with distortion, points far outside may be folded back into it.

    Args:
        points: Positions in the world, any length unit. [B, V, 3]; with [1, V, 3], one camera each.
        K: Intrinsic matrix in pixels, with last row (0, 0, 1). [B, 3, 3] or [3, 3]
        R: World to camera, usually a rotation. [B, 3, 3] or [3, 3]
        t: World to camera, in the unit of `points`. [B, 3], [B, 1, 3] or [3]
        distortion: OpenCV's k1, k2, p1, p2, k3; a lens without distortion when absent. [B, 5] or
            [5]
        orig_size: Size of the image that `K` belongs to, in pixels: (H, W), or one number for a
            square.

    Returns:
        x, y in NDC (-1 and 1 are the borders, also of an image that is no square) and depth, dtype
        and device of `points` (half precision is computed and returned as float32). [B, V, 3].
        Gradients reach every tensor.

    Raises:
        TypeError: If an argument is no floating-point tensor, or `orig_size` no number.
        ValueError: If a shape does not fit, devices are mixed, `orig_size` is not positive, or `K`
            is singular, not finite or has another last row.

    Source: OpenCV's camera model; depths are moved away from 0 by 1e-9 before the division, and
    the radial factor stays what it is at 100 focal lengths off the axis.
    """
    check_tensor(
        "projection", "points", points, shape=("B", "V", 3), dtypes=(*FLOATS, *REDUCED_FLOATS)
    )
    points = at_least_float32(points)
    height, width = height_and_width("projection", orig_size)
    K = _per_view("K", K, (3, 3), like=points)
    check_intrinsics("projection", K)
    R = _per_view("R", R, (3, 3), like=points)
    if isinstance(t, Tensor) and t.dim() == 3 and t.shape[1] == 1:
        t = t[:, 0]
    t = _per_view("t", t, (3,), like=points)
    with torch.autocast(points.device.type, enabled=False):
        x, y, depth = (points @ R.mT + t[:, None]).unbind(-1)
    away = torch.where(depth < 0, depth - _SMALLEST_DEPTH, depth + _SMALLEST_DEPTH)
    x, y = x / away, y / away
    if distortion is not None:
        x, y = _distort(x, y, _per_view("distortion", distortion, (5,), like=points))
    m = K[..., None]  # [B or 1, 3, 3, 1]
    u = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2]
    v = m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]
    half_width, half_height = width / 2, height / 2
    ndc = ((u - half_width) / half_width, (half_height - v) / half_height)
    return torch.stack(torch.broadcast_tensors(*ndc, depth), dim=-1)


def _distort(x: Tensor, y: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Bend normalised image coordinates [B, V] as a lens does.

    All in terms of r^2: r itself has no gradient on the optical axis.
    """
    k1, k2, p1, p2, k3 = (coefficients[:, i, None] for i in range(5))
    square = x * x + y * y
    near = square.clamp_max(_WIDEST_SQUARE)
    radial = 1 + near * (k1 + near * (k2 + near * k3))
    bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
    bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
    return bent_x, bent_y


def _per_view(argument: str, value: Tensor, shape: tuple[int, ...], *, like: Tensor) -> Tensor:
    """Bring one value per view, or one for all, to [B or 1, *shape] of the dtype of `like`."""
    letters = ["N"] * value.dim() if isinstance(value, Tensor) else []
    dtypes = (*FLOATS, *REDUCED_FLOATS)
    check_tensor("projection", argument, value, shape=letters, dtypes=dtypes, like=like)
    batch = like.shape[0]
    fits = value.shape == shape or (
        value.dim() == len(shape) + 1
        and value.shape[1:] == shape
        and (value.shape[0] in (1, batch) or batch == 1)
    )
    if not fits:
        raise ValueError(
            f"projection: {argument} must have shape {format_shape((batch, *shape))} or "
            f"{format_shape(shape)}, got {format_shape(value.shape)}"
        )
    return value.reshape(-1, *shape).to(like.dtype)
