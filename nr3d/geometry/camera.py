"""Cameras: where points of the world lie in front of a camera, and where it projects them.

The camera frame is left-handed: x right, y up, z forward. See docs/conventions.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d.checks import (
    FLOATS,
    REDUCED_FLOATS,
    at_least_float32,
    check_range,
    check_tensor,
    format_shape,
)

ORIGIN = (0.0, 0.0, 0.0)
UP = (0.0, 1.0, 0.0)
_SMALLEST_NORM = 1e-5


def look_at(
    points: Tensor,
    eye: Tensor | Sequence[float],
    *,
    at: Tensor | Sequence[float] | None = None,
    up: Tensor | Sequence[float] | None = None,
) -> Tensor:
    """Express points in the frame of a camera at `eye` that looks at `at`.

    The result is always finite for finite input. Where the frame is undefined its missing axes are
    zero vectors: for `up` parallel to the viewing direction x = y = 0 for every point, for `eye`
    equal to `at` z as well, without a useful gradient.

    Args:
        points: Positions in the world, any length unit. [B, V, 3]
        eye: Camera position. [B, 3], [1, 3] or [3]; with points [1, V, 3], one camera per row.
        at: Point in the middle of the image, the origin when absent. Shapes as for `eye`.
        up: Direction that is up in the image, +y when absent. Shapes as for `eye`.

    Returns:
        Positions in the camera frame, dtype and device of `points` (half precision is computed and
        returned as float32). [B, V, 3]. Gradients reach every argument.

    Raises:
        TypeError: If an argument is no floating-point tensor (or, but for `points`, a sequence).
        ValueError: If a shape does not fit or devices are mixed.

    Source: Kato et al. 2018; unit vectors are v / max(|v|, 1e-5).
    """
    points = _as_points("look_at", points)
    eye = _as_rows("look_at", "eye", eye, like=points)
    at = _as_rows("look_at", "at", ORIGIN if at is None else at, like=points)
    up = _as_rows("look_at", "up", UP if up is None else up, like=points)
    return _to_camera_frame(points, eye=eye, direction=at - eye, up=up)


def look(
    points: Tensor,
    eye: Tensor | Sequence[float],
    *,
    direction: Tensor | Sequence[float] | None = None,
    up: Tensor | Sequence[float] | None = None,
) -> Tensor:
    """Express points in the frame of a camera at `eye` that looks along `direction`.

    Args:
        points: Positions in the world, any length unit. [B, V, 3]
        eye: Camera position. [B, 3], [1, 3] or [3].
        direction: Viewing direction of any length, +z when absent. Shapes as for `eye`. Zero or
            parallel to `up` gives zero axes, as in `look_at`.
        up: Direction that is up in the image, +y when absent. Shapes as for `eye`.

    Returns:
        Positions in the camera frame, dtype and device of `points`. [B, V, 3]

    Raises:
        TypeError: If an argument is no floating-point tensor (or, but for `points`, a sequence).
        ValueError: If a shape does not fit or devices are mixed.

    Source: Kato et al. 2018.
    """
    points = _as_points("look", points)
    eye = _as_rows("look", "eye", eye, like=points)
    direction = (0.0, 0.0, 1.0) if direction is None else direction
    direction = _as_rows("look", "direction", direction, like=points)
    up = _as_rows("look", "up", UP if up is None else up, like=points)
    return _to_camera_frame(points, eye=eye, direction=direction, up=up)


def perspective(points: Tensor, *, viewing_angle: float = 30.0) -> Tensor:
    """Project camera-frame points to normalised device coordinates (NDC).

    Points at `viewing_angle` degrees off the axis land on the image border. Nothing is clipped:
    points behind the camera are mirrored, points at z = 0 become infinite or NaN.

    Args:
        points: Camera-frame positions, +z into the scene, any length unit. [B, V, 3]
        viewing_angle: Half the field of view, in degrees, in (0, 90).

    Returns:
        x, y in NDC, z unchanged. [B, V, 3], dtype and device of `points`.

    Raises:
        TypeError: If `points` is no floating-point tensor.
        ValueError: If `viewing_angle` is outside (0, 90) or the shape is another.

    Source: Kato et al. 2018 (half-angle convention of the authors' renderer).
    """
    points = _as_points("perspective", points)
    check_range("perspective", "viewing_angle", viewing_angle, above=0.0, below=90.0)
    depth = points[..., 2:]
    # Two divisions, as the authors' renderer rounds.
    return torch.cat((points[..., :2] / depth / math.tan(math.radians(viewing_angle)), depth), -1)


def orthographic(points: Tensor, *, scale: float = 1.0) -> Tensor:
    """Project camera-frame points along z: x, y times `scale`, z unchanged.

    Args:
        points: Camera-frame positions. [B, V, 3]
        scale: NDC units per length unit, above 0; 1 shows [-1, 1] x [-1, 1].

    Returns:
        x, y in NDC, z unchanged. [B, V, 3], dtype and device of `points`.

    Raises:
        TypeError: If `points` is no floating-point tensor.
        ValueError: If `scale` is not positive or the shape is another.
    """
    points = _as_points("orthographic", points)
    check_range("orthographic", "scale", scale, above=0.0)
    return torch.cat((points[..., :2] * scale, points[..., 2:]), -1)


def eye_from_angles(
    distance: float | Tensor, elevation: float | Tensor, azimuth: float | Tensor
) -> Tensor:
    """Give the position of a camera on a sphere around the origin.

    Azimuth 0 is on -z, azimuth 90 on +x, elevation 90 on +y.

    Args:
        distance: From the origin, any length unit. A number or a tensor [...].
        elevation: In degrees. A number or a tensor [...].
        azimuth: In degrees. A number or a tensor [...].

    Returns:
        Camera positions [..., 3] of the arguments' common shape, dtype and device (float32 on the
        CPU when all are numbers).

    Raises:
        TypeError: If an argument is neither a number nor a floating-point tensor.

    Source: Kato et al. 2018: (d cos e sin a, d sin e, -d cos e cos a).
    """
    given = {"distance": distance, "elevation": elevation, "azimuth": azimuth}
    like = next((value for value in given.values() if isinstance(value, Tensor)), None)
    parts = []
    for name, value in given.items():
        if isinstance(value, Tensor):
            _check_float("eye_from_angles", name, value)
        else:
            check_range("eye_from_angles", name, value)
        dtype, device = (like.dtype, like.device) if like is not None else (torch.float32, None)
        parts.append(torch.as_tensor(value, dtype=dtype, device=device))
    radius, tilt, turn = torch.broadcast_tensors(*parts)
    tilt, turn = torch.deg2rad(tilt), torch.deg2rad(turn)
    x = radius * tilt.cos() * turn.sin()
    y = radius * tilt.sin()
    z = -radius * tilt.cos() * turn.cos()
    return torch.stack((x, y, z), dim=-1)


def camera_axes(direction: Tensor, up: Tensor) -> Tensor:
    """Give the unit vectors x, y, z of cameras that look along `direction`.

    Args:
        direction: Of any length. Zero, or parallel to `up`, gives zero axes. [..., 3]
        up: Direction that is up in the image; the shapes broadcast. [..., 3]

    Returns:
        One axis per row, in the frame of the arguments. [..., 3, 3]
    """
    direction, up = torch.broadcast_tensors(direction, up)
    z_axis = _unit(direction)
    x_axis = _unit(torch.linalg.cross(up, z_axis, dim=-1))
    y_axis = _unit(torch.linalg.cross(z_axis, x_axis, dim=-1))
    return torch.stack((x_axis, y_axis, z_axis), dim=-2)


def as_vectors(
    function: str, argument: str, value: Tensor | Sequence[float], *, like: Tensor
) -> Tensor:
    """Turn a tensor or a sequence of numbers into a tensor of the dtype and device of `like`."""
    if isinstance(value, Tensor):
        _check_float(function, argument, value)
        if value.device != like.device:
            raise ValueError(
                f"{function}: {argument} must be on {like.device}, got {value.device}; "
                "move all tensors to one device"
            )
    elif not isinstance(value, (list, tuple)):
        raise TypeError(f"{function}: {argument} must be a tensor, got {type(value).__name__}")
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _to_camera_frame(points: Tensor, *, eye: Tensor, direction: Tensor, up: Tensor) -> Tensor:
    """Rotate and shift points [B, V, 3]; the other arguments are [B or 1, 3]."""
    axes = camera_axes(direction, up)
    with torch.autocast(points.device.type, enabled=False):
        return torch.matmul(points - eye[:, None], axes.mT)


def _unit(vectors: Tensor) -> Tensor:
    """Divide by max(norm, 1e-5): the zero vector stays zero, with a finite gradient."""
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / length.clamp_min(_SMALLEST_NORM)


def _as_points(function: str, points: Tensor) -> Tensor:
    check_tensor(function, "points", points, shape=("B", "V", 3), dtypes=(*FLOATS, *REDUCED_FLOATS))
    return at_least_float32(points)


def _as_rows(
    function: str, argument: str, value: Tensor | Sequence[float], *, like: Tensor
) -> Tensor:
    """Turn one vector per batch row, or one for all, into [B or 1, 3] of the dtype of `like`."""
    vectors = as_vectors(function, argument, value, like=like)
    batch = like.shape[0]
    shape = vectors.shape
    fits = shape == (3,) or (
        len(shape) == 2 and shape[1] == 3 and (shape[0] in (1, batch) or batch == 1)
    )
    if not fits:
        raise ValueError(
            f"{function}: {argument} must have shape [{batch}, 3] or [3], got {format_shape(shape)}"
        )
    return vectors.reshape(-1, 3)


def _check_float(function: str, argument: str, value: Tensor) -> None:
    any_shape = ["N"] * value.dim()
    check_tensor(function, argument, value, shape=any_shape, dtypes=(*FLOATS, *REDUCED_FLOATS))
