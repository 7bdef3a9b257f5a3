"""The native kernels as torch operators, `torch.ops.nr3d.*`.

Everything a kernel relies on is checked here, once: dtype, shape, device, finite values, indices in
range. Inputs are made contiguous and outputs allocated here; addresses and sizes go on to `nr3d._C`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nr3d.checks import INTEGERS, check_count, check_range, check_tensor, name_of_dtype

try:
    from nr3d import _C
except ImportError as error:
    raise ImportError(
        f"nr3d: the native module nr3d._C cannot be loaded ({error}); run `pip install -e .` in the "
        "checkout, or leave the checkout's folder if nr3d is installed elsewhere"
    ) from error

_library = torch.library.Library("nr3d", "DEF")
_library.define(
    "rasterize(Tensor vertices, Tensor faces, int height, int width, float near, float far, "
    "bool fill_back) -> (Tensor face_index, Tensor depth, Tensor weights)"
)
_library.define(
    "face_index(Tensor vertices, Tensor faces, int height, int width, float near, float far, "
    "bool fill_back) -> Tensor"
)
_library.define(
    "kato_edges(Tensor image, Tensor vertices, Tensor faces, Tensor face_index, float eps) -> Tensor"
)
_library.define(
    "kato_gradient(Tensor vertices, Tensor faces, Tensor face_index, Tensor image, "
    "Tensor grad_image, float eps) -> Tensor"
)
_library.define("voxelize(Tensor vertices, Tensor faces, int resolution, bool fill) -> Tensor")


def _kernel(name: str, like: Tensor):  # type: ignore[no-untyped-def]
    """Give the kernel for the dtype of `like`; only the CPU has kernels."""
    if like.device.type != "cpu":
        raise RuntimeError(
            f"{name}: vertices is on {like.device}, but nr3d has no kernel for this device; "
            "move the tensors to the CPU"
        )
    return getattr(_C, f"{name}_{name_of_dtype(like.dtype)}")


def _position(index: int, shape: torch.Size) -> list[int]:
    return [int(i) for i in np.unravel_index(index, tuple(shape))]


def check_finite(function: str, argument: str, value: Tensor) -> None:
    """Raise ValueError, with the place, where a contiguous tensor holds a NaN or an infinity."""
    find = _kernel("find_non_finite", value)
    found = find(value.data_ptr(), value.numel())
    if found >= 0:
        raise ValueError(
            f"{function}: {argument} must be finite, got {value.flatten()[found].item()} "
            f"at {_position(found, value.shape)}"
        )


def check_faces(function: str, faces: Tensor, num_vertices: int) -> None:
    """Raise ValueError, with the place, where contiguous faces point at no vertex."""
    find = _kernel("find_out_of_range", faces)
    found = find(faces.data_ptr(), faces.numel(), 0, num_vertices)
    if found >= 0:
        raise ValueError(
            f"{function}: faces must hold vertex indices inside [0, {num_vertices}), "
            f"got {faces.flatten()[found].item()} at {_position(found, faces.shape)}"
        )


def _prepare(function: str, vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Check a mesh and give its vertices and int32 faces, contiguous."""
    check_tensor(function, "vertices", vertices, shape=("M", "V", 3))
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    vertices, faces = vertices.contiguous(), faces.contiguous()
    check_finite(function, "vertices", vertices)
    check_faces(function, faces, vertices.shape[1])
    return vertices, faces.to(torch.int32)


def _rasterize(
    vertices: Tensor, faces: Tensor, height: int, width: int, near: float, far: float, fill_back: bool
) -> tuple[Tensor, Tensor, Tensor]:
    size = (vertices.shape[0], height, width)
    depth, weights = vertices.new_empty(size), vertices.new_empty((*size, 3))
    face_index = _draw(vertices, faces, height, width, near, far, fill_back, depth, weights)
    return face_index, depth, weights


def _face_index(
    vertices: Tensor, faces: Tensor, height: int, width: int, near: float, far: float, fill_back: bool
) -> Tensor:
    return _draw(vertices, faces, height, width, near, far, fill_back, None, None)


def _draw(
    vertices: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    near: float,
    far: float,
    fill_back: bool,
    depth: Tensor | None,
    weights: Tensor | None,
) -> Tensor:
    check_count("rasterize", "image_size", min(height, width))
    check_range("rasterize", "far", far, above=near)
    draw = _kernel("rasterize", vertices)
    vertices, faces = _prepare("rasterize", vertices, faces)
    face_index = faces.new_empty((vertices.shape[0], height, width))
    draw(
        vertices.data_ptr(),
        faces.data_ptr(),
        face_index.data_ptr(),
        0 if depth is None else depth.data_ptr(),
        0 if weights is None else weights.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        height,
        width,
        near,
        far,
        fill_back,
        torch.get_num_threads(),
    )
    return face_index


