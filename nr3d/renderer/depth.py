"""Depth with its exact gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.renderer.rasterize import Fragments


def differentiable_depth(fragments: Fragments, vertices: Tensor, faces: Tensor) -> Tensor:
    """Give `fragments.depth` with a gradient to the vertices.

    The depth at a pixel is that of its face's plane there: it follows the corners in x, y and z.
    Where nothing is seen there is no gradient; that outlines move is for `kato_edges`.

    Args:
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected: x, y in NDC and depth. [M, V, 3]
        faces: [F, 3]

    Returns:
        The same depths. [M, H, W]

    Source: the derivative of 1 / sum(w_k / z_k), w the screen-space barycentric coordinates, as in
    Kato et al.'s renderer.
    """
    _, height, width = fragments.face_index.shape
    view, row, column = (fragments.face_index >= 0).nonzero(as_tuple=True)
    face = fragments.face_index[view, row, column].long() % max(faces.shape[0], 1)
    corners = vertices[view[:, None], faces.long()[face]]  # [P, 3, 3]
    x = (2 * column + 1 - width).to(vertices.dtype) / width
    y = (height - 1 - 2 * row).to(vertices.dtype) / height
    offsets = corners[..., :2] - torch.stack((x, y), dim=-1)[:, None]
    dx, dy = offsets.unbind(-1)
    areas = dx.roll(-1, 1) * dy.roll(-2, 1) - dx.roll(-2, 1) * dy.roll(-1, 1)  # opposite each
    weights = areas / areas.sum(dim=1, keepdim=True)
    depth = 1 / (weights / corners[..., 2]).sum(dim=1)
    change = torch.zeros_like(fragments.depth).index_put(
        (view, row, column), depth - depth.detach()
    )
    return fragments.depth.detach() + change
