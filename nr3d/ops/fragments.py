"""What rasterization found, as the operators that come after it take it."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_tensor
from nr3d.ops.inputs import check_indices, check_mesh, prepare_mesh
from nr3d.ops.library import kernel

ARGUMENTS = "Tensor vertices, Tensor faces, Tensor face_index, Tensor depth, Tensor weights"

Fragments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Vertices, faces, face index, depth, weights."""


def check_fragments(
    name: str, vertices: Tensor, faces: Tensor, face_index: Tensor, depth: Tensor, weights: Tensor
) -> None:
    """Check what can be checked without reading values."""
    check_mesh(name, vertices, faces)
    shape, dtypes = (vertices.shape[0], "H", "W"), (vertices.dtype,)
    check_tensor(name, "face_index", face_index, shape=shape, dtypes=(torch.int32,), like=vertices)
    check_tensor(name, "depth", depth, shape=face_index.shape, dtypes=dtypes, like=vertices)
    shape = (*face_index.shape, 3)
    check_tensor(name, "weights", weights, shape=shape, dtypes=dtypes, like=vertices)


def prepare_fragments(name: str, *fragments: Tensor) -> Fragments:
    """Check all that a kernel relies on, and make it contiguous."""
    check_fragments(name, *fragments)
    vertices, faces, face_index, depth, weights = fragments
    vertices, faces = prepare_mesh(name, vertices, faces)
    face_index = face_index.contiguous()
    check_indices(name, "face_index", face_index, of="face", low=-1, high=2 * faces.shape[0])
    return vertices, faces, face_index, depth.contiguous(), weights.contiguous()


def check_pixels(name: str, argument: str, value: Tensor, fragments: Fragments) -> None:
    """Check values of every pixel. [M, C, H, W]"""
    vertices, _, face_index, _, _ = fragments
    num_meshes, height, width = face_index.shape
    shape, dtypes = (num_meshes, "C", height, width), (vertices.dtype,)
    check_tensor(name, argument, value, shape=shape, dtypes=dtypes, like=vertices)


def run(name: str, fragments: Fragments, *arguments: Tensor | float) -> None:
    """Run a kernel, which reads or fills the tensors given."""
    vertices, faces, face_index, _, _ = fragments
    kernel(name, vertices)(
        *(tensor.data_ptr() for tensor in fragments),
        *vertices.shape[:2],
        faces.shape[0],
        *face_index.shape[1:],
        *(each.data_ptr() if isinstance(each, Tensor) else each for each in arguments),
    )
