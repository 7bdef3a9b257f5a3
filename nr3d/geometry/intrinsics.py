"""Intrinsic matrices: what other libraries call them, as the K of `projection` and back.

K is in pixels, counted from the top left corner of the image, for a camera with x right, y down and
z forward. See docs/conventions.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from nr3d.checks import check_range
from nr3d.geometry.camera_checks import (
    check_intrinsics,
    check_last_row,
    check_trailing,
    height_and_width,
)

_ALONG_Z = "flip the axes of a camera that looks along -z"


def intrinsics_from_viewing_angle(
    viewing_angle: float = 30.0, *, orig_size: float | Sequence[float]
) -> Tensor:
    """Give the K with which `projection` shows what `perspective` shows.

    Args:
        viewing_angle: Half the vertical field of view, in degrees, in (0, 90).
        orig_size: Image size in pixels, (H, W) or one number for a square.

    Returns:
        [3, 3] float32 on the CPU.

    Raises:
        ValueError: If a number is outside its range.
    """
    function = "intrinsics_from_viewing_angle"
    check_range(function, "viewing_angle", viewing_angle, above=0.0, below=90.0)
    height, width = height_and_width(function, orig_size)
    focal = height / 2 / math.tan(math.radians(viewing_angle))
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def intrinsics_from_opengl(matrix: Tensor, *, orig_size: float | Sequence[float]) -> Tensor:
    """Give K for OpenGL's perspective projection matrix; its near and far planes are dropped.

    Args:
        matrix: For column vectors, last row (0, 0, -1, 0), also off-centre. [..., 4, 4]
        orig_size: Image size in pixels, (H, W) or one number for a square.

    Returns:
        [..., 3, 3]

    Raises:
        TypeError: If `matrix` is no floating-point tensor.
        ValueError: If its shape or its last row is another.

    Source: OpenGL specification, glFrustum: NDC = (clip x, clip y) / clip w, x right, y up.
    """
    function = "intrinsics_from_opengl"
    check_trailing(function, "matrix", matrix, (4, 4))
    remedy = "transpose a matrix for row vectors; orthographic matrices have no K"
    check_last_row(function, "matrix", matrix, (0.0, 0.0, -1.0, 0.0), remedy=remedy)
    height, width = height_and_width(function, orig_size)
    to_pixels = _pixels(matrix, width / 2, -height / 2, width, height)
    return _product(to_pixels, matrix[..., [0, 1, 3], :3], _flip(matrix, 1.0, -1.0, -1.0))


def intrinsics_to_opengl(
    K: Tensor, *, orig_size: float | Sequence[float], near: float, far: float
) -> Tensor:
    """Give OpenGL's projection matrix for K, with clip z / w from -1 at `near` to 1 at `far`.

    Args:
        K: [..., 3, 3]
        orig_size: Size of the image of `K` in pixels, (H, W) or one number for a square.
        near: Distance of the near plane, above 0.
        far: Distance of the far plane, above `near`.

    Returns:
        For column vectors. [..., 4, 4]

    Raises:
        TypeError: If `K` is no floating-point tensor.
        ValueError: If `K` is singular or not finite, or a number is outside its range.
    """
    function = "intrinsics_to_opengl"
    check_trailing(function, "K", K, (3, 3))
    check_intrinsics(function, K)
    check_range(function, "near", near, above=0.0)
    check_range(function, "far", far, above=near)
    height, width = height_and_width(function, orig_size)
    from_pixels = torch.linalg.inv(_pixels(K, width / 2, -height / 2, width, height))
    matrix = K.new_zeros(*K.shape[:-2], 4, 4)
    matrix[..., [0, 1, 3], :3] = _product(from_pixels, K, _flip(K, 1.0, -1.0, -1.0))
    matrix[..., 2, 2] = -(far + near) / (far - near)
    matrix[..., 2, 3] = -2 * far * near / (far - near)
    return matrix


def intrinsics_from_pytorch3d(
    focal_length: Tensor, principal_point: Tensor, *, orig_size: float | Sequence[float]
) -> Tensor:
    """Give K for PyTorch3D's `PerspectiveCameras(..., in_ndc=True)`.

    Args:
        focal_length: In PyTorch3D's NDC, whose shorter side spans [-1, 1]. [..., 2]
        principal_point: Likewise, x left and y up. [..., 2]
        orig_size: Image size in pixels, (H, W) or one number for a square.

    Returns:
        [..., 3, 3]

    Raises:
        TypeError: If an argument is no floating-point tensor.
        ValueError: If a shape does not fit.

    Source: PyTorch3D, notes on cameras.
    """
    function = "intrinsics_from_pytorch3d"
    check_trailing(function, "focal_length", focal_length, (2,))
    check_trailing(function, "principal_point", principal_point, (2,), like=focal_length)
    height, width = height_and_width(function, orig_size)
    half = min(height, width) / 2
    focal, point = torch.broadcast_tensors(half * focal_length, half * principal_point)
    K: Tensor = focal.new_zeros(*focal.shape[:-1], 3, 3)
    K[..., 0, 0], K[..., 1, 1], K[..., 2, 2] = focal[..., 0], focal[..., 1], 1.0
    K[..., :2, 2] = focal.new_tensor([width / 2, height / 2]) - point
    return K


def intrinsics_to_pytorch3d(
    K: Tensor, *, orig_size: float | Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Give `focal_length` and `principal_point` of PyTorch3D's `PerspectiveCameras`.

    Args:
        K: Without skew, which PyTorch3D does not know. [..., 3, 3]
        orig_size: Size of the image of `K` in pixels, (H, W) or one number for a square.

    Returns:
        Both for `in_ndc=True`. [..., 2], [..., 2]

    Raises:
        TypeError: If `K` is no floating-point tensor.
        ValueError: If `K` is singular, not finite or has a skew.
    """
    function = "intrinsics_to_pytorch3d"
    check_trailing(function, "K", K, (3, 3))
    check_intrinsics(function, K)
    if bool((K[..., 0, 1] != 0).any() or (K[..., 1, 0] != 0).any()):
        raise ValueError(f"{function}: K must have no skew, got one; PyTorch3D does not know it")
    height, width = height_and_width(function, orig_size)
    half = min(height, width) / 2
    focal_length = torch.stack((K[..., 0, 0], K[..., 1, 1]), dim=-1) / half
    centre = K.new_tensor([width / 2, height / 2])
    return focal_length, (centre - K[..., :2, 2]) / half


