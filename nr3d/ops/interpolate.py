"""Values of the vertices at every pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_count, check_tensor
from nr3d.ops import fragments as seen
from nr3d.ops.inputs import check_rows
from nr3d.ops.library import kernel, library, register


def _interpolate_vertices(
    values: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
) -> Tensor:
    name = "interpolate_vertices"
    kernel(name, vertices)
    fragments = seen.prepare_fragments(name, vertices, faces, face_index, depth, weights)
    shape = ("M", vertices.shape[1], "C")
    check_tensor(name, "values", values, shape=shape, dtypes=(vertices.dtype,), like=vertices)
    check_rows(name, "values", values, vertices.shape[0])
    image = _interpolate_vertices_fake(values, *fragments)
    seen.run(name, fragments, values.contiguous(), image, values.shape[0], values.shape[2])
    return image


def _interpolate_vertices_fake(
    values: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
) -> Tensor:
    num_meshes, height, width = face_index.shape
    return values.new_empty((num_meshes, values.shape[2], height, width))


# values [M or 1, V, C], one row for every view or one that serves all -> [M, C, H, W]
register(
    f"interpolate_vertices(Tensor values, {seen.ARGUMENTS}) -> Tensor",
    _interpolate_vertices,
    _interpolate_vertices_fake,
)


def _interpolate_vertices_gradient(
    grad_image: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    num_rows: int,
) -> Tensor:
    name = "interpolate_vertices_gradient"
    kernel(name, vertices)
    fragments = seen.prepare_fragments(name, vertices, faces, face_index, depth, weights)
    seen.check_pixels(name, "grad_image", grad_image, fragments)
    check_count(name, "num_rows", num_rows)
    grad_values = _interpolate_vertices_gradient_fake(grad_image, *fragments, num_rows)
    check_rows(name, "grad_values", grad_values, vertices.shape[0])
    seen.run(name, fragments, grad_image.contiguous(), grad_values, num_rows, grad_image.shape[1])
    return grad_values


def _interpolate_vertices_gradient_fake(
    grad_image: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    num_rows: int,
) -> Tensor:
    return grad_image.new_empty((num_rows, vertices.shape[1], grad_image.shape[1]))


register(
    f"interpolate_vertices_gradient(Tensor grad_image, {seen.ARGUMENTS}, int num_rows) -> Tensor",
    _interpolate_vertices_gradient,
    _interpolate_vertices_gradient_fake,
)


def _interpolate_vertices_setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.num_rows = inputs[0].shape[0]
    ctx.save_for_backward(*inputs[1:])


def _interpolate_vertices_backward(ctx: Any, grad_image: Tensor) -> tuple[Tensor | None, ...]:
    grad_values = None
    if ctx.needs_input_grad[0]:
        grad_values = torch.ops.nr3d.interpolate_vertices_gradient(
            grad_image, *ctx.saved_tensors, ctx.num_rows
        )
    return grad_values, *(None,) * 5


torch.library.register_autograd(
    "nr3d::interpolate_vertices",
    _interpolate_vertices_backward,
    setup_context=_interpolate_vertices_setup,
    lib=library,
)
