"""The two implementations under test, behind one pair of signatures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nr3d import ops as ops
from nr3d.renderer import reference


def native_rasterize(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | tuple[int, int],
    near: float = 0.1,
    far: float = 100.0,
    fill_back: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    return torch.ops.nr3d.rasterize(vertices, faces, height, width, near, far, fill_back)


def native_kato_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    *,
    eps: float = 1e-4,
) -> Tensor:
    return torch.ops.nr3d.kato_gradient(vertices, faces, face_index, image, grad_image, eps)


Implementation = tuple[Callable[..., tuple[Tensor, Tensor, Tensor]], Callable[..., Tensor]]

NATIVE: Implementation = (native_rasterize, native_kato_gradient)
REFERENCE: Implementation = (reference.rasterize, reference.kato_gradient)
