"""The rasterizer and Kato's gradient in plain torch: slow, clear, any float dtype.

The native ops must agree with this file. Maps are in the public layout, row 0 = top; inside, rows
are turned so that row j, like y, grows upwards and pixel p of S has its centre at (2p + 1 - S) / S.

Source: Kato, Ushiku, Harada, "Neural 3D Mesh Renderer", CVPR 2018, and the authors' kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor

EDGES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))  # start A, end B, opposite corner C


def rasterize(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | tuple[int, int],
    near: float = 0.1,
    far: float = 100.0,
    fill_back: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the nearest face of every pixel.

    A face is drawn where it is counter-clockwise and not of zero area. Edges belong to the face; of
    two faces at the same depth the lower index wins. Nothing is clipped: a face with corners behind
    the camera is drawn wherever its interpolated depth lies inside (near, far).

    Args:
        vertices: x, y in NDC, z the depth. [M, V, 3]
        faces: Vertex indices. [F, 3]
        image_size: Side in pixels, or (height, width).
        near: Depths up to here are not drawn.
        far: Depths from here on are not drawn; the depth where nothing is.
        fill_back: Draw each face from behind as well, as face F + f with its corners reversed.

    Returns:
        Face index, int32, -1 where nothing is [M, H, W]; depth [M, H, W]; screen-space barycentric
        weights of the face's corners, 0 where nothing is [M, H, W, 3]. No gradients.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    corners = face_corners(vertices.detach(), faces, fill_back=fill_back)
    maps = [_rasterize_mesh(mesh, height, width, near=near, far=far) for mesh in corners]
    if not maps:
        empty = vertices.new_zeros(0, height, width)
        return empty.int(), empty, vertices.new_zeros(0, height, width, 3)
    face_index, depth, weights = (torch.stack(one).flip(1) for one in zip(*maps, strict=True))
    return face_index, depth, weights


def kato_gradient(
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    image: Tensor,
    grad_image: Tensor,
    *,
    eps: float = 1e-4,
) -> Tensor:
    """Send an image's gradient to the x, y of the vertices behind it.

    Along every pixel row and column that an edge crosses, a pixel pulls the edge towards itself if
    showing there what lies on the other side of the edge would lower the loss; the pull is
    the drop of the loss over the distance the vertex would have to move.

    Args:
        vertices: x, y in NDC, z the depth. [M, V, 3]
        faces: Vertex indices. [F, 3]
        face_index: What `rasterize` gave, in [-1, 2F). [M, H, W]
        image: Values whose channels count together. [M, C, H, W]
        grad_image: Gradient of the loss with respect to `image`. [M, C, H, W]
        eps: Added to every distance, in NDC, so that none is 0.

    Returns:
        Gradient with respect to `vertices`; z gets none. [M, V, 3]
    """
    corners = face_corners(vertices.detach(), faces, fill_back=True)
    grad_corners = torch.zeros_like(corners)
    maps = (face_index.flip(1), image.flip(2), grad_image.flip(2))
    for mesh, index, colors, grad, out in zip(corners, *maps, grad_corners, strict=True):
        seen = index.unique()  # a face that shows nowhere receives nothing
        for face in seen[seen >= 0].tolist():
            if _is_front(mesh[face]):
                out[face] = _face_gradient(mesh[face], index == face, colors, grad, eps)
    indices = torch.cat([faces, faces.flip(1)]).long().flatten()
    flat = grad_corners.flatten(1, 2)
    return torch.zeros_like(vertices).index_add(1, indices, flat)


def face_corners(vertices: Tensor, faces: Tensor, *, fill_back: bool) -> Tensor:
    """Gather the corners of each face, then of each reversed copy. [M, F or 2F, 3, 3]"""
    corners = vertices[:, faces.long()]
    return torch.cat([corners, corners.flip(2)], 1) if fill_back else corners


def _is_front(corners: Tensor) -> bool:
    """Counter-clockwise and of an area that is not 0 (a NaN is neither)."""
    x, y = corners[:, 0], corners[:, 1]
    return bool((y[2] - y[0]) * (x[1] - x[0]) > (y[1] - y[0]) * (x[2] - x[0]))


def _to_pixels(ndc: Tensor, size: int) -> Tensor:
    """Pixel coordinates; the centres are at whole numbers."""
    return (ndc * size + size - 1) * 0.5


def _rasterize_mesh(
    corners: Tensor, height: int, width: int, *, near: float, far: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the faces [F, 3, 3] of one mesh in their order, rows growing upwards."""
    face_index = torch.full((height, width), -1, dtype=torch.int32, device=corners.device)
    depth = corners.new_full((height, width), far)
    weights = corners.new_zeros(height, width, 3)
    for face, face_vertices in enumerate(corners):
        if not _is_front(face_vertices):
            continue
        covered = _coverage(face_vertices, height, width)
        if not covered.any():
            continue
        new_weights = _barycentric(face_vertices, height, width)
        z = face_vertices[:, 2]
        w0, w1, w2 = new_weights.unbind(-1)
        new_depth = 1 / (w0 / z[0] + w1 / z[1] + w2 / z[2])
        visible = covered & (new_depth > near) & (new_depth < far) & (new_depth < depth)
        face_index[visible] = face
        depth[visible] = new_depth[visible]
        weights[visible] = new_weights[visible]
    return face_index, depth, weights


