"""Projection: the points of every mesh as each of its cameras sees them, in one operation.

`nr3d.geometry.look_at`, `perspective` and `orthographic` say the same in plain torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_range, check_tensor
from nr3d.ops.library import kernel, library, register


def _prepare(
    name: str, points: Tensor, eyes: Tensor, axes: Tensor, tangent: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Check meshes and cameras, and make them contiguous."""
    kernel(name, points, argument="points")
    check_range(name, "tangent", tangent, at_least=0)
    check_tensor(name, "points", points, shape=("B", "V", 3))
    dtypes = (points.dtype,)
    shape: tuple[int | str, ...] = (points.shape[0], "N", 3)
    check_tensor(name, "eyes", eyes, shape=shape, dtypes=dtypes, like=points)
    check_tensor(name, "axes", axes, shape=(*eyes.shape, 3), dtypes=dtypes, like=points)
    return points.contiguous(), eyes.contiguous(), axes.contiguous()


def _run(
    name: str, points: Tensor, eyes: Tensor, axes: Tensor, tangent: float, *others: Tensor
) -> None:
    """Run the kernel, which reads or fills the others too."""
    kernel(name, points, argument="points")(
        points.data_ptr(),
        eyes.data_ptr(),
        axes.data_ptr(),
        *points.shape[:2],
        eyes.shape[1],
        tangent,
        *(other.data_ptr() for other in others),
    )


def _project(points: Tensor, eyes: Tensor, axes: Tensor, tangent: float) -> Tensor:
    points, eyes, axes = _prepare("project", points, eyes, axes, tangent)
    projected = _project_fake(points, eyes, axes, tangent)
    _run("project", points, eyes, axes, tangent, projected)
    return projected


def _project_fake(points: Tensor, eyes: Tensor, axes: Tensor, tangent: float) -> Tensor:
    num_meshes, num_points = points.shape[:2]
    return points.new_empty((num_meshes * eyes.shape[1], num_points, 3))


# points [B, V, 3], eyes [B, N, 3]. axes [B, N, 3, 3]: the unit vectors x, y, z of a camera, one per
# row. tangent: of half the field of view; 0 is orthographic. Row b N + n of the result is view
# n of mesh b: x, y in NDC and depth. [B N, V, 3]
register(
    "project(Tensor points, Tensor eyes, Tensor axes, float tangent) -> Tensor",
    _project,
    _project_fake,
)


def _prepare_gradient(name: str, grad_projected: Tensor, points: Tensor, eyes: Tensor) -> Tensor:
    num_views = eyes.shape[0] * eyes.shape[1]
    shape, dtypes = (num_views, points.shape[1], 3), (points.dtype,)
    check_tensor(name, "grad_projected", grad_projected, shape=shape, dtypes=dtypes, like=points)
    return grad_projected.contiguous()


def _project_gradient(
    points: Tensor, eyes: Tensor, axes: Tensor, tangent: float, grad_projected: Tensor
) -> Tensor:
    name = "project_gradient"
    points, eyes, axes = _prepare(name, points, eyes, axes, tangent)
    grad_projected = _prepare_gradient(name, grad_projected, points, eyes)
    grad_points = torch.empty_like(points)
    _run(name, points, eyes, axes, tangent, grad_projected, grad_points)
    return grad_points


def _project_gradient_fake(
    points: Tensor, eyes: Tensor, axes: Tensor, tangent: float, grad_projected: Tensor
) -> Tensor:
    return points.new_empty(points.shape)


register(
    "project_gradient(Tensor points, Tensor eyes, Tensor axes, float tangent, "
    "Tensor grad_projected) -> Tensor",
    _project_gradient,
    _project_gradient_fake,
)


def _project_camera_gradient(
    points: Tensor, eyes: Tensor, axes: Tensor, tangent: float, grad_projected: Tensor
) -> tuple[Tensor, Tensor]:
    name = "project_camera_gradient"
    points, eyes, axes = _prepare(name, points, eyes, axes, tangent)
    grad_projected = _prepare_gradient(name, grad_projected, points, eyes)
    grad_eyes, grad_axes = torch.empty_like(eyes), torch.empty_like(axes)
    _run(name, points, eyes, axes, tangent, grad_projected, grad_eyes, grad_axes)
    return grad_eyes, grad_axes


def _project_camera_gradient_fake(
    points: Tensor, eyes: Tensor, axes: Tensor, tangent: float, grad_projected: Tensor
) -> tuple[Tensor, Tensor]:
    return eyes.new_empty(eyes.shape), axes.new_empty(axes.shape)


register(
    "project_camera_gradient(Tensor points, Tensor eyes, Tensor axes, float tangent, "
    "Tensor grad_projected) -> (Tensor grad_eyes, Tensor grad_axes)",
    _project_camera_gradient,
    _project_camera_gradient_fake,
)


def _project_setup(ctx: Any, inputs: Any, output: Any) -> None:
    points, eyes, axes, ctx.tangent = inputs
    ctx.save_for_backward(points, eyes, axes)


def _project_backward(ctx: Any, grad_projected: Tensor) -> tuple[Tensor | None, ...]:
    arguments = (*ctx.saved_tensors, ctx.tangent, grad_projected)
    grad_points = grad_eyes = grad_axes = None
    if ctx.needs_input_grad[0]:
        grad_points = torch.ops.nr3d.project_gradient(*arguments)
    if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:  # few train their cameras
        grad_eyes, grad_axes = torch.ops.nr3d.project_camera_gradient(*arguments)
    return grad_points, grad_eyes, grad_axes, None


torch.library.register_autograd(
    "nr3d::project", _project_backward, setup_context=_project_setup, lib=library
)
