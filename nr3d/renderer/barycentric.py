"""Where on its face a pixel looks, in the scene instead of on the screen."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import INTEGERS, check_tensor
from nr3d.renderer.rasterize import Fragments


def faces_seen(fragments: Fragments, num_faces: int) -> Tensor:
    """Give the face at every pixel, whichever side is seen; 0 where there is none. [M, H, W]"""
    return fragments.face_index.clamp(min=0).long() % max(num_faces, 1)


def perspective_weights(fragments: Fragments, vertices: Tensor, faces: Tensor) -> Tensor:
    """Give barycentric weights of the corners of each pixel's face, in the scene.

    Args:
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected: x, y in NDC and depth. [M, V, 3]
        faces: [F, 3]

    Returns:
        Weights of corners 0, 1, 2 as the face is stored, whichever side is seen; 0 where there is
        none. Outside [0, 1] for a face that reaches behind the camera. No gradient flows to
        `vertices`. [M, H, W, 3]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.

    Source: perspective-correct interpolation: w_k z / z_k for screen-space weights w.
    """
    shape = (fragments.face_index.shape[0], "V", 3)
    check_tensor("perspective_weights", "vertices", vertices, shape=shape)
    check_tensor(
        "perspective_weights", "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices
    )
    is_back = (fragments.face_index >= faces.shape[0])[..., None]
    weights = torch.where(is_back, fragments.weights.flip(-1), fragments.weights)
    corners = faces.long()[faces_seen(fragments, faces.shape[0])]  # [M, H, W, 3]
    depths = vertices.detach()[..., 2].gather(1, corners.flatten(1)).view(corners.shape)
    covered = (fragments.face_index >= 0)[..., None]
    inside = weights.detach() * fragments.depth.detach()[..., None] / depths
    return torch.where(covered, inside, torch.zeros_like(inside))