def _kato_edges(
    image: Tensor, vertices: Tensor, faces: Tensor, face_index: Tensor, eps: float
) -> Tensor:
    return image.clone()


def _kato_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    eps: float,
) -> Tensor:
    name = "kato_gradient"
    differentiate = _kernel(name, vertices)
    check_range(name, "eps", eps, at_least=0)
    vertices, faces = _prepare(name, vertices, faces)
    num_meshes, num_vertices = vertices.shape[:2]
    check_tensor(
        name,
        "face_index",
        face_index,
        shape=(num_meshes, "H", "W"),
        dtypes=(torch.int32,),
        like=vertices,
    )
    channels = (num_meshes, "C", *face_index.shape[1:])
    dtypes = (vertices.dtype,)
    check_tensor(name, "image", image, shape=channels, dtypes=dtypes, like=vertices)
    check_tensor(name, "grad_image", grad_image, shape=image.shape, dtypes=dtypes, like=vertices)
    face_index, image, grad_image = (t.contiguous() for t in (face_index, image, grad_image))
    grad_vertices = torch.empty_like(vertices)
    differentiate(
        vertices.data_ptr(),
        faces.data_ptr(),
        face_index.data_ptr(),
        image.data_ptr(),
        grad_image.data_ptr(),
        grad_vertices.data_ptr(),
        num_meshes,
        num_vertices,
        faces.shape[0],
        *image.shape[1:],
        eps,
        torch.get_num_threads(),
    )
    return grad_vertices


def _voxelize(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    check_count("voxelize", "resolution", resolution, at_least=2)
    mark = _kernel("voxelize", vertices)
    vertices, faces = _prepare("voxelize", vertices, faces)
    voxels = vertices.new_empty((vertices.shape[0], *(resolution,) * 3), dtype=torch.bool)
    mark(
        vertices.data_ptr(),
        faces.data_ptr(),
        voxels.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        resolution,
        fill,
        torch.get_num_threads(),
    )
    return voxels


for _key in ("CPU", "CUDA"):
    _library.impl("rasterize", _rasterize, _key)
    _library.impl("face_index", _face_index, _key)
    _library.impl("kato_edges", _kato_edges, _key)
    _library.impl("kato_gradient", _kato_gradient, _key)
    _library.impl("voxelize", _voxelize, _key)


@torch.library.register_fake("nr3d::rasterize", lib=_library)
def _rasterize_fake(
    vertices: Tensor, faces: Tensor, height: int, width: int, near: float, far: float, fill_back: bool
) -> tuple[Tensor, Tensor, Tensor]:
    size = (vertices.shape[0], height, width)
    face_index = vertices.new_empty(size, dtype=torch.int32)
    return face_index, vertices.new_empty(size), vertices.new_empty((*size, 3))


@torch.library.register_fake("nr3d::face_index", lib=_library)
def _face_index_fake(
    vertices: Tensor, faces: Tensor, height: int, width: int, near: float, far: float, fill_back: bool
) -> Tensor:
    return vertices.new_empty((vertices.shape[0], height, width), dtype=torch.int32)


@torch.library.register_fake("nr3d::kato_edges", lib=_library)
def _kato_edges_fake(
    image: Tensor, vertices: Tensor, faces: Tensor, face_index: Tensor, eps: float
) -> Tensor:
    return torch.empty_like(image)


@torch.library.register_fake("nr3d::kato_gradient", lib=_library)
def _kato_gradient_fake(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    eps: float,
) -> Tensor:
    return vertices.new_empty(vertices.shape)


@torch.library.register_fake("nr3d::voxelize", lib=_library)
def _voxelize_fake(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    return vertices.new_empty((vertices.shape[0], *(resolution,) * 3), dtype=torch.bool)


def _save_for_kato_gradient(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    image, vertices, faces, face_index, ctx.eps = inputs
    ctx.save_for_backward(image, vertices, faces, face_index)


def _kato_edges_backward(ctx, grad_image):  # type: ignore[no-untyped-def]
    image, vertices, faces, face_index = ctx.saved_tensors
    grad_vertices = None
    if ctx.needs_input_grad[1]:
        grad_vertices = torch.ops.nr3d.kato_gradient(
            vertices, faces, face_index, image, grad_image, ctx.eps
        )
    return grad_image, grad_vertices, None, None, None


torch.library.register_autograd(
    "nr3d::kato_edges", _kato_edges_backward, setup_context=_save_for_kato_gradient, lib=_library
)
