"""Silhouettes with Kato's gradient, drawn in one operation or taken from a face index."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nr3d.checks import check_count, check_range, check_tensor, format_shape
from nr3d.ops.inputs import prepare_mesh
from nr3d.ops.kato import differentiate, prepare_face_index
from nr3d.ops.library import kernel, library, register
from nr3d.ops.rasterize import check_view, draw


def _silhouettes(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    factor: int,
    near: float,
    far: float,
    fill_back: bool,
    eps: float,
) -> tuple[Tensor, Tensor]:
    check_view(height, width, near, far)
    check_count("silhouettes", "factor", factor)
    check_range("silhouettes", "eps", eps, at_least=0)
    check_tensor("rasterize", "vertices", vertices, shape=("M", "V", 3))
    silhouettes = vertices.new_empty((vertices.shape[0], height, width))
    face_index = draw(
        vertices,
        faces,
        (factor * height, factor * width),
        near,
        far,
        fill_back,
        silhouettes=silhouettes,
        factor=factor,
        index_dtype=_index_dtype(faces),
    )
    return silhouettes, face_index


def _index_dtype(faces: Tensor) -> torch.dtype:
    """Give the narrowest type for face indices: large images are bound by memory."""
    return torch.int16 if 2 * faces.shape[0] <= torch.iinfo(torch.int16).max else torch.int32


def _silhouettes_fake(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    factor: int,
    near: float,
    far: float,
    fill_back: bool,
    eps: float,
) -> tuple[Tensor, Tensor]:
    num_meshes = vertices.shape[0]
    size = (num_meshes, factor * height, factor * width)
    silhouettes = vertices.new_empty((num_meshes, height, width))
    return silhouettes, vertices.new_empty(size, dtype=_index_dtype(faces))


register(
    "silhouettes(Tensor vertices, Tensor faces, int height, int width, int factor, float near, "
    "float far, bool fill_back, float eps) -> (Tensor silhouettes, Tensor face_index)",
    _silhouettes,
    _silhouettes_fake,
)


def _silhouettes_gradient(
    vertices: Tensor, faces: Tensor, face_index: Tensor, grad_silhouettes: Tensor, eps: float
) -> Tensor:
    name = "silhouettes_gradient"
    kernel("kato_gradient", vertices)
    check_range(name, "eps", eps, at_least=0)
    vertices, faces = prepare_mesh(name, vertices, faces)
    index_dtypes = (torch.int16, torch.int32)
    face_index = prepare_face_index(name, face_index, vertices, dtypes=index_dtypes)
    shape, dtypes = (vertices.shape[0], "h", "w"), (vertices.dtype,)
    check_tensor(
        name, "grad_silhouettes", grad_silhouettes, shape=shape, dtypes=dtypes, like=vertices
    )
    factor = max(1, face_index.shape[1] // max(1, grad_silhouettes.shape[1]))
    size = [factor * extent for extent in grad_silhouettes.shape[1:]]
    check_tensor(name, "face_index", face_index, shape=("M", *size), dtypes=index_dtypes)
    grad_silhouettes = grad_silhouettes.contiguous()
    return differentiate(
        vertices, faces, face_index, None, grad_silhouettes, eps, num_channels=1, factor=factor
    )


def _silhouettes_gradient_fake(
    vertices: Tensor, faces: Tensor, face_index: Tensor, grad_silhouettes: Tensor, eps: float
) -> Tensor:
    return vertices.new_empty(vertices.shape)


register(
    "silhouettes_gradient(Tensor vertices, Tensor faces, Tensor face_index, "
    "Tensor grad_silhouettes, float eps) -> Tensor",
    _silhouettes_gradient,
    _silhouettes_gradient_fake,
)


def _silhouettes_setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.eps = inputs[-1]
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)  # no zeros as large as the face index
    ctx.save_for_backward(inputs[0], inputs[1], output[1])


def _silhouettes_backward(
    ctx: Any, grad_silhouettes: Tensor | None, grad_face_index: Tensor | None
) -> tuple[Tensor | None, ...]:
    if grad_silhouettes is None:
        return (None,) * 9
    grad_vertices = torch.ops.nr3d.silhouettes_gradient(
        *ctx.saved_tensors, grad_silhouettes, ctx.eps
    )
    return grad_vertices, *(None,) * 8


torch.library.register_autograd(
    "nr3d::silhouettes", _silhouettes_backward, setup_context=_silhouettes_setup, lib=library
)


def _coverage(
    vertices: Tensor, faces: Tensor, face_index: Tensor, factor: int, eps: float
) -> Tensor:
    check_count("coverage", "factor", factor)
    prepare_face_index("coverage", face_index, vertices, dtypes=(torch.int16, torch.int32))
    for extent in face_index.shape[1:]:
        if extent % factor != 0:
            raise ValueError(
                f"coverage: face_index must have sides that {factor} divides, "
                f"got shape {format_shape(face_index.shape)}"
            )
    silhouettes = (face_index >= 0).to(vertices.dtype)
    return silhouettes if factor == 1 else avg_pool2d(silhouettes, factor)


def _coverage_fake(
    vertices: Tensor, faces: Tensor, face_index: Tensor, factor: int, eps: float
) -> Tensor:
    num_meshes, height, width = face_index.shape
    return vertices.new_empty((num_meshes, height // factor, width // factor))


register(
    "coverage(Tensor vertices, Tensor faces, Tensor face_index, int factor, float eps) -> Tensor",
    _coverage,
    _coverage_fake,
)


def _coverage_setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.eps = inputs[-1]
    ctx.save_for_backward(*inputs[:3])


def _coverage_backward(ctx: Any, grad_silhouettes: Tensor) -> tuple[Tensor | None, ...]:
    grad_vertices = torch.ops.nr3d.silhouettes_gradient(
        *ctx.saved_tensors, grad_silhouettes, ctx.eps
    )
    return grad_vertices, *(None,) * 4


torch.library.register_autograd(
    "nr3d::coverage", _coverage_backward, setup_context=_coverage_setup, lib=library
)