def _coverage(corners: Tensor, height: int, width: int) -> Tensor:
    """Mark the pixels whose centre is inside or on the border of a triangle. [H, W]"""
    grid_x, grid_y = (
        ((2 * torch.arange(size, dtype=torch.float64) + 1 - size) / size).to(corners)
        for size in (width, height)
    )
    x, y = corners[:, 0], corners[:, 1]
    # The bounding box says nothing new, except where rounding makes a sliver's three half-planes
    # agree along the whole line through it.
    covered = ((grid_y >= y.min()) & (grid_y <= y.max()))[:, None]
    covered = covered & ((grid_x >= x.min()) & (grid_x <= x.max()))
    for a, b, _ in EDGES:
        along = (grid_y - y[a]) * (x[b] - x[a])
        across = (grid_x - x[a]) * (y[b] - y[a])
        covered &= ~(along[:, None] < across)
    return covered


def _barycentric(corners: Tensor, height: int, width: int) -> Tensor:
    """Give the weight of each corner at each pixel, cut to the triangle. [H, W, 3]"""
    x0, x1, x2 = _to_pixels(corners[:, 0], width).unbind()
    y0, y1, y2 = _to_pixels(corners[:, 1], height).unbind()
    determinant = x2 * (y0 - y1) + x0 * (y1 - y2) + x1 * (y2 - y0)
    inverse = (
        (y1 - y2, x2 - x1, x1 * y2 - x2 * y1),
        (y2 - y0, x0 - x2, x2 * y0 - x0 * y2),
        (y0 - y1, x1 - x0, x0 * y1 - x1 * y0),
    )
    columns = torch.arange(width).to(corners)
    rows = torch.arange(height).to(corners)[:, None]
    raw = [
        a / determinant * columns + b / determinant * rows + c / determinant for a, b, c in inverse
    ]
    weights = torch.stack(raw, -1).clamp(0, 1)
    weights = weights.where(~weights.isnan(), 0)
    total = weights[..., 0] + weights[..., 1] + weights[..., 2]
    return weights / total[..., None]


def _face_gradient(
    corners: Tensor, shown: Tensor, image: Tensor, grad_image: Tensor, eps: float
) -> Tensor:
    """Sum over the edges and both scans what one face receives.

    Args:
        corners: [3, 3] NDC.
        shown: Pixels that show this face. [H, W]
        image: [C, H, W]
        grad_image: [C, H, W]
        eps: As in `kato_gradient`.

    Returns:
        [3, 3]
    """
    height, width = shown.shape
    pixels = torch.stack(
        [_to_pixels(corners[:, 0], width), _to_pixels(corners[:, 1], height)], -1
    )  # [3, xy]
    grad = torch.zeros_like(corners)
    for a, b, c in EDGES:
        triple = pixels[[a, b, c]]
        rightwards = bool(triple[0, 0] < triple[1, 0])
        upwards = bool(triple[0, 1] < triple[1, 1])
        # Walk along x, with the outside below an edge that runs to the right: gradient to y.
        grad[[a, b], 1] += _scan_edge(
            triple, -1 if rightwards else 1, (shown.T, image.mT, grad_image.mT), eps
        )
        # Walk along y, with the outside to the right of an edge that runs upwards: gradient to x.
        grad[[a, b], 0] += _scan_edge(
            triple.flip(1), 1 if upwards else -1, (shown, image, grad_image), eps
        )
    return grad


