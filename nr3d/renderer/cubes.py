"""Texture cubes: the colour of a face as a small grid over its barycentric coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import at_least_float32, check_range, check_tensor
from nr3d.renderer.barycentric import faces_seen, perspective_weights
from nr3d.renderer.rasterize import Fragments


def sample_cubes(
    cubes: Tensor,
    fragments: Fragments,
    *,
    vertices: Tensor,
    faces: Tensor,
    eps: float = 1e-3,
) -> Tensor:
    """Look up cubes at the perspective-correct barycentric coordinates of every pixel.

    Args:
        cubes: Axis k + 2 belongs to corner k: [T - 1, 0, 0] is the colour there. A first axis of 1
            serves all views. [M or 1, F, T, T, T, C]
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected. [M, V, 3]
        faces: [F, 3]
        eps: Coordinates stay this far below T - 1.

    Returns:
        0 where nothing is seen; differentiable in `cubes`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, eps < 0.

    Source: trilinear lookup of Kato et al. 2018.
    """
    check_range("sample_cubes", "eps", eps, at_least=0)
    cubes = at_least_float32(cubes) if isinstance(cubes, Tensor) else cubes
    num_views, height, width = fragments.face_index.shape
    axes = ("M", "F", "T", "T", "T", "C")
    check_tensor("sample_cubes", "cubes", cubes, shape=axes, like=vertices)
    rows, side = 1 if cubes.shape[0] == 1 else num_views, cubes.shape[2]
    shape = (rows, faces.shape[0], side, side, side, "C")
    check_tensor("sample_cubes", "cubes", cubes, shape=shape, like=vertices)
    size, channels = cubes.shape[2], cubes.shape[5]
    weights = perspective_weights(fragments, vertices, faces).flatten(1, 2).to(cubes.dtype)
    position = (weights * (size - 1)).clamp(min=0).clamp(max=max(size - 1 - eps, 0))
    low = position.floor()
    share = position - low
    face = faces_seen(fragments, faces.shape[0]).flatten(1)
    covered = (fragments.face_index >= 0).flatten(1)
    flat = cubes.flatten(1, 4).expand(num_views, -1, -1)  # [M, F T^3, C]
    image = torch.zeros(())
    for corner in range(8):
        bits = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2 & 1], device=face.device)
        index = (low.long() + bits).clamp(max=size - 1)
        weight = torch.where(bits == 1, share, 1 - share).prod(-1) * covered
        texel = ((face * size + index[..., 0]) * size + index[..., 1]) * size + index[..., 2]
        values = flat.gather(1, texel[..., None].expand(-1, -1, channels))
        image = image + values * weight[..., None]
    return image.transpose(1, 2).reshape(num_views, channels, height, width)