def intrinsics_from_nmr_camera(camera_mat: Tensor, *, orig_size: float | Sequence[float]) -> Tensor:
    """Give K for a `camera_mat` of the NMR renderings of DVR (`cameras.npz`).

    Args:
        camera_mat: To pixels in [-1, 1], (-1, -1) the top left corner, along +z. [..., 4, 4]
        orig_size: Image size in pixels, (H, W) or one number for a square.

    Returns:
        [..., 3, 3]

    Raises:
        TypeError: If `camera_mat` is no floating-point tensor.
        ValueError: If its shape is another, or it does not look along +z.

    Source: Niemeyer et al. 2020, their code's FAQ.
    """
    function = "intrinsics_from_nmr_camera"
    check_trailing(function, "camera_mat", camera_mat, (4, 4))
    K = camera_mat[..., :3, :3]
    check_last_row(function, "camera_mat[:3, :3]", K, (0.0, 0.0, 1.0), remedy=_ALONG_Z)
    height, width = height_and_width(function, orig_size)
    return _product(_pixels(K, width / 2, height / 2, width, height), K)


def intrinsics_to_nmr_camera(K: Tensor, *, orig_size: float | Sequence[float]) -> Tensor:
    """Give the `camera_mat` of DVR's NMR renderings for K.

    Args:
        K: [..., 3, 3]
        orig_size: Size of the image of `K` in pixels, (H, W) or one number for a square.

    Returns:
        [..., 4, 4]

    Raises:
        TypeError: If `K` is no floating-point tensor.
        ValueError: If `K` is singular or not finite.
    """
    function = "intrinsics_to_nmr_camera"
    check_trailing(function, "K", K, (3, 3))
    check_intrinsics(function, K)
    height, width = height_and_width(function, orig_size)
    from_pixels = torch.linalg.inv(_pixels(K, width / 2, height / 2, width, height))
    camera_mat = torch.eye(4, dtype=K.dtype, device=K.device).repeat(*K.shape[:-2], 1, 1)
    camera_mat[..., :3, :3] = _product(from_pixels, K)
    return camera_mat


def _pixels(like: Tensor, scale_x: float, scale_y: float, width: float, height: float) -> Tensor:
    """Give the matrix that puts 0, 0 in the middle of an image and scales: NDC to pixels."""
    return like.new_tensor([[scale_x, 0.0, width / 2], [0.0, scale_y, height / 2], [0.0, 0.0, 1.0]])


def _flip(like: Tensor, *signs: float) -> Tensor:
    return torch.diag(like.new_tensor(signs))


def _product(*matrices: Tensor) -> Tensor:
    """Multiply in full precision, also under autocast."""
    with torch.autocast(matrices[0].device.type, enabled=False):
        return reduce(torch.matmul, matrices)
