"""How large an object is in images whose cameras are known, when only its grid is known."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.geometry.camera import UP, camera_axes

MARGINS = (0.0, 0.25, 0.5)
"""Cells by which a surface may lie outside the centres of the outermost cells: voxelizers differ
between all cells that are touched (0 on average) and those whose centre is inside (0.5)."""
STEPS = 5
MOST_VIEWS = 12


def object_scale(
    voxels: NDArray[np.bool_],
    masks: NDArray[np.bool_],
    eyes: Tensor,
    *,
    viewing_angle: float,
) -> tuple[float, float]:
    """Find how long the longest side of a voxelized object is in the world of its images.

    Widths and heights of (up to 12) silhouettes that the border does not cut are added up; the
    scale gives the projected grid the same sum. Of all `MARGINS` the one that fits best counts.

    Args:
        voxels: Occupancy in the mesh frame. [R, R, R]
        masks: Silhouettes, row 0 at the top. [N, H, W]
        eyes: In the unit of the images' world, axes those of the mesh frame; the middle of the
            object is at the origin, where cameras look. [N, 3]
        viewing_angle: Half the field of view, in degrees.

    Returns:
        World units per unit of the mesh frame (the object's longest side), and how far the sides of
        the boxes are apart then, the mean of all, in NDC.

    Raises:
        ValueError: If the grid has less than two cells, or no silhouette is whole.
    """
    if voxels.sum() < 2:
        raise ValueError(
            f"object_scale: voxels must hold an object of 2 cells or more, got {voxels.sum()}"
        )
    boxes, views = _boxes(masks, most=MOST_VIEWS)
    if len(views) == 0:
        raise ValueError(
            "object_scale: masks must show the whole object in some view, got none that does"
        )
    cells = _ends(voxels)
    longest = float((cells.amax(dim=0) - cells.amin(dim=0)).max())
    projection = _Projection(cells, eyes.to(torch.float32)[views], viewing_angle)
    fits = []
    for margin in MARGINS:
        scale, apart = _fit(projection, boxes, margin)
        fits.append((apart, scale * (longest + 2 * margin)))
    apart, length = min(fits)
    return length, apart


class _Projection:
    """Boxes of a grid in views, for any size of its cells."""

    def __init__(self, cells: Tensor, eyes: Tensor, viewing_angle: float) -> None:
        axes = camera_axes(-eyes, eyes.new_tensor(UP))  # [N, 3, 3]
        corners = torch.cartesian_prod(*[eyes.new_tensor([-1.0, 1.0])] * 3)
        self.cells = (cells @ axes.mT)[:, :, None]  # [N, P, 1, 3]
        self.corners = (corners @ axes.mT)[:, None]  # [N, 1, 8, 3]
        self.distance = torch.linalg.vector_norm(eyes, dim=1)[:, None]
        self.width = math.tan(math.radians(viewing_angle))

    def boxes(self, scale: float, margin: float) -> Tensor:
        """Give left, bottom, right, top in NDC for cells of side `scale`. [N, 4]"""
        points = scale * (self.cells + margin * self.corners).flatten(1, 2)  # [N, 8 P, 3]
        depth = (points[..., 2] + self.distance) * self.width
        seen = points[..., :2] / depth[..., None]
        return torch.cat([seen.amin(dim=1), seen.amax(dim=1)], dim=1)


def _fit(projection: _Projection, boxes: Tensor, margin: float) -> tuple[float, float]:
    """Find the side of a cell for which boxes are as large as `boxes`, and how far they differ."""
    scale = 1e-3
    for _ in range(STEPS):  # almost linear in the scale, so that few steps do
        scale *= _size(boxes) / _size(projection.boxes(scale, margin))
    return scale, float((projection.boxes(scale, margin) - boxes).abs().mean())


def _size(boxes: Tensor) -> float:
    return float((boxes[:, 2:] - boxes[:, :2]).sum())


def _boxes(masks: NDArray[np.bool_], *, most: int) -> tuple[Tensor, list[int]]:
    """Give left, bottom, right, top of the first whole silhouettes, and their views. [K, 4], NDC"""
    _, height, width = masks.shape
    found, views = [], []
    for view, mask in enumerate(masks):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            continue
        if rows[0] == 0 or columns[0] == 0 or rows[-1] == height - 1 or columns[-1] == width - 1:
            continue
        left, right = 2 * columns[0] / width - 1, 2 * (columns[-1] + 1) / width - 1
        bottom, top = 1 - 2 * (rows[-1] + 1) / height, 1 - 2 * rows[0] / height
        found.append([left, bottom, right, top])
        views.append(view)
    return torch.tensor(found[:most], dtype=torch.float32), views[:most]


def _ends(voxels: NDArray[np.bool_]) -> Tensor:
    """Give the cells that are first or last along all three axes, about their middle. [P, 3]

    No other can be a corner of the convex hull.
    """
    ends = voxels
    for axis in range(3):
        before = np.cumsum(voxels, axis=axis)
        after = before.max(axis=axis, keepdims=True) - before
        ends = ends & ((before == 1) | (after == 0))
    cells = torch.from_numpy(np.argwhere(ends).astype(np.float32))
    return cells - (cells.amin(dim=0) + cells.amax(dim=0)) / 2
