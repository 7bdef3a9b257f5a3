"""Voxels from points on a surface, where a source has no mesh and no grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grid_of_points(points: NDArray[np.floating], *, resolution: int = 32) -> NDArray[np.bool_]:
    """Fill what points on a surface enclose, in the frame of `nr3d.geometry.voxelize`.

    A cell is occupied that a point lies in, or that the outside cannot reach through the faces of
    empty cells. Sparse points leave holes, through which a shell stays hollow.

    Args:
        points: In the mesh frame; those outside the grid do not count. [P, 3]
        resolution: Cells per axis.

    Returns:
        bool [R, R, R]
    """
    cells = np.floor(points * (resolution - 1) + resolution / 2).astype(np.int64)
    inside = ((cells >= 0) & (cells < resolution)).all(axis=1)
    grid = np.zeros((resolution + 2,) * 3, dtype=bool)  # an empty layer around
    x, y, z = (cells[inside] + 1).T
    grid[x, y, z] = True
    outside = np.zeros_like(grid)
    outside[0] = True
    reached = -1
    while (count := int(outside.sum())) != reached:
        reached = count
        for axis in range(3):
            for step in (1, -1):
                outside |= np.roll(outside, step, axis=axis) & ~grid
    return ~outside[1:-1, 1:-1, 1:-1]
