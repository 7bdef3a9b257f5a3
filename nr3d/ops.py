"""The native kernels as torch operators, `torch.ops.nr3d.*`.

Everything a kernel relies on is checked here, once: dtype, shape, device, finite values, indices in
range. Inputs are made contiguous and outputs allocated here; addresses and sizes go on to `nr3d._C`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nr3d.checks import (
    FLOATS,
    INTEGERS,
    check_count,
    check_range,
    check_tensor,
    format_shape,
    name_of_dtype,
)

try:
    from nr3d import _C
except ImportError as error:
    raise ImportError(
        f"nr3d: the native module nr3d._C cannot be loaded ({error}); run `pip install -e .` in the "
        "checkout, or leave the checkout's folder if nr3d is installed elsewhere"
    ) from error

_library = torch.library.Library("nr3d", "DEF")


def _register(schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> None:
    name = schema.partition("(")[0]
    _library.define(schema)
    for key in ("CPU", "CUDA"):
        _library.impl(name, function, key)
    torch.library.register_fake(f"nr3d::{name}", fake, lib=_library)


def _kernel(name: str, like: Tensor, dtypes: tuple[torch.dtype, ...] = FLOATS) -> Any:
    """Give the kernel for the device and dtype of `like`."""
    if like.device.type != "cpu":
        raise RuntimeError(
            f"{name}: vertices is on {like.device}, but nr3d has no kernel for this device; "
            "move the tensors to the CPU"
        )
    check_tensor(name, "vertices", like, shape=like.shape, dtypes=dtypes)
    return getattr(_C, f"{name}_{name_of_dtype(like.dtype)}")


def _place(index: int, shape: torch.Size) -> list[int]:
    return [int(i) for i in np.unravel_index(index, tuple(shape))]


def check_finite(function: str, argument: str, value: Tensor) -> None:
    """Raise ValueError, with the place, where a contiguous CPU tensor holds a NaN or an infinity."""
    found = getattr(_C, f"find_non_finite_{name_of_dtype(value.dtype)}")(
        value.data_ptr(), value.numel()
    )
    if found >= 0:
        raise ValueError(
            f"{function}: {argument} must be finite, got {value.flatten()[found].item()} "
            f"at {_place(found, value.shape)}"
        )


def check_indices(
    function: str, argument: str, value: Tensor, *, of: str, low: int, high: int
) -> None:
    """Raise ValueError, with the place, where a contiguous CPU tensor leaves [low, high)."""
    found = getattr(_C, f"find_out_of_range_{name_of_dtype(value.dtype)}")(
        value.data_ptr(), value.numel(), low, high
    )
    if found >= 0:
        raise ValueError(
            f"{function}: {argument} must hold {of} indices inside [{low}, {high}), "
            f"got {value.flatten()[found].item()} at {_place(found, value.shape)}"
        )


def check_mesh(function: str, vertices: Tensor, faces: Tensor) -> None:
    """Check what can be checked of a batch of meshes without reading its values.

    The public functions do this before they call an operator: the dispatcher sends a mix of devices
    to an operator of one of them, which may not look.
    """
    check_tensor(function, "vertices", vertices, shape=("M", "V", 3))
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)


def prepare_mesh(function: str, vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Check a batch of meshes and give vertices and int32 faces, contiguous."""
    check_mesh(function, vertices, faces)
    vertices, faces = vertices.contiguous(), faces.contiguous()
    check_finite(function, "vertices", vertices)
    check_indices(function, "faces", faces, of="vertex", low=0, high=vertices.shape[1])
    return vertices, faces.to(torch.int32)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


# Rasterization: what is seen at each pixel.


def _draw(
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
) -> Tensor:
    draw = _kernel("rasterize", vertices)
    vertices, faces = prepare_mesh("rasterize", vertices, faces)
    for argument, value, content in (("vertices", vertices, "mesh"), ("faces", faces, "face")):
        if value.shape[0] == 0:
            raise ValueError(
                f"rasterize: {argument} must hold at least 1 {content}, "
                f"got shape {format_shape(value.shape)}"
            )
    face_index = faces.new_empty((vertices.shape[0], *size))
    draw(
        vertices.data_ptr(),
        faces.data_ptr(),
        face_index.data_ptr(),
        _address(depth),
        _address(weights),
        _address(silhouettes),
        *vertices.shape[:2],
        faces.shape[0],
        *size,
        factor,
        near,
        far,
        fill_back,
        torch.get_num_threads(),
    )
    return face_index


