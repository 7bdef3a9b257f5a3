"""Camera poses: what other libraries call them, as R and t of our camera frame and back.

R [..., 3, 3] and t [..., 3] take a point p of the world to R p + t in our camera frame: x right, y
up, z forward. Only the axes of the camera change; the world and its unit stay. Between a
right-handed world and our left-handed frame R is a reflection: its determinant is -1. `look_at`
takes the world to be left-handed, its determinant is 1: `is_right_handed` tells them apart. See
docs/conventions.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d.geometry.camera import ORIGIN, UP, as_vectors, camera_axes
from nr3d.geometry.camera_checks import check_last_row, check_trailing

Pose = tuple[Tensor, Tensor]
_HOMOGENEOUS = (0.0, 0.0, 0.0, 1.0)
_TRANSPOSE = "transpose a matrix for row vectors"


def camera_from_look_at(
    eye: Tensor,
    *,
    at: Tensor | Sequence[float] | None = None,
    up: Tensor | Sequence[float] | None = None,
) -> Pose:
    """Give the pose of the camera of `look_at`.

    Args:
        eye: Camera position. [..., 3]
        at: Point in the middle of the image, the origin when absent. Broadcasts with `eye`.
        up: Direction that is up in the image, +y when absent. Broadcasts with `eye`.

    Returns:
        R [..., 3, 3], t [..., 3], always finite: axes that are undefined (`eye` equal to `at`,
        `up` parallel to the viewing direction) are zero rows of R, as in `look_at`.

    Raises:
        TypeError: If an argument is no floating-point tensor (or, but for `eye`, a sequence).
        ValueError: If a shape does not fit or devices are mixed.
    """
    function = "camera_from_look_at"
    check_trailing(function, "eye", eye, (3,))
    at = as_vectors(function, "at", ORIGIN if at is None else at, like=eye)
    up = as_vectors(function, "up", UP if up is None else up, like=eye)
    check_trailing(function, "at", at, (3,))
    check_trailing(function, "up", up, (3,))
    R = camera_axes(at - eye, up)
    return R, -(R * eye[..., None, :]).sum(-1)


def is_right_handed(R: Tensor) -> bool:
    """Tell whether cameras are those of a right-handed world: whether R is a reflection.

    It is what `NeuralRenderer.render` takes as `right_handed`, for intrinsic matrices with positive
    focal lengths.

    Args:
        R: World to our camera frame, as every function `from_...` here gives it. [..., 3, 3]

    Raises:
        TypeError: If `R` is no floating-point tensor.
        ValueError: If its shape is another, it is singular, or the cameras are of both kinds.
    """
    check_trailing("is_right_handed", "R", R, (3, 3))
    determinant = torch.linalg.det(R.detach())
    if not bool((determinant.abs() > 0).all()):
        bad = determinant[~(determinant.abs() > 0)][0].item()
        raise ValueError(f"is_right_handed: R must not be singular, got determinant {bad:g}")
    reflects = determinant < 0
    if bool(reflects.any()) and not bool(reflects.all()):
        raise ValueError(
            "is_right_handed: R must be of cameras of one kind, got left- and right-handed ones; "
            "render them apart"
        )
    return bool(reflects.any())


def from_opencv(R: Tensor, t: Tensor) -> Pose:
    """Give our pose for R and t of OpenCV: x right, y down, z forward.

    Args:
        R: World to camera, for column vectors. [..., 3, 3]
        t: [..., 3]

    Returns:
        R [..., 3, 3], t [..., 3]

    Raises:
        TypeError: If an argument is no floating-point tensor.
        ValueError: If a shape does not fit or devices are mixed.

    Source: OpenCV, camera calibration and 3D reconstruction.
    """
    return _flip("from_opencv", R, t, (1.0, -1.0, 1.0))


def to_opencv(R: Tensor, t: Tensor) -> Pose:
    """Give OpenCV's R and t, those of `projection`, for our pose; arguments as `from_opencv`."""
    return _flip("to_opencv", R, t, (1.0, -1.0, 1.0))


def from_pytorch3d(R: Tensor, T: Tensor) -> Pose:  # noqa: N803  (PyTorch3D's name)
    """Give our pose for R and T of PyTorch3D: x left, y up, z forward, for row vectors.

    Args:
        R: Of X R + T, so the transpose of everybody else's. [..., 3, 3]
        T: [..., 3]

    Returns:
        R [..., 3, 3], t [..., 3]

    Raises:
        TypeError: If an argument is no floating-point tensor.
        ValueError: If a shape does not fit or devices are mixed.

    Source: PyTorch3D, notes on cameras.
    """
    check_trailing("from_pytorch3d", "R", R, (3, 3))
    check_trailing("from_pytorch3d", "T", T, (3,), like=R)
    return _flip("from_pytorch3d", R.mT, T, (-1.0, 1.0, 1.0))


