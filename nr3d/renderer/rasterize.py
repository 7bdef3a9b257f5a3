"""Hard, exact rasterization: which face is seen at each pixel, how deep, and where on it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nr3d import ops
from nr3d.checks import at_least_float32, check_count
from nr3d.ops.fragments import check_fragments


@dataclass(frozen=True)
class Fragments:
    """What is seen at every pixel. Row 0 is the top of the image.

    A gradient flows through `depth` only.

    Attributes:
        face_index: The nearest face: -1 where there is none, f in [0, F) for face f seen from its
            front, F + f for face f seen from its back. [M, H, W], int32
        depth: Its depth in scene units, `far` where there is none. Its gradient is exact for
            faces that move while the pixel goes on to show the same one: edges give none.
            [M, H, W]
        weights: Screen-space barycentric weights of its corners, 0 where there is none; for F + f
            the corners count in reverse order. [M, H, W, 3]
    """

    face_index: Tensor
    depth: Tensor
    weights: Tensor


def rasterize(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | Sequence[int],
    near: float = 0.1,
    far: float = 100.0,
    fill_back: bool = True,
) -> Fragments:
    """Find the nearest face at every pixel centre.

    A face covers the pixel centres inside it and on its border. Front faces are counter-clockwise
    on the screen; faces without area are not drawn. Of faces at equal depth the lowest index wins.
    The results are the same bits for any number of threads.

    Args:
        vertices: x, y in NDC ([-1, 1], y up) and depth in scene units; computed in float32 or
            float64, half precision is cast to float32. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        image_size: Side of the image, or (H, W), in pixels.
        near: Depths up to this are not drawn.
        far: Depths from this on are not drawn.
        fill_back: Draw the backs of faces too.

    Returns:
        Fragments on the device of `vertices`; the depth is differentiable in them.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, an index that points at no
            vertex, an image without pixels, or near >= far.

    Source: Kato et al. 2018, section 3, and the authors' renderer.
    """
    vertices, (height, width) = prepare_view("rasterize", vertices, faces, image_size)
    return Fragments(
        *torch.ops.nr3d.rasterize(vertices, faces, height, width, near, far, fill_back)
    )


def prepare_view(
    function: str, vertices: Tensor, faces: Tensor, image_size: int | Sequence[int]
) -> tuple[Tensor, tuple[int, int]]:
    """Check what is drawn and how large; give vertices in at least float32, and (H, W)."""
    if isinstance(vertices, Tensor):
        vertices = at_least_float32(vertices)
    ops.check_mesh(function, vertices, faces)
    return vertices, check_size(function, image_size)


def check_size(function: str, image_size: int | Sequence[int]) -> tuple[int, int]:
    """Check the size of an image, in ints of Python or NumPy; give (H, W)."""
    size = tuple(image_size) if isinstance(image_size, Sequence) else (image_size, image_size)
    if len(size) != 2:
        raise ValueError(f"{function}: image_size must be one side or (H, W), got {image_size}")
    height, width = (_as_int(extent) for extent in size)
    check_count(function, "image_size", height)
    check_count(function, "image_size", width)
    return height, width


def _as_int(extent: int) -> int:
    """Turn a whole number of NumPy into an int; `check_count` names what is none."""
    try:
        return extent if isinstance(extent, bool) else operator.index(extent)
    except TypeError:
        return extent


def prepare_fragments(
    function: str, fragments: Fragments, vertices: Tensor, faces: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Check what was rasterized and what was seen; give it as operators take it, detached."""
    if isinstance(vertices, Tensor):
        vertices = at_least_float32(vertices)
    ops.check_mesh(function, vertices, faces)
    found = (fragments.face_index, fragments.depth, fragments.weights)
    check_fragments(function, vertices, faces, *found)
    return vertices.detach(), faces, found[0], found[1].detach(), found[2].detach()