def _check_view(height: int, width: int, near: float, far: float) -> None:
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
    _check_view(height, width, near, far)
    _, depth, weights = _rasterize_fake(vertices, faces, height, width, near, far, fill_back)
    face_index = _draw(
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


_register(
    "rasterize(Tensor vertices, Tensor faces, int height, int width, float near, float far, "
    "bool fill_back) -> (Tensor face_index, Tensor depth, Tensor weights)",
    _rasterize,
    _rasterize_fake,
)

# Kato's edge gradient, of any image and of silhouettes.


def _differentiate(
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
    grad_vertices = torch.empty_like(vertices)
    _kernel("kato_gradient", vertices)(
        vertices.data_ptr(),
        faces.data_ptr(),
        face_index.data_ptr(),
        _address(image),
        grad_image.data_ptr(),
        grad_vertices.data_ptr(),
        *vertices.shape[:2],
        faces.shape[0],
        num_channels,
        *face_index.shape[1:],
        factor,
        eps,
        torch.get_num_threads(),
    )
    return grad_vertices


def _prepare_face_index(name: str, face_index: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    shape, dtypes = (vertices.shape[0], "H", "W"), (torch.int32,)
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
    _kernel(name, vertices)
    check_range(name, "eps", eps, at_least=0)
    vertices, faces = prepare_mesh(name, vertices, faces)
    face_index = _prepare_face_index(name, face_index, vertices, faces)
    shape, dtypes = (vertices.shape[0], "C", *face_index.shape[1:]), (vertices.dtype,)
    check_tensor(name, "image", image, shape=shape, dtypes=dtypes, like=vertices)
    check_tensor(name, "grad_image", grad_image, shape=image.shape, dtypes=dtypes, like=vertices)
    image, grad_image = image.contiguous(), grad_image.contiguous()
    return _differentiate(
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


_register(
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


_register(
    "kato_edges(Tensor image, Tensor vertices, Tensor faces, Tensor face_index, float eps) -> Tensor",
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
    "nr3d::kato_edges", _kato_edges_backward, setup_context=_kato_edges_setup, lib=_library
)

# Silhouettes with Kato's gradient: the two above in one, without an image in between.


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
    _check_view(height, width, near, far)
    check_count("silhouettes", "factor", factor)
    check_range("silhouettes", "eps", eps, at_least=0)
    check_tensor("rasterize", "vertices", vertices, shape=("M", "V", 3))
    silhouettes = vertices.new_empty((vertices.shape[0], height, width))
    size = (factor * height, factor * width)
    face_index = _draw(
        vertices, faces, size, near, far, fill_back, silhouettes=silhouettes, factor=factor
    )
    return silhouettes, face_index


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
    return silhouettes, vertices.new_empty(size, dtype=torch.int32)


_register(
    "silhouettes(Tensor vertices, Tensor faces, int height, int width, int factor, float near, "
    "float far, bool fill_back, float eps) -> (Tensor silhouettes, Tensor face_index)",
    _silhouettes,
    _silhouettes_fake,
)


def _silhouettes_gradient(
    vertices: Tensor, faces: Tensor, face_index: Tensor, grad_silhouettes: Tensor, eps: float
) -> Tensor:
    name = "silhouettes_gradient"
    _kernel("kato_gradient", vertices)
    check_range(name, "eps", eps, at_least=0)
    vertices, faces = prepare_mesh(name, vertices, faces)
    face_index = _prepare_face_index(name, face_index, vertices, faces)
    shape, dtypes = (vertices.shape[0], "h", "w"), (vertices.dtype,)
    check_tensor(
        name, "grad_silhouettes", grad_silhouettes, shape=shape, dtypes=dtypes, like=vertices
    )
    factor = max(1, face_index.shape[1] // max(1, grad_silhouettes.shape[1]))
    size = [factor * extent for extent in grad_silhouettes.shape[1:]]
    check_tensor(name, "face_index", face_index, shape=("M", *size), dtypes=(torch.int32,))
    grad_silhouettes = grad_silhouettes.contiguous()
    return _differentiate(
        vertices, faces, face_index, None, grad_silhouettes, eps, num_channels=1, factor=factor
    )


def _silhouettes_gradient_fake(
    vertices: Tensor, faces: Tensor, face_index: Tensor, grad_silhouettes: Tensor, eps: float
) -> Tensor:
    return vertices.new_empty(vertices.shape)


_register(
    "silhouettes_gradient(Tensor vertices, Tensor faces, Tensor face_index, "
    "Tensor grad_silhouettes, float eps) -> Tensor",
    _silhouettes_gradient,
    _silhouettes_gradient_fake,
)


def _silhouettes_setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.eps = inputs[-1]
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(inputs[0], inputs[1], output[1])


def _silhouettes_backward(
    ctx: Any, grad_silhouettes: Tensor, grad_face_index: Tensor | None
) -> tuple[Tensor | None, ...]:
    grad_vertices = torch.ops.nr3d.silhouettes_gradient(
        *ctx.saved_tensors, grad_silhouettes, ctx.eps
    )
    return grad_vertices, *(None,) * 8


torch.library.register_autograd(
    "nr3d::silhouettes", _silhouettes_backward, setup_context=_silhouettes_setup, lib=_library
)

# Voxelization.


def _voxelize(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    check_count("voxelize", "resolution", resolution, at_least=2)
    mark = _kernel("voxelize", vertices)
    vertices, faces = prepare_mesh("voxelize", vertices, faces)
    voxels = _voxelize_fake(vertices, faces, resolution, fill)
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


def _voxelize_fake(vertices: Tensor, faces: Tensor, resolution: int, fill: bool) -> Tensor:
    return vertices.new_empty((vertices.shape[0], *(resolution,) * 3), dtype=torch.bool)


_register(
    "voxelize(Tensor vertices, Tensor faces, int resolution, bool fill) -> Tensor",
    _voxelize,
    _voxelize_fake,
)