def to_pytorch3d(R: Tensor, t: Tensor) -> Pose:
    """Give PyTorch3D's R and T for our pose R [..., 3, 3], t [..., 3]."""
    R, t = _flip("to_pytorch3d", R, t, (-1.0, 1.0, 1.0))
    return R.mT, t


def from_opengl(view: Tensor) -> Pose:
    """Give our pose for OpenGL's view matrix: x right, y up, z backward.

    Args:
        view: World to camera, for column vectors, with last row (0, 0, 0, 1); the inverse of
            Blender's and NeRF's camera-to-world matrix. [..., 4, 4]

    Returns:
        R [..., 3, 3], t [..., 3]

    Raises:
        TypeError: If `view` is no floating-point tensor.
        ValueError: If its shape or its last row is another.

    Source: OpenGL specification, eye coordinates.
    """
    return _from_matrix("from_opengl", "view", view, (1.0, 1.0, -1.0))


def to_opengl(R: Tensor, t: Tensor) -> Tensor:
    """Give OpenGL's view matrix [..., 4, 4] for our pose R [..., 3, 3], t [..., 3]."""
    return _matrix(*_flip("to_opengl", R, t, (1.0, 1.0, -1.0)))


def from_nmr_camera(world_mat: Tensor, *, scale_mat: Tensor | None = None) -> Pose:
    """Give our pose for the matrices of DVR's NMR renderings: x right, y down, z forward.

    Args:
        world_mat: World to camera, for column vectors. [..., 4, 4]
        scale_mat: Object to world, the identity when absent; what it scales, depths are scaled
            by, too. [..., 4, 4]

    Returns:
        R [..., 3, 3], t [..., 3]

    Raises:
        TypeError: If an argument is no floating-point tensor.
        ValueError: If a shape or a last row is another or devices are mixed.

    Source: Niemeyer et al. 2020: pixel = camera_mat world_mat scale_mat p, their code's FAQ.
    """
    function = "from_nmr_camera"
    check_trailing(function, "world_mat", world_mat, (4, 4))
    matrix = world_mat
    if scale_mat is not None:
        check_trailing(function, "scale_mat", scale_mat, (4, 4), like=world_mat)
        check_last_row(function, "scale_mat", scale_mat, _HOMOGENEOUS, remedy=_TRANSPOSE)
        with torch.autocast(world_mat.device.type, enabled=False):
            matrix = world_mat @ scale_mat.to(world_mat.dtype)
    return _from_matrix(function, "world_mat", matrix, (1.0, -1.0, 1.0))


def to_nmr_camera(R: Tensor, t: Tensor) -> Tensor:
    """Give the `world_mat` [..., 4, 4], without a `scale_mat`, for R [..., 3, 3], t [..., 3]."""
    return _matrix(*_flip("to_nmr_camera", R, t, (1.0, -1.0, 1.0)))


def _flip(function: str, R: Tensor, t: Tensor, signs: tuple[float, float, float]) -> Pose:
    """Turn camera axes around: the same operation there and back."""
    check_trailing(function, "R", R, (3, 3))
    check_trailing(function, "t", t, (3,), like=R)
    axes = R.new_tensor(signs)
    return axes[:, None] * R, axes * t.to(R.dtype)


def _from_matrix(function: str, argument: str, matrix: Tensor, signs: tuple[float, ...]) -> Pose:
    check_trailing(function, argument, matrix, (4, 4))
    check_last_row(function, argument, matrix, _HOMOGENEOUS, remedy=_TRANSPOSE)
    axes = matrix.new_tensor(signs)
    return axes[:, None] * matrix[..., :3, :3], axes * matrix[..., :3, 3]


def _matrix(R: Tensor, t: Tensor) -> Tensor:
    """Write a pose as a matrix for column vectors. [..., 4, 4]"""
    batch = torch.broadcast_shapes(R.shape[:-2], t.shape[:-1])
    upper = torch.cat((R.expand(*batch, 3, 3), t.expand(*batch, 3)[..., None]), dim=-1)
    last = R.new_tensor(_HOMOGENEOUS).expand(*batch, 1, 4)
    return torch.cat((upper, last), dim=-2)
