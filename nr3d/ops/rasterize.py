"""Rasterization: what is seen at each pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import check_count, check_range, format_shape
from nr3d.ops.inputs import prepare_mesh
from nr3d.ops.library import address, index_addresses, kernel, register


def draw(
    vertices: Tensor,
    faces: Tensor,
    size: tuple[int, int],
    near: float,
    far: float,
    fill_back: bool,
    *,
    depth: Tensor | None = None,
    weights: Tensor | None = None,
    silhouettes: Tensor | None = None,
    factor: int = 1,
    index_dtype: torch.dtype = torch.int32,
) -> Tensor:
    """Run the kernel, which also fills the outputs given; give the face index."""
    rasterize = kernel("rasterize", vertices)
    vertices, faces = prepare_mesh("rasterize", vertices, faces)
    for argument, value, content in (("vertices", vertices, "mesh"), ("faces", faces, "face")):
        if value.shape[0] == 0:
            raise ValueError(
                f"rasterize: {argument} must hold at least 1 {content}, "
                f"got shape {format_shape(value.shape)}"
            )
    face_index = faces.new_empty((vertices.shape[0], *size), dtype=index_dtype)
    rasterize(
        vertices.data_ptr(),
        faces.data_ptr(),
        *index_addresses(face_index),
        address(depth),
        address(weights),
        address(silhouettes),
        *vertices.shape[:2],
        faces.shape[0],
        *size,
        factor,
        near,
        far,
        fill_back,
    )
    return face_index


def check_view(height: int, width: int, near: float, far: float) -> None:
    """Check what every drawing needs."""
    check_count("rasterize", "image_size", min(height, width))
    check_range("rasterize", "near", near)
    check_range("rasterize", "far", far, above=near)


def _rasterize(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    fill_back: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    check_view(height, width, near, far)
    _, depth, weights = _rasterize_fake(vertices, faces, height, width, near, far, fill_back)
    face_index = draw(
        vertices, faces, (height, width), near, far, fill_back, depth=depth, weights=weights
    )
    return face_index, depth, weights


def _rasterize_fake(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    fill_back: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    size = (vertices.shape[0], height, width)
    face_index = vertices.new_empty(size, dtype=torch.int32)
    return face_index, vertices.new_empty(size), vertices.new_empty((*size, 3))


register(
    "rasterize(Tensor vertices, Tensor faces, int height, int width, float near, float far, "
    "bool fill_back) -> (Tensor face_index, Tensor depth, Tensor weights)",
    _rasterize,
    _rasterize_fake,
)
