"""The edge gradient of Kato, Ushiku & Harada, "Neural 3D Mesh Renderer" (CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d import ops as ops  # registers torch.ops.nr3d
from nr3d.checks import at_least_float32
from nr3d.renderer.rasterize import prepare_view


def kato_edges(
    image: Tensor, vertices: Tensor, *, faces: Tensor, face_index: Tensor, eps: float = 1e-4
) -> Tensor:
    """Give the same image, with a gradient to the vertices whose edges could change it.

    A hard image has no derivative with respect to its vertices. Backward, each pixel at which the
    loss can fall pulls at the edges that could reach it on its row and its column, however far: a
    vertex gets minus the gain in loss divided by the distance it has to move. All channels of a
    pixel change together, so render what belongs together as channels of one image.

    Args:
        image: The image drawn from `face_index`, without anti-aliasing. [M, C, H, W]
        vertices: What was rasterized: x, y in NDC, y up. [M, V, 3]
        faces: Vertex indices. [F, 3]
        face_index: `Fragments.face_index` of the same vertices and faces. [M, H, W], int32
        eps: Added to the distances, in NDC, so that near pixels do not pull without bound.

    Returns:
        A copy of `image`. Its gradient flows to `image` unchanged and to x, y of `vertices` as
        above; z gets zero. Half precision is cast to float32. The same bits for any number of
        threads.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, eps < 0 (all found when the
            gradient is computed).

    Source: Kato et al. 2018, section 3, as released by the authors; docs/conventions.md.
    """
    edged: Tensor = torch.ops.nr3d.kato_edges(
        at_least_float32(image), at_least_float32(vertices), faces, face_index, eps
    )
    return edged


def kato_silhouettes(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | Sequence[int],
    anti_aliasing: bool = True,
    near: float = 0.1,
    far: float = 100.0,
    eps: float = 1e-4,
    fill_back: bool = True,
) -> Tensor:
    """Draw silhouettes with Kato's gradient to the vertices.

    The same as `rasterize`, a silhouette of `face_index >= 0`, `kato_edges` and a mean of 2 x 2
    pixels, in one operation several times faster.

    Args:
        vertices: x, y in NDC ([-1, 1], y up) and depth in scene units; computed in float32 or
            float64, half precision is cast to float32. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        image_size: Side of the image, or (H, W), in pixels.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: Depths up to this are not drawn.
        far: Depths from this on are not drawn.
        eps: Added to the distances of the gradient, in NDC.
        fill_back: Draw the backs of faces too.

    Returns:
        Coverage in [0, 1], row 0 at the top, differentiable in x, y of `vertices`. [M, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: As `rasterize`, and eps < 0.

    Source: Kato et al. 2018, section 3, as released by the authors.
    """
    vertices, (height, width) = prepare_view("rasterize", vertices, faces, image_size)
    silhouettes: Tensor
    silhouettes, _ = torch.ops.nr3d.silhouettes(
        vertices,
        faces,
        height,
        width,
        2 if anti_aliasing else 1,
        near,
        far,
        fill_back,
        eps,
    )
    return silhouettes


def kato_coverage(
    face_index: Tensor,
    vertices: Tensor,
    *,
    faces: Tensor,
    anti_aliasing: bool = True,
    eps: float = 1e-4,
) -> Tensor:
    """Give the silhouettes of what has been rasterized, with Kato's gradient to the vertices.

    The same as `kato_silhouettes`, where the face index is there already.

    Args:
        face_index: `Fragments.face_index` of the same vertices and faces. [M, H, W], int32
        vertices: What was rasterized: x, y in NDC, y up. [M, V, 3]
        faces: Vertex indices. [F, 3]
        anti_aliasing: Average 2 x 2 pixels; H and W must be even.
        eps: Added to the distances of the gradient, in NDC.

    Returns:
        Coverage in [0, 1], differentiable in x, y of `vertices`. [M, H, W] or [M, H / 2, W / 2]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device; NaN or infinite vertices and eps < 0 are found when the
            gradient is computed.

    Source: as `kato_edges`.
    """
    silhouettes: Tensor = torch.ops.nr3d.coverage(
        at_least_float32(vertices), faces, face_index, 2 if anti_aliasing else 1, eps
    )
    return silhouettes
