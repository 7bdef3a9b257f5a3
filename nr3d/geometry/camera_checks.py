"""What the vectors of many views and the matrices and sizes of calibrated cameras must be."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nr3d.checks import FLOATS, check_range, check_tensor, format_shape
from nr3d.geometry.camera import as_vectors

_TOLERANCE = 1e-5
_SMALLEST_DETERMINANT = 1e-9


def check_trailing(
    function: str,
    argument: str,
    value: object,
    shape: tuple[int, ...],
    *,
    like: Tensor | None = None,
) -> None:
    """Check a tensor whose last axes are `shape`, with any axes before them."""
    letters = ["N"] * value.dim() if isinstance(value, Tensor) else []
    check_tensor(function, argument, value, shape=letters, dtypes=FLOATS, like=like)
    assert isinstance(value, Tensor)
    if value.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{function}: {argument} must have shape {format_shape(('...', *shape))}, "
            f"got {format_shape(value.shape)}"
        )


def check_last_row(
    function: str, argument: str, matrix: Tensor, row: tuple[float, ...], *, remedy: str
) -> None:
    """Check that the matrices [..., n, n] end in `row`, rounding aside."""
    distance = (matrix[..., -1, :] - matrix.new_tensor(row)).abs().amax(-1)
    is_other = ~(distance <= _TOLERANCE)  # so that NaN is refused
    if bool(is_other.any()):
        got = ", ".join(f"{number:g}" for number in matrix[..., -1, :][is_other][0].tolist())
        wanted = ", ".join(f"{number:g}" for number in row)
        raise ValueError(
            f"{function}: {argument} must have last row ({wanted}), got ({got}); {remedy}"
        )


def check_intrinsics(function: str, K: Tensor) -> None:
    """Check that intrinsic matrices [..., 3, 3] end in (0, 0, 1), are finite and invertible."""
    check_last_row(
        function, "K", K, (0.0, 0.0, 1.0), remedy="divide it by its last number, or transpose it"
    )
    focal = K[..., :2, :2]
    determinant = focal[..., 0, 0] * focal[..., 1, 1] - focal[..., 0, 1] * focal[..., 1, 0]
    scale = focal.abs().amax((-2, -1)).square()
    fits = (determinant.abs() > _SMALLEST_DETERMINANT * scale) & (scale > 0)
    fits = fits & (focal.diagonal(dim1=-2, dim2=-1) != 0).all(-1)
    if not bool(fits.all()):
        x, y = focal[~fits][0].diagonal().tolist()
        raise ValueError(
            f"{function}: K must not be singular, got focal lengths {x:g}, {y:g} "
            f"and determinant {determinant[~fits][0].item():g}"
        )
    if not bool(K.isfinite().all()):
        x, y = K[~K.isfinite().all(-1).all(-1)][0, :2, 2].tolist()
        raise ValueError(f"{function}: K must be finite, got principal point {x:g}, {y:g}")


def height_and_width(function: str, orig_size: float | Sequence[float]) -> tuple[float, float]:
    """Give H and W of an image size: (H, W), or one number for a square."""
    if isinstance(orig_size, (list, tuple)):
        if len(orig_size) != 2:
            raise ValueError(
                f"{function}: orig_size must be one number or (H, W), got {len(orig_size)} numbers"
            )
        sizes = tuple(orig_size)
    else:
        sizes = (orig_size, orig_size)
    for size in sizes:
        check_range(function, "orig_size", size, above=0.0)
    height, width = sizes
    return height, width


def vectors_of_views(
    function: str,
    argument: str,
    value: Tensor | Sequence[float],
    num_views: int,
    points: Tensor,
) -> Tensor:
    """Check one vector for all views, [3], or one for each, [B or 1, N, 3]; cast as `points`."""
    vectors = as_vectors(function, argument, value, like=points)
    if vectors.shape == (3,):
        return vectors
    if vectors.dim() != 3 or vectors.shape[2] != 3:
        raise ValueError(
            f"{function}: {argument} must have shape [3] or [B, N, 3], "
            f"got {format_shape(vectors.shape)}"
        )
    num_meshes = points.shape[0]
    if vectors.shape[0] not in (1, num_meshes) or vectors.shape[1] != num_views:
        raise ValueError(
            f"{function}: {argument} must have 1 or {num_meshes} rows, as many as there are "
            f"meshes, of {num_views} views, got shape {format_shape(vectors.shape)}"
        )
    return vectors
