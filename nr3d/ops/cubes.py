"""Colours from one cube of values for each face."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_count, check_range, check_tensor, format_shape
from nr3d.ops import fragments as seen
from nr3d.ops.inputs import check_rows
from nr3d.ops.library import kernel, library, register


def _sample_cubes(
    cubes: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    eps: float,
) -> Tensor:
    name = "sample_cubes"
    kernel(name, vertices)
    check_range(name, "eps", eps, at_least=0)
    fragments = seen.prepare_fragments(name, vertices, faces, face_index, depth, weights)
    shape = ("M", faces.shape[0], "T", "T", "T", "C")
    check_tensor(name, "cubes", cubes, shape=shape, dtypes=(vertices.dtype,), like=vertices)
    check_rows(name, "cubes", cubes, vertices.shape[0])
    side, num_channels = cubes.shape[2], cubes.shape[5]
    if side == 0 or cubes.shape[2:5] != (side, side, side):
        raise ValueError(
            f"{name}: cubes must have three equal sides of at least 1 texel, "
            f"got shape {format_shape(cubes.shape)}"
        )
    image = _sample_cubes_fake(cubes, *fragments, eps)
    seen.run(
        name, fragments, cubes.contiguous(), image, cubes.shape[0], num_channels, side, float(eps)
    )
    return image


def _sample_cubes_fake(
    cubes: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    eps: float,
) -> Tensor:
    num_meshes, height, width = face_index.shape
    return cubes.new_empty((num_meshes, cubes.shape[5], height, width))


# cubes [M or 1, F, T, T, T, C], one row for every view or one that serves all -> [M, C, H, W]
register(
    f"sample_cubes(Tensor cubes, {seen.ARGUMENTS}, float eps) -> Tensor",
    _sample_cubes,
    _sample_cubes_fake,
)


def _sample_cubes_gradient(
    grad_image: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    num_rows: int,
    side: int,
    eps: float,
) -> Tensor:
    name = "sample_cubes_gradient"
    kernel(name, vertices)
    check_range(name, "eps", eps, at_least=0)
    check_count(name, "side", side)
    check_count(name, "num_rows", num_rows)
    fragments = seen.prepare_fragments(name, vertices, faces, face_index, depth, weights)
    seen.check_pixels(name, "grad_image", grad_image, fragments)
    grad_cubes = _sample_cubes_gradient_fake(grad_image, *fragments, num_rows, side, eps)
    check_rows(name, "grad_cubes", grad_cubes, vertices.shape[0])
    num_channels = grad_image.shape[1]
    seen.run(
        name,
        fragments,
        grad_image.contiguous(),
        grad_cubes,
        num_rows,
        num_channels,
        side,
        float(eps),
    )
    return grad_cubes


def _sample_cubes_gradient_fake(
    grad_image: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    num_rows: int,
    side: int,
    eps: float,
) -> Tensor:
    shape = (num_rows, faces.shape[0], side, side, side, grad_image.shape[1])
    return grad_image.new_empty(shape)


register(
    f"sample_cubes_gradient(Tensor grad_image, {seen.ARGUMENTS}, int num_rows, int side, "
    "float eps) -> Tensor",
    _sample_cubes_gradient,
    _sample_cubes_gradient_fake,
)


def _sample_cubes_setup(ctx: Any, inputs: Any, output: Any) -> None:
    cubes, *fragments, ctx.eps = inputs
    ctx.num_rows, ctx.side = cubes.shape[0], cubes.shape[2]
    ctx.save_for_backward(*fragments)


def _sample_cubes_backward(ctx: Any, grad_image: Tensor) -> tuple[Tensor | None, ...]:
    grad_cubes = None
    if ctx.needs_input_grad[0]:
        grad_cubes = torch.ops.nr3d.sample_cubes_gradient(
            grad_image, *ctx.saved_tensors, ctx.num_rows, ctx.side, ctx.eps
        )
    return grad_cubes, *(None,) * 6


torch.library.register_autograd(
    "nr3d::sample_cubes", _sample_cubes_backward, setup_context=_sample_cubes_setup, lib=library
)
