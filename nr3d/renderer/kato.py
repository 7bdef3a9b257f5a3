"""The edge gradient of Kato, Ushiku & Harada, "Neural 3D Mesh Renderer" (CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d import ops as ops
from nr3d.checks import at_least_float32


def kato_edges(
    image: Tensor, vertices: Tensor, *, faces: Tensor, face_index: Tensor, eps: float = 1e-4
) -> Tensor:
    """Give the same image, with a gradient to the vertices whose edges could change it.

    A hard image has no derivative with respect to its vertices. Backward, each pixel at which the
    loss can fall pulls at the edges that could reach it on its row and its column, however far away:
    a vertex gets minus the gain in loss divided by the distance it has to move. All channels of a
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
