"""Cameras of other datasets as ours: eyes in the mesh frame that look at the origin, y up.

Images of a right-handed world show an object the right way round, ours show what a left-handed
camera sees. Such a world is mirrored, x to -x: what it looks like stays, and so does the place of
objects that are symmetric about x = 0, as most of ShapeNet's are. See docs/conventions.md.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.geometry.camera import UP, camera_axes
from nr3d.geometry.camera_checks import check_trailing
from nr3d.geometry.converters import is_right_handed

TOLERANCE = 2e-3
MIRROR = (-1.0, 1.0, 1.0)


def eyes_of_poses(function: str, R: Tensor, t: Tensor) -> tuple[Tensor, bool]:
    """Give the eyes of cameras that look at the origin.

    Args:
        function: First word of the messages.
        R: World to our camera frame, for points p as R p + t; may scale. [N, 3, 3]
        t: [N, 3]

    Returns:
        Eyes in the mesh frame [N, 3], and whether that is the mirrored world.

    Raises:
        TypeError: If an argument is no floating-point tensor.
        ValueError: If a shape is another, or a camera does not look at the origin with y up.
    """
    check_trailing(function, "R", R, (3, 3))
    check_trailing(function, "t", t, (3,), like=R)
    mirrored = is_right_handed(R)
    if mirrored:
        R = R * R.new_tensor(MIRROR)
    scale = torch.linalg.det(R) ** (1 / 3)  # [N]
    eyes = -torch.linalg.solve(R, t[..., None])[..., 0]
    axes = camera_axes(-eyes, R.new_tensor(UP))
    off = (R / scale[:, None, None] - axes).abs().flatten(1).amax(dim=1)
    if bool((off > TOLERANCE).any()):
        view = int(off.argmax())
        raise ValueError(
            f"{function}: the camera of view {view} must look at the origin with y up, got axes "
            f"that differ by {off[view].item():.3g}"
        )
    return eyes, mirrored
