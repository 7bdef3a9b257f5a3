"""The checks that every kernel relies on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nr3d import _C
from nr3d.checks import INTEGERS, check_tensor, format_shape, name_of_dtype
from nr3d.ops.place import place_of


def _place(index: int, shape: torch.Size) -> list[int]:
    return [int(i) for i in np.unravel_index(index, tuple(shape))]


def _is_read_here(value: Tensor) -> bool:
    place = place_of(value)
    return place is not None and place.checks_values


def check_finite(function: str, argument: str, value: Tensor) -> None:
    """Raise ValueError, with the place, where a contiguous tensor is not finite.

    Of values on other devices kernels tell themselves: nobody waits for them here.
    """
    if not _is_read_here(value):
        return
    found = getattr(_C, f"find_non_finite_{name_of_dtype(value.dtype)}")(
        value.data_ptr(), value.numel()
    )
    if found >= 0:
        raise ValueError(
            f"{function}: {argument} must be finite, got {value.flatten()[found].item()} "
            f"at {_place(found, value.shape)}"
        )


def check_indices(
    function: str, argument: str, value: Tensor, *, of: str, low: int, high: int
) -> None:
    """Raise ValueError, with the place, where a contiguous tensor leaves [low, high).

    On other devices as for `check_finite`.
    """
    if not _is_read_here(value):
        return
    found = getattr(_C, f"find_out_of_range_{name_of_dtype(value.dtype)}")(
        value.data_ptr(), value.numel(), low, high
    )
    if found >= 0:
        raise ValueError(
            f"{function}: {argument} must hold {of} indices inside [{low}, {high}), "
            f"got {value.flatten()[found].item()} at {_place(found, value.shape)}"
        )


def check_mesh(function: str, vertices: Tensor, faces: Tensor) -> None:
    """Check what can be checked of a batch of meshes without reading its values.

    The public functions do this before they call an operator: the dispatcher sends a mix of devices
    to an operator of one of them, which may not look.
    """
    check_tensor(function, "vertices", vertices, shape=("M", "V", 3))
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)


def prepare_mesh(function: str, vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Check a batch of meshes and give vertices and int32 faces, contiguous."""
    check_mesh(function, vertices, faces)
    vertices, faces = vertices.contiguous(), faces.contiguous()
    check_finite(function, "vertices", vertices)
    check_indices(function, "faces", faces, of="vertex", low=0, high=vertices.shape[1])
    if not _is_read_here(faces) and faces.dtype == torch.int64:
        faces = faces.clamp(-1, torch.iinfo(torch.int32).max)  # wrong ones stay wrong in 32 bits
    return vertices, faces.to(torch.int32)


def check_rows(function: str, argument: str, value: Tensor, num_meshes: int) -> None:
    """Check that the first axis has a row for each mesh, or one that serves all."""
    if value.shape[0] not in (1, num_meshes):
        raise ValueError(
            f"{function}: {argument} must have 1 or {num_meshes} rows, as many as there are "
            f"meshes, got shape {format_shape(value.shape)}"
        )
