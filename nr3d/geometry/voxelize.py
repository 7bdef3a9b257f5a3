"""Meshes to occupancy grids, as the nmr-voxel32 protocol does it."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d import ops as ops
from nr3d.checks import FLOATS, INTEGERS, REDUCED_FLOATS, at_least_float32, check_tensor


def voxelize(vertices: Tensor, faces: Tensor, *, resolution: int = 32) -> Tensor:
    """Give the cells that a mesh touches or encloses.

    A cell belongs to the shell where a face crosses one of its grid lines (three passes, one along
    each axis, mark the four cells around a crossed grid line) or where a corner of a face lies in
    it. It is enclosed where no path of empty 6-neighbours leads from it to the grid's border, so an
    open mesh stays hollow. What lies outside the grid is clipped. Faces without area only mark
    their corners; vertices of no face mark nothing. The cube [-0.5, 0.5]^3 is scaled by (R-1)/R, so
    that half a cell stays free on each side. The result is the same for any number of threads.

    Args:
        vertices: Positions in the mesh frame; float32 or float64, half precision is cast to
            float32. [B, V, 3]
        faces: Vertex indices, int32 or int64, none at all gives empty grids. [F, 3]
        resolution: Cells along each axis, R, at least 2.

    Returns:
        Occupied cells, axes x, y, z of the mesh frame, bool, without gradient. [B, R, R, R]

    Raises:
        TypeError: If a dtype is another.
        ValueError: If a shape or device does not fit, a vertex is NaN or infinite, a face points at
            no vertex, or `resolution` is below 2.

    Source: Kato et al. 2018, evaluation of single-image reconstruction (the authors' voxelizer).
    """
    return _voxelize("voxelize", vertices, faces, resolution=resolution, fill=True)


def voxelize_surface(vertices: Tensor, faces: Tensor, *, resolution: int = 32) -> Tensor:
    """Give the cells that a mesh touches: `voxelize` without what the surface encloses."""
    return _voxelize("voxelize_surface", vertices, faces, resolution=resolution, fill=False)


def _voxelize(
    function: str, vertices: Tensor, faces: Tensor, *, resolution: int, fill: bool
) -> Tensor:
    dtypes = (*FLOATS, *REDUCED_FLOATS)
    check_tensor(function, "vertices", vertices, shape=("B", "V", 3), dtypes=dtypes)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    voxels: Tensor = torch.ops.nr3d.voxelize(
        at_least_float32(vertices.detach()), faces, resolution, fill
    )
    return voxels
