"""Kato's edge gradient of any image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nr3d.checks import check_range, check_tensor
from nr3d.ops.inputs import prepare_mesh
from nr3d.ops.library import address, index_addresses, kernel, library, register


def differentiate(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor | None,
    grad_image: Tensor,
    eps: float,
    *,
    num_channels: int,
    factor: int = 1,
) -> Tensor:
    """Run the kernel on checked inputs; without `image`, on the silhouette of `face_index`."""
    grad_vertices = torch.empty_like(vertices)
    kernel("kato_gradient", vertices)(
        vertices.data_ptr(),
        faces.data_ptr(),
        *index_addresses(face_index),
        address(image),
        grad_image.data_ptr(),
        grad_vertices.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        num_channels,
        *face_index.shape[1:],
        factor,
        eps,
    )
    return grad_vertices


def prepare_face_index(
    name: str, face_index: Tensor, vertices: Tensor, *, dtypes: tuple[torch.dtype, ...]
) -> Tensor:
    """Check the form of a face index and make it contiguous."""
    shape = (vertices.shape[0], "H", "W")
    check_tensor(name, "face_index", face_index, shape=shape, dtypes=dtypes, like=vertices)
    return face_index.contiguous()  # the kernel checks its values, which are many, as it reads them


def _kato_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    eps: float,
) -> Tensor:
    name = "kato_gradient"
    kernel(name, vertices)
    check_range(name, "eps", eps, at_least=0)
    vertices, faces = prepare_mesh(name, vertices, faces)
    face_index = prepare_face_index(name, face_index, vertices, dtypes=(torch.int32,))
    shape, dtypes = (vertices.shape[0], "C", *face_index.shape[1:]), (vertices.dtype,)
    check_tensor(name, "image", image, shape=shape, dtypes=dtypes, like=vertices)
    check_tensor(name, "grad_image", grad_image, shape=image.shape, dtypes=dtypes, like=vertices)
    if image.shape[1] == 0:
        return torch.zeros_like(vertices)  # nothing can pull
    image, grad_image = image.contiguous(), grad_image.contiguous()
    return differentiate(
        vertices, faces, face_index, image, grad_image, eps, num_channels=image.shape[1]
    )


def _kato_gradient_fake(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    eps: float,
) -> Tensor:
    return vertices.new_empty(vertices.shape)


register(
    "kato_gradient(Tensor vertices, Tensor faces, Tensor face_index, Tensor image, "
    "Tensor grad_image, float eps) -> Tensor",
    _kato_gradient,
    _kato_gradient_fake,
)


def _kato_edges(
    image: Tensor, vertices: Tensor, faces: Tensor, face_index: Tensor, eps: float
) -> Tensor:
    return image.clone()


def _kato_edges_fake(
    image: Tensor, vertices: Tensor, faces: Tensor, face_index: Tensor, eps: float
) -> Tensor:
    return torch.empty_like(image)


register(
    "kato_edges(Tensor image, Tensor vertices, Tensor faces, Tensor face_index, float eps) "
    "-> Tensor",
    _kato_edges,
    _kato_edges_fake,
)


def _kato_edges_setup(ctx: Any, inputs: Any, output: Any) -> None:
    image, vertices, faces, face_index, ctx.eps = inputs
    ctx.save_for_backward(image, vertices, faces, face_index)


def _kato_edges_backward(ctx: Any, grad_image: Tensor) -> tuple[Tensor | None, ...]:
    image, vertices, faces, face_index = ctx.saved_tensors
    grad_vertices = None
    if ctx.needs_input_grad[1]:
        grad_vertices = torch.ops.nr3d.kato_gradient(
            vertices, faces, face_index, image, grad_image, ctx.eps
        )
    return grad_image, grad_vertices, None, None, None


torch.library.register_autograd(
    "nr3d::kato_edges", _kato_edges_backward, setup_context=_kato_edges_setup, lib=library
)
