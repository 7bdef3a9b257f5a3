"""`voxelize` in plain torch: slow and clear, to check the native code against."""

from __future__ import annotations

import torch
from torch import Tensor


def voxelize(vertices: Tensor, faces: Tensor, *, resolution: int = 32, fill: bool = True) -> Tensor:
    """Give the cells that meshes touch and, with `fill`, those they enclose.

    Args:
        vertices: Positions in the mesh frame, float32 or float64. [B, V, 3]
        faces: Vertex indices. [F, 3]
        resolution: Cells along each axis.
        fill: Whether enclosed cells count.

    Returns:
        Occupied cells, bool. [B, R, R, R]

    Source: Kato et al. 2018 (the authors' voxelizer).
    """
    size = (resolution, resolution, resolution)
    voxels = torch.zeros((len(vertices), *size), dtype=torch.bool)
    shrink = torch.tensor(resolution - 1).to(vertices) / resolution
    corners = ((vertices * shrink + 0.5) * resolution)[:, faces.long()]  # [B, F, 3, 3]
    for grid, face_corners in zip(voxels, corners, strict=True):
        _mark_cells(grid, face_corners.reshape(-1, 3).floor())
        for order in ((2, 1, 0), (0, 2, 1), (0, 1, 2)):  # each its own inverse
            for face in face_corners[..., order]:
                _mark_columns(grid.permute(order), face)
        if fill:
            grid.copy_(~_outside(grid))
    return voxels


def _mark_columns(grid: Tensor, face: Tensor) -> None:
    """Mark the four cells around every grid line along the last axis that crosses a face [3, 3]."""
    lines = torch.arange(len(grid)).to(face)
    p = torch.cartesian_prod(lines, lines)  # [R * R, 2]
    a, b = face[1] - face[0], face[2] - face[0]
    det = a[1] * b[0] - b[1] * a[0]
    if det == 0:
        return
    u, v = (p - face[0, :2]).unbind(dim=1)
    t1 = (b[0] * v - b[1] * u) / det
    t2 = (a[1] * u - a[0] * v) / det
    in_box = (p >= face[:, :2].amin(dim=0)) & (p <= face[:, :2].amax(dim=0))
    covered = in_box.all(dim=1) & (t1 >= 0) & (t2 >= 0) & (t1 + t2 <= 1)
    w = (t1 * a[2] + t2 * b[2] + face[0, 2]).floor()
    cells = torch.cat((p, w[:, None]), dim=1)[covered]
    for du, dv in ((0, 0), (-1, 0), (0, -1), (-1, -1)):
        _mark_cells(grid, cells + cells.new_tensor((du, dv, 0)))


def _mark_cells(grid: Tensor, cells: Tensor) -> None:
    """Mark cells [N, 3] given as whole floats; those outside the grid are left out."""
    inside = ((cells >= 0) & (cells < len(grid))).all(dim=1)
    x, y, z = cells[inside].long().unbind(dim=1)
    grid[x, y, z] = True


def _outside(shell: Tensor) -> Tensor:
    """Find the empty cells that 6-neighbours connect with the border, ring after ring."""
    size = len(shell) + 2
    empty = torch.ones((size, size, size), dtype=torch.bool)
    empty[1:-1, 1:-1, 1:-1] = ~shell
    outside = torch.zeros_like(empty)
    outside[0] = True
    while True:
        grown = outside.clone()
        for axis in range(3):
            here, there = grown.narrow(axis, 0, size - 1), outside.narrow(axis, 1, size - 1)
            here |= there
            here, there = grown.narrow(axis, 1, size - 1), outside.narrow(axis, 0, size - 1)
            here |= there
        grown &= empty
        if torch.equal(grown, outside):
            return outside[1:-1, 1:-1, 1:-1]
        outside = grown
