"""The exact gradient of the depth that rasterization gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_tensor
from nr3d.ops import fragments as seen
from nr3d.ops import rasterize as rasterize  # registers the operator that this differentiates
from nr3d.ops.library import kernel, library, register


def _depth_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    grad_depth: Tensor,
) -> Tensor:
    name = "depth_gradient"
    kernel(name, vertices)
    fragments = seen.prepare_fragments(name, vertices, faces, face_index, depth, weights)
    dtypes = (vertices.dtype,)
    check_tensor(name, "grad_depth", grad_depth, shape=depth.shape, dtypes=dtypes, like=vertices)
    grad_vertices = torch.empty_like(fragments[0])
    seen.run(name, fragments, grad_depth.contiguous(), grad_vertices)
    return grad_vertices


def _depth_gradient_fake(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    grad_depth: Tensor,
) -> Tensor:
    return vertices.new_empty(vertices.shape)


register(
    f"depth_gradient({seen.ARGUMENTS}, Tensor grad_depth) -> Tensor",
    _depth_gradient,
    _depth_gradient_fake,
)


def _rasterize_setup(ctx: Any, inputs: Any, output: Any) -> None:
    face_index, depth, weights = output
    ctx.mark_non_differentiable(face_index, weights)
    ctx.set_materialize_grads(False)  # no zeros as large as the weights
    ctx.save_for_backward(inputs[0], inputs[1], face_index, depth, weights)


def _rasterize_backward(
    ctx: Any,
    grad_face_index: Tensor | None,
    grad_depth: Tensor | None,
    grad_weights: Tensor | None,
) -> tuple[Tensor | None, ...]:
    grad_vertices = None
    if grad_depth is not None:
        grad_vertices = torch.ops.nr3d.depth_gradient(*ctx.saved_tensors, grad_depth)
    return grad_vertices, *(None,) * 6


torch.library.register_autograd(
    "nr3d::rasterize", _rasterize_backward, setup_context=_rasterize_setup, lib=library
)
