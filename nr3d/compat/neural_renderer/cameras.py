"""Cameras under their old names."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from nr3d import geometry
from nr3d.checks import check_range, check_tensor
from nr3d.compat.neural_renderer.convert import Vector, as_number, as_tensor

_SMALLEST_DEPTH = 1e-9


def get_points_from_angles(
    distance: Any, elevation: Any, azimuth: Any, degrees: bool = True
) -> Any:
    """Give camera positions on a sphere; azimuth 0 is on -z.

    Args:
        distance: A number, or a tensor or array [N], of floats or whole numbers.
        elevation: Likewise; numbers go with tensors and arrays.
        azimuth: Likewise.
        degrees: Whether the angles are in degrees, else radians.

    Returns:
        (x, y, z) for numbers, else [N, 3]: a tensor if there is one among the arguments.
    """
    given = (distance, elevation, azimuth)
    parts = [torch.as_tensor(value) for value in given]
    are_single = all(part.dim() == 0 for part in parts)
    if are_single and isinstance(distance, (int, float)):
        if degrees:
            elevation, azimuth = math.radians(elevation), math.radians(azimuth)
        return (
            distance * math.cos(elevation) * math.sin(azimuth),
            distance * math.sin(elevation),
            -distance * math.cos(elevation) * math.cos(azimuth),
        )
    tensors = [value for value in given if isinstance(value, Tensor)]
    rows = [part for part in parts if are_single or part.dim() > 0]
    dtype = functools.reduce(torch.promote_types, (row.dtype for row in rows))
    if not dtype.is_floating_point:
        dtype = torch.get_default_dtype() if tensors else torch.float64
    device = next((part.device for part in parts if part.device.type != "cpu"), None)
    distance, elevation, azimuth = (part.to(device, dtype) for part in parts)
    if not degrees:
        elevation, azimuth = torch.rad2deg(elevation), torch.rad2deg(azimuth)
    points = geometry.eye_from_angles(distance, elevation, azimuth)
    return points if tensors else points.numpy()


def look_at(
    vertices: Tensor,
    eye: Vector,
    at: Vector | None = (0.0, 0.0, 0.0),
    up: Vector | None = (0.0, 1.0, 0.0),
) -> Tensor:
    """Express vertices [B, V, 3] in the frame of a camera at `eye` that looks at `at`.

    Vectors are [3] or [B, 3]; None is the default.
    """
    at = (0.0, 0.0, 0.0) if at is None else at
    up = (0.0, 1.0, 0.0) if up is None else up
    eye, at, up = (as_tensor(value, like=vertices) for value in (eye, at, up))
    return geometry.look_at(vertices, eye, at=at, up=up)


def look(
    vertices: Tensor,
    eye: Vector,
    direction: Vector | None = (0.0, 0.0, 1.0),
    up: Vector | None = None,
) -> Tensor:
    """Express vertices [B, V, 3] in the frame of a camera at `eye` that looks along `direction`.

    Vectors are [3] or [B, 3]; None is the default, with (0, 1, 0) for `up`.
    """
    direction = (0.0, 0.0, 1.0) if direction is None else direction
    up = (0.0, 1.0, 0.0) if up is None else up
    eye, direction, up = (as_tensor(value, like=vertices) for value in (eye, direction, up))
    return geometry.look(vertices, eye, direction=direction, up=up)


def perspective(vertices: Tensor, angle: float | Tensor = 30.0) -> Tensor:
    """Project vertices [B, V, 3]; `angle` is half the field of view, a number or [B], degrees.

    Those at depth 0 go far outside, but stay finite.
    """
    check_tensor("perspective", "vertices", vertices, shape=("B", "V", 3))
    angle = as_tensor(angle, like=vertices)
    if angle.dim() > 0:
        angle = angle[:, None]
    x, y, depth = vertices.unbind(-1)
    width = depth.masked_fill(depth == 0, _SMALLEST_DEPTH) * torch.deg2rad(angle).tan()
    return torch.stack((x / width, y / width, depth), dim=-1)


def projection(
    vertices: Tensor,
    K: Any,
    R: Any,
    t: Any,
    dist_coeffs: Any,
    orig_size: Any,
    eps: float = 1e-9,
) -> Tensor:
    """Project vertices [B, V, 3] by a calibrated camera, to NDC with y up and depth.

    Args:
        vertices: In the world. [B, V, 3]
        K: Intrinsic matrix, pixels; its last number does not count. [B or 1, 3, 3]
        R: World to camera. [B or 1, 3, 3]
        t: World to camera. [B or 1, 1, 3] or [B or 1, 3]
        dist_coeffs: k1, k2, p1, p2, k3; None for no distortion. [B or 1, 5]
        orig_size: Side of the image that K belongs to, pixels.
        eps: Added to the depths that x and y are divided by.

    Raises:
        ValueError: A wrong shape, a singular K.

    Source: the camera model of OpenCV; see `nr3d.geometry.projection`.
    """
    K, R, t = (as_tensor(value, like=vertices) for value in (K, R, t))
    coefficients = None if dist_coeffs is None else as_tensor(dist_coeffs, like=vertices)
    if K.shape[-2:] == (3, 3):  # programs divide K by the size of the image, its last number too
        last_row = torch.cat((K[..., 2:, :2], torch.ones_like(K[..., 2:, 2:])), dim=-1)
        K = torch.cat((K[..., :2, :], last_row), dim=-2)
    orig_size = orig_size if isinstance(orig_size, (list, tuple)) else as_number(orig_size)
    shift = as_tensor([0.0, 0.0, as_number(eps) - _SMALLEST_DEPTH], like=vertices)
    is_shifted = eps != _SMALLEST_DEPTH and t.shape[-1:] == (3,)
    seen = geometry.projection(
        vertices,
        K,
        R,
        t + shift if is_shifted else t,  # what divides adds the smallest depth by itself
        distortion=coefficients,
        orig_size=orig_size,
    )
    return seen - shift if is_shifted else seen


def check_viewing_angle(angle: Any) -> None:
    """Check the attribute of a `Renderer`: a number, or one for each mesh [B]."""
    has_axes = getattr(angle, "ndim", 0) > 0
    bounds = torch.as_tensor(angle).detach().aminmax() if has_axes else (angle,)
    for value in bounds:
        number = value.item() if isinstance(value, Tensor) else as_number(value)
        check_range("Renderer", "viewing_angle", number, above=0, below=90)


def calibrated(
    vertices: Tensor, K: Any, R: Any, t: Any, dist_coeffs: Any, orig_size: Any
) -> Tensor:
    """Project by the camera of a `Renderer`, or say what it lacks."""
    for name, value in (("K", K), ("R", R), ("t", t)):
        if value is None:
            raise ValueError(
                f"Renderer: {name} must be given in camera_mode='projection', got None; for a "
                "camera without calibration use camera_mode='look_at'"
            )
    return projection(vertices, K, R, t, dist_coeffs, orig_size)
