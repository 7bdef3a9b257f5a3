"""Soft silhouettes in plain torch: slow, clear, any float dtype; torch differentiates them.

Every face is compared with every pixel, near and far. The native ops must agree with this file.

Source: Liu, Li, Chen, Li, "Soft Rasterizer", ICCV 2019, section 3.2, and the authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.renderer.reference import EDGES, face_corners


def soft_silhouettes(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | tuple[int, int],
    sigma: float = 1e-4,
    near: float = 0.1,
    far: float = 100.0,
    least_share: float = 0.0,
) -> Tensor:
    """Draw soft silhouettes: 1 - prod(1 - sigmoid(s d^2 / sigma)) over the faces.

    Args:
        vertices: x, y in NDC, z the depth. [M, V, 3]
        faces: Vertex indices. [F, 3]
        image_size: Side in pixels, or (height, width).
        sigma: Softness, in squared distance.
        near: Faces with a corner at this depth or nearer do not count.
        far: Faces with all corners at this depth or further do not count.
        least_share: Shares below this, outside a face, do not count.

    Returns:
        Values in [0, 1], row 0 at the top. [M, H, W]
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    unit = vertices.new_tensor([width / height, 1.0])  # pixels are square
    corners = face_corners(vertices, faces, fill_back=False)  # [M, F, 3, xyz]
    counts = _is_drawn(corners.detach(), near=near, far=far)
    centres = _pixel_centres(height, width, vertices) * unit  # [H, W, 2]
    images = []
    for mesh, drawn in zip(corners, counts, strict=True):
        rest = vertices.new_ones(height, width)
        for face in mesh[drawn]:
            squared, inside = _squared_distance(centres, face[:, :2] * unit)
            share = torch.sigmoid(torch.where(inside, squared, -squared) / sigma)
            share = share.where(inside | (share > least_share), 0)
            # 1 - share has no digits left where the share is nearly 1
            other = torch.sigmoid(torch.where(inside, -squared, squared) / sigma)
            rest = rest * other.where(share > 0, 1)
        images.append(1 - rest)
    return torch.stack(images) if images else vertices.new_zeros(0, height, width)


def _is_drawn(corners: Tensor, *, near: float, far: float) -> Tensor:
    """Whether faces [M, F, 3, xyz] have an area and lie in front of the camera. [M, F]"""
    x, y, z = corners.unbind(-1)
    first = (y[..., 2] - y[..., 0]) * (x[..., 1] - x[..., 0])
    second = (y[..., 1] - y[..., 0]) * (x[..., 2] - x[..., 0])
    return (first != second) & (z > near).all(-1) & (z < far).any(-1)


def _pixel_centres(height: int, width: int, like: Tensor) -> Tensor:
    """NDC x, y of the pixel centres, row 0 at the top. [H, W, 2]"""
    x = (2 * torch.arange(width).to(like) + 1 - width) / width
    y = (2 * torch.arange(height).to(like) + 1 - height) / height
    return torch.stack(torch.meshgrid(x, y.flip(0), indexing="xy"), -1)


def _squared_distance(points: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of points [H, W, 2] to a triangle's outline [3, 2], and whether inside."""
    x, y = corners.detach().unbind(-1)
    if (y[2] - y[0]) * (x[1] - x[0]) < (y[1] - y[0]) * (x[2] - x[0]):  # clockwise
        corners = corners[[0, 2, 1]]
    low, high = corners.detach().amin(0), corners.detach().amax(0)
    inside = ((points >= low) & (points <= high)).all(-1)  # a thin face rounds to its whole line
    distances = []
    for a, b, _ in EDGES:
        edge, offset = corners[b] - corners[a], points - corners[a]
        # At its place on the edge the distance is least, so that the place has no derivative.
        inverse = edge.square().sum().reciprocal().nan_to_num(posinf=0)
        place = ((offset * edge).sum(-1) * inverse).detach().clamp(0, 1)
        distances.append((offset - place[..., None] * edge).square().sum(-1))
        inside &= offset[..., 1] * edge[0] >= offset[..., 0] * edge[1]
    stacked = torch.stack(distances)
    nearest = stacked.detach().argmin(0, keepdim=True)  # of equally near edges the first
    return stacked.gather(0, nearest)[0], inside