def _scan_edge(
    triple: Tensor, outward: int, maps: tuple[Tensor, Tensor, Tensor], eps: float
) -> Tensor:
    """Collect the pull on the two ends of an edge along v, walking its pixel lines along u.

    Args:
        triple: A, B and the opposite corner C. [3, uv], pixels
        outward: The direction along v that leaves the face, 1 or -1.
        maps: Where the face shows [U, V], image and its gradient [C, U, V].
        eps: As in `kato_gradient`.

    Returns:
        Gradient of A.v and B.v. [2]
    """
    shown, image, grad_image = maps
    a, b, c = triple
    lines = _pixel_lines(a[0], b[0], shown.shape[0])
    crossing = _cross(a, b, lines)
    inside = crossing.floor() if outward > 0 else crossing.ceil()
    outside = inside + outward
    in_image = (inside.minimum(outside) >= 0) & (inside.maximum(outside) <= shown.shape[1] - 1)
    lines, crossing = lines[in_image], crossing[in_image]
    inside, outside = inside[in_image].long(), outside[in_image].long()

    values, grads, face = image[:, lines], grad_image[:, lines], shown[lines]  # [C, L, V], [L, V]
    row = torch.arange(len(lines), device=triple.device)
    v = torch.arange(shown.shape[1], device=triple.device)
    # Outside the face: show what the face shows at its rim, where it does show.
    beyond = ((v - outside[:, None]) * outward >= 0) & face[row, inside][:, None]
    drop = ((values - values[:, row, inside][..., None]) * grads).sum(0)
    pulls = drop.where(beyond, 0).clamp(min=0)
    # Inside, as far as the line stays in the face: show what is just outside the edge.
    limit = _opposite_crossing(a, b, c, lines)
    limit = limit.ceil() if outward > 0 else limit.floor()
    nearest, farthest = inside.minimum(limit), inside.maximum(limit)
    within = (v >= nearest[:, None]) & (v <= farthest[:, None]) & face
    drop = ((values - values[:, row, outside][..., None]) * grads).sum(0)
    pulls = pulls + drop.where(within, 0).clamp(min=0)
    return _share(a[0], b[0], lines, v - crossing[:, None], pulls, eps)


def _pixel_lines(a_u: Tensor, b_u: Tensor, num_u: int) -> Tensor:
    """List the pixel lines that an edge from `a_u` to `b_u` crosses; none if it is one of them."""
    low, high = torch.stack([a_u, b_u]).aminmax()
    # Truncation towards 0, as the authors have it: an edge that ends within (-1, 0) still
    # reaches line 0.
    last = high.clamp(-1, num_u - 1).trunc()
    lines = torch.arange(num_u, device=a_u.device)
    return lines[(lines >= low) & (lines <= last) & (low != high)]


def _cross(start: Tensor, end: Tensor, u: Tensor) -> Tensor:
    """Give the v at which the line through two points crosses each u."""
    return (end[1] - start[1]) / (end[0] - start[0]) * (u - start[0]) + start[1]


def _opposite_crossing(a: Tensor, b: Tensor, c: Tensor, u: Tensor) -> Tensor:
    """Give the v at which the lines leave the face through edge AC or else BC.

    Where BC lies on the line itself no single point is right; 0 is what the authors' GPU makes of
    the NaN.
    """
    on_ac = (u - a[0]) * (u - c[0]) < 0
    return torch.where(on_ac, _cross(a, c, u), _cross(c, b, u)).nan_to_num(nan=0.0)


def _share(
    a_u: Tensor, b_u: Tensor, u: Tensor, distance: Tensor, pulls: Tensor, eps: float
) -> Tensor:
    """Turn pulls at signed pixel distances [L, V] into the gradient of both ends. [2]"""
    size = pulls.shape[1]
    grads = []
    for lever in (b_u - u, u - a_u):  # 0: moving this end does not move the crossing
        moved = ((b_u - a_u) / lever)[:, None] * distance * 2 / size
        moved = torch.where(moved > 0, moved + eps, moved - eps)
        grads.append(-(pulls / moved).where((pulls > 0) & (lever != 0)[:, None], 0).sum())
    return torch.stack(grads)
