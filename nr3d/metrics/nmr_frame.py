"""The axes of the NMR dataset's voxel files."""

from __future__ import annotations

from torch import Tensor

from nr3d.checks import format_shape


def to_nmr_frame(voxels: Tensor) -> Tensor:
    """Turn grids from the mesh frame [x, y, z] to the dataset's [y, x, R-1-z].

    Args:
        voxels: Grids in the mesh frame, any dtype. [B, R, R, R]

    Returns:
        A copy with the axes of the NMR dataset's voxel files, [y, x, R-1-z]. [B, R, R, R]

    Raises:
        TypeError: If `voxels` is no tensor.
        ValueError: If the shape is another.

    Source: Kato et al. 2018, `transpose(0, 2, 1, 3)[..., ::-1]` of the authors' evaluation.
    """
    _check_grids("to_nmr_frame", voxels)
    return voxels.transpose(1, 2).flip(3)


def from_nmr_frame(voxels: Tensor) -> Tensor:
    """Turn grids from the axes of the NMR dataset's voxel files to the mesh frame.

    The inverse of `to_nmr_frame`, which happens to be the same rearrangement. [B, R, R, R]
    """
    _check_grids("from_nmr_frame", voxels)
    return voxels.transpose(1, 2).flip(3)


def _check_grids(function: str, voxels: object) -> None:
    if not isinstance(voxels, Tensor):
        raise TypeError(f"{function}: voxels must be a tensor, got {type(voxels).__name__}")
    if voxels.dim() != 4 or len(set(voxels.shape[1:])) != 1:
        raise ValueError(
            f"{function}: voxels must have shape [B, R, R, R], got {format_shape(voxels.shape)}"
        )
