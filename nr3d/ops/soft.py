"""Soft silhouettes (Liu et al. 2019) and their gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_count, check_range, check_tensor, format_shape
from nr3d.ops.inputs import prepare_mesh
from nr3d.ops.library import kernel, library, register


def _prepare(
    name: str,
    vertices: Tensor,
    faces: Tensor,
    size: tuple[int, ...],
    near: float,
    far: float,
    sigma: float,
) -> tuple[Tensor, Tensor]:
    """Check what is drawn and how, and give vertices and int32 faces, contiguous."""
    check_count(name, "image_size", min(size))
    check_range(name, "near", near)
    check_range(name, "far", far, above=near)
    check_range(name, "sigma", sigma, above=0)
    kernel(name, vertices)
    vertices, faces = prepare_mesh(name, vertices, faces)
    for argument, value, content in (("vertices", vertices, "mesh"), ("faces", faces, "face")):
        if value.shape[0] == 0:
            raise ValueError(
                f"{name}: {argument} must hold at least 1 {content}, "
                f"got shape {format_shape(value.shape)}"
            )
    return vertices, faces


def _run(
    name: str,
    vertices: Tensor,
    faces: Tensor,
    size: tuple[int, ...],
    limits: tuple[float, float, float],
    *images: Tensor,
) -> None:
    """Run the kernel on checked inputs; `limits` are near, far and sigma."""
    kernel(name, vertices)(
        vertices.data_ptr(),
        faces.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        *size,
        *(float(limit) for limit in limits),
        *(image.data_ptr() for image in images),
    )


def _soft_silhouettes(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    sigma: float,
) -> tuple[Tensor, Tensor]:
    name, size = "soft_silhouettes", (height, width)
    vertices, faces = _prepare(name, vertices, faces, size, near, far, sigma)
    images = _soft_silhouettes_fake(vertices, faces, height, width, near, far, sigma)
    _run(name, vertices, faces, size, (near, far, sigma), *images)
    return images


def _soft_silhouettes_fake(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    sigma: float,
) -> tuple[Tensor, Tensor]:
    size = (vertices.shape[0], height, width)
    return vertices.new_empty(size), vertices.new_empty(size)


# vertices [M, V, 3]: x, y in NDC and depth. sigma: in NDC squared. The results, [M, H, W], are the
# silhouettes and 1 - silhouettes, which the gradient needs with all its digits.
register(
    "soft_silhouettes(Tensor vertices, Tensor faces, int height, int width, float near, float far, "
    "float sigma) -> (Tensor silhouettes, Tensor transparency)",
    _soft_silhouettes,
    _soft_silhouettes_fake,
)


def _soft_silhouettes_gradient(
    vertices: Tensor,
    faces: Tensor,
    transparency: Tensor,
    grad_silhouettes: Tensor,
    near: float,
    far: float,
    sigma: float,
) -> Tensor:
    name = "soft_silhouettes_gradient"
    check_tensor(name, "vertices", vertices, shape=("M", "V", 3))
    images = {"transparency": transparency, "grad_silhouettes": grad_silhouettes}
    shape: tuple[int | str, ...] = (vertices.shape[0], "H", "W")
    for argument, image in images.items():
        check_tensor(name, argument, image, shape=shape, dtypes=(vertices.dtype,), like=vertices)
        shape = image.shape
    size = tuple(transparency.shape[1:])
    vertices, faces = _prepare(name, vertices, faces, size, near, far, sigma)
    contiguous = [image.contiguous() for image in images.values()]
    grad_vertices = torch.empty_like(vertices)
    _run(name, vertices, faces, size, (near, far, sigma), *contiguous, grad_vertices)
    return grad_vertices


def _soft_silhouettes_gradient_fake(
    vertices: Tensor,
    faces: Tensor,
    transparency: Tensor,
    grad_silhouettes: Tensor,
    near: float,
    far: float,
    sigma: float,
) -> Tensor:
    return vertices.new_empty(vertices.shape)


register(
    "soft_silhouettes_gradient(Tensor vertices, Tensor faces, Tensor transparency, "
    "Tensor grad_silhouettes, float near, float far, float sigma) -> Tensor",
    _soft_silhouettes_gradient,
    _soft_silhouettes_gradient_fake,
)


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.limits = inputs[4:]
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(inputs[0], inputs[1], output[1])


def _backward(
    ctx: Any, grad_silhouettes: Tensor | None, grad_transparency: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_silhouettes is None:
        return (None,) * 7
    grad_vertices = torch.ops.nr3d.soft_silhouettes_gradient(
        *ctx.saved_tensors, grad_silhouettes, *ctx.limits
    )
    return grad_vertices, *(None,) * 6


torch.library.register_autograd(
    "nr3d::soft_silhouettes", _backward, setup_context=_setup, lib=library
)
