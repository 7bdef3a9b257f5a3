"""Points on surfaces that somebody else sampled: read, compared with silhouettes, thinned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.data.npz_stream import read_npz
from nr3d.geometry.camera import look_at, perspective

INSIDE_FROM = 0.9
"""Share of the points that masks, a pixel wider, have to show."""

APART = 0.08
"""NDC, 2.5 pixels of 64: how far apart boxes of points and masks may be, the mean of all sides."""

LONGEST = (0.9, 1.04)
"""Longest side that counts as 1: samples miss the very ends, watertight copies are thicker."""

UNIT = 0.1
"""How far the length of a normal may be from 1 before it is no rounding."""


def read_point_cloud(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read points on a surface and the unit normals there; normals of length 0 stay.

    Args:
        path: NPZ file with `points` and `normals`.

    Returns:
        Points and normals in the frame of the file. [P, 3] each

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, lacks an array, or one has another shape or type, is not finite,
            or holds normals of another length.
    """
    arrays = read_npz(path)
    points = _array_of(path, arrays, "points", rows="P")
    normals = _array_of(path, arrays, "normals", rows=str(len(points)))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    off = (np.abs(lengths - 1) > UNIT) & (lengths > 0)
    if off.any():
        raise ValueError(f"{path} must hold normals of length 1, got {lengths[off][0]:.3g}")
    lengths[lengths == 0] = 1
    return points, normals / lengths


def _array_of(
    path: Path, arrays: Mapping[str, NDArray[Any]], name: str, *, rows: str
) -> NDArray[np.float32]:
    """Give an array of as many rows of three finite floats; `P` are any number of rows."""
    if name not in arrays:
        raise ValueError(f"{path} must hold {name} [P, 3], got {', '.join(arrays) or 'nothing'}")
    array = arrays[name]
    fits = array.dtype.kind == "f" and array.ndim == 2 and array.shape[1] == 3
    if not fits or rows not in ("P", str(len(array))):
        raise ValueError(
            f"{path} must hold {name} of floats [{rows}, 3], got {array.dtype} {list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{path} must hold finite {name}, got NaN or infinity")
    return array.astype(np.float32)


def thinned(
    path: Path, points: NDArray[np.float32], normals: NDArray[np.float32], *, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw `count` of the points without repetition, always the same of as many.

    Raises:
        ValueError: There are fewer; the message names `path`.
    """
    if len(points) < count:
        raise ValueError(f"{path} must hold {count} points or more, got {len(points)}")
    chosen = np.sort(np.random.default_rng(0).choice(len(points), size=count, replace=False))
    return points[chosen], normals[chosen]


def check_points(
    path: Path,
    points: NDArray[np.float32],
    eyes: Tensor,
    masks: NDArray[np.uint8],
    *,
    viewing_angle: float,
) -> None:
    """Check that points are in the mesh frame: as large as it wants, and what the masks show.

    Args:
        path: Named in messages.
        points: In the mesh frame. [P, 3], P at least 1
        eyes: Of the views. [N, 3]
        masks: Coverage of the views, row 0 at the top. uint8 [N, S, S]
        viewing_angle: Half the field of view, in degrees.

    Raises:
        ValueError: The longest side is not 1, points lie beside the masks, or do not reach as far.
    """
    longest = float(np.ptp(points, axis=0).max())
    if not LONGEST[0] <= longest <= LONGEST[1]:
        raise ValueError(
            f"{path} must hold points of longest side 1, got {longest:.3g}; they are of another "
            "frame than the mesh frame"
        )
    every = torch.from_numpy(points).expand(len(eyes), -1, -1)
    seen = perspective(look_at(every, eyes), viewing_angle=viewing_angle)[..., :2]
    share, apart = _share_inside(seen, masks), _boxes_apart(seen, masks)
    if not share >= INSIDE_FROM or not apart <= APART:
        raise ValueError(
            f"{path}: points must lie on the masks as the cameras see them and reach as far, got "
            f"{share:.0%} there and boxes {apart:.2f} of half an image apart; points and cameras "
            "are of different frames"
        )


def _share_inside(seen: Tensor, masks: NDArray[np.uint8]) -> float:
    """Give the share of points [N, P, 2] (NDC) that masks show, or the pixels around them."""
    side = masks.shape[-1]
    column = ((seen[..., 0] + 1) / 2 * side).long().clamp(0, side - 1)
    row = ((1 - seen[..., 1]) / 2 * side).long().clamp(0, side - 1)
    grown = torch.nn.functional.max_pool2d(torch.from_numpy(masks > 0)[:, None].float(), 3, 1, 1)
    return float(grown[:, 0].flatten(1).gather(1, row * side + column).mean())


def _boxes_apart(seen: Tensor, masks: NDArray[np.uint8]) -> float:
    """Give how far sides of the boxes of points and masks are apart, mean of all, in NDC.

    A view whose mask is empty does not count.
    """
    side = masks.shape[-1]
    found = []
    for points, mask in zip(seen.clamp(-1, 1), masks > 127, strict=True):
        if not mask.any():
            continue
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        low = points.new_tensor([2 * columns[0] / side - 1, 1 - 2 * (rows[-1] + 1) / side])
        high = points.new_tensor([2 * (columns[-1] + 1) / side - 1, 1 - 2 * rows[0] / side])
        found.append((points.amin(dim=0) - low).abs().mean())
        found.append((points.amax(dim=0) - high).abs().mean())
    return float(torch.stack(found).mean()) if found else float("inf")
