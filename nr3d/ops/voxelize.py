"""Voxelization."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_count
from nr3d.ops.inputs import prepare_mesh
from nr3d.ops.library import kernel, register


def _voxelize(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    check_count("voxelize", "resolution", resolution, at_least=2)
    mark = kernel("voxelize", vertices)
    vertices, faces = prepare_mesh("voxelize", vertices, faces)
    voxels = _voxelize_fake(vertices, faces, resolution, fill)
    mark(
        vertices.data_ptr(),
        faces.data_ptr(),
        voxels.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        resolution,
        fill,
    )
    return voxels


def _voxelize_fake(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    return vertices.new_empty((vertices.shape[0], *(resolution,) * 3), dtype=torch.bool)


register(
    "voxelize(Tensor vertices, Tensor faces, int resolution, bool fill) -> Tensor",
    _voxelize,
    _voxelize_fake,
)
