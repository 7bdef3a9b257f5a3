"""What comes after rasterization in plain torch: slow, clear, any float dtype.

Gradients of depth, values of the vertices and cubes of values at every pixel. The native ops must
agree with this file; torch differentiates the last two.

Source: Kato, Ushiku, Harada, "Neural 3D Mesh Renderer", CVPR 2018, and the authors' kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.renderer.reference import face_corners


def depth_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    grad_depth: Tensor,
) -> Tensor:
    """Send the gradient of the depth at each pixel to the corners of the face that it shows.

    The pixel (x, y) keeps its place: its weights are w = M (x, y, 1), with M the inverse of the
    matrix whose columns are the corners (px_k, py_k, 1) in pixels. A corner k that moves by d along
    x or y changes them by -w_k d times that column of M, and 1 / depth is the sum of w_m / z_m.

    Args:
        vertices: x, y in NDC, z the depth. [M, V, 3]
        faces: Vertex indices. [F, 3]
        face_index: What `rasterize` gave, in [-1, 2F). [M, H, W]
        depth: Likewise. [M, H, W]
        weights: Likewise. [M, H, W, 3]
        grad_depth: Gradient of the loss with respect to `depth`. [M, H, W]

    Returns:
        Gradient with respect to `vertices`. [M, V, 3]
    """
    mesh, row, column = (face_index >= 0).nonzero(as_tuple=True)
    face = face_index[mesh, row, column].long()
    corners = face_corners(vertices, faces, fill_back=True)[mesh, face]  # [P, 3, xyz]
    size = corners.new_tensor([face_index.shape[2], face_index.shape[1]])
    inverse = _inverse((corners[..., :2] * size + size - 1) / 2)  # [P, 3, xy]
    z = corners[..., 2]
    slope = -(inverse / z[..., None]).sum(1)  # [P, xy]
    pull = weights[mesh, row, column] * (grad_depth * depth.square())[mesh, row, column, None]
    grad_xy = -slope[:, None] * pull[..., None] * size / 2
    grad = torch.cat([grad_xy, (pull / z.square())[..., None]], -1)  # [P, 3, xyz]

    index = torch.cat([faces, faces.flip(1)]).long()[face]  # [P, 3]
    rows = mesh[:, None] * vertices.shape[1] + index
    flat = torch.zeros_like(vertices).flatten(0, 1)
    return flat.index_add(0, rows.flatten(), grad.flatten(0, 1)).view_as(vertices)


def interpolate_vertices(
    values: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
) -> Tensor:
    """Interpolate values of the vertices [M or 1, V, C] at every pixel. [M, C, H, W]"""
    seen = _perspective_weights(vertices, faces, face_index, depth, weights)
    corners = face_corners(values.expand(len(vertices), -1, -1), faces, fill_back=True)
    mesh = torch.arange(len(vertices))[:, None, None]
    image = (corners[mesh, face_index.clamp(min=0).long()] * seen[..., None]).sum(3)
    return image.permute(0, 3, 1, 2)


def sample_cubes(
    cubes: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    depth: Tensor,
    weights: Tensor,
    *,
    eps: float = 1e-3,
) -> Tensor:
    """Look every pixel up in the cube of its face [M or 1, F, T, T, T, C]. [M, C, H, W]

    The cubes of the backs are the faces' with the first and the third axis exchanged.
    """
    side = cubes.shape[2]
    both = torch.cat([cubes, cubes.transpose(2, 4)], 1).expand(len(vertices), *(-1,) * 5)
    seen = _perspective_weights(vertices, faces, face_index, depth, weights)
    position = (seen * (side - 1)).clamp(min=0).clamp(max=max(side - 1 - eps, 0))
    lower = position.floor()
    share = position - lower
    mesh = torch.arange(len(vertices))[:, None, None]
    face = face_index.clamp(min=0).long()
    image: Tensor = torch.zeros(())
    for corner in range(8):
        upper = torch.tensor([corner >> k & 1 for k in range(3)])
        i, j, k = (lower + upper).long().clamp(max=side - 1).unbind(-1)
        weight = torch.where(upper == 1, share, 1 - share).prod(-1)
        image = image + both[mesh, face, i, j, k] * weight[..., None]
    image = torch.where(face_index[..., None] >= 0, image, 0)
    return image.permute(0, 3, 1, 2)


def _inverse(pixels: Tensor) -> Tensor:
    """Give the first two columns of M from corners in pixels [P, 3, 2]. [P, 3, 2]"""
    (x0, y0), (x1, y1), (x2, y2) = (corner.unbind(-1) for corner in pixels.unbind(1))
    determinant = x2 * (y0 - y1) + x0 * (y1 - y2) + x1 * (y2 - y0)
    along_x = torch.stack([y1 - y2, y2 - y0, y0 - y1], -1)
    along_y = torch.stack([x2 - x1, x0 - x2, x1 - x0], -1)
    return torch.stack([along_x, along_y], -1) / determinant[:, None, None]


def _perspective_weights(
    vertices: Tensor, faces: Tensor, face_index: Tensor, depth: Tensor, weights: Tensor
) -> Tensor:
    """Weights on the surface itself, 0 where nothing is seen. [M, H, W, 3]"""
    z = face_corners(vertices[..., 2:], faces, fill_back=True)[..., 0]  # [M, 2F, 3]
    mesh = torch.arange(len(vertices))[:, None, None]
    corrected = weights * depth[..., None] / z[mesh, face_index.clamp(min=0).long()]
    return torch.where(face_index[..., None] >= 0, corrected, 0)
