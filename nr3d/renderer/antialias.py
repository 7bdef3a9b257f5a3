"""Analytic anti-aliasing at outlines: the idea of Laine et al. 2020, with its true derivative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from nr3d.checks import at_least_float32, check_tensor
from nr3d.geometry.topology import edge_numbers
from nr3d.ops.inputs import check_indices, prepare_mesh
from nr3d.renderer.gather import pixels_where, take


def antialias(
    image: Tensor, vertices: Tensor, *, faces: Tensor, face_index: Tensor, depth: Tensor
) -> Tensor:
    """Blend neighbouring pixels where an outline passes between their centres.

    Each pair of neighbours that show different faces is looked at once. Where an outline edge of
    the nearer one's face, running mostly across the pair, crosses the line between the centres at
    the share e of the way from one to the other, the one on the crossing's side of the middle takes
    over |1/2 - e| of the other. An edge is outline where all other faces at it, if any, lie on the
    same side of it in the image as the face itself. An exact diagonal is across both the pairs on a
    row and those on a column, so both blend.

    Args:
        image: The image drawn from `face_index`. [M, C, H, W]
        vertices: What was rasterized: x, y in NDC, y up. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        face_index: `Fragments.face_index` of the same vertices and faces. [M, H, W], int32
        depth: `Fragments.depth` of the same. [M, H, W]

    Returns:
        The blended image. Its derivative, exact as long as the same edges cross the same pairs,
        flows to `image` and to x, y of `vertices`; z gets zero. Half precision is cast to float32.
        [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range.

    Source: Laine et al., "Modular Primitives for High-Performance Differentiable Rendering", 2020,
    section 3.6.
    """
    name = "antialias"
    image, vertices, depth = (
        at_least_float32(each) if isinstance(each, Tensor) else each
        for each in (image, vertices, depth)
    )
    prepared, faces = prepare_mesh(name, vertices, faces)
    size, dtypes = (prepared.shape[0], "H", "W"), (prepared.dtype,)
    check_tensor(name, "face_index", face_index, shape=size, dtypes=(torch.int32,), like=prepared)
    face_index = face_index.contiguous()
    check_indices(name, "face_index", face_index, of="face", low=-1, high=2 * len(faces))
    check_tensor(name, "depth", depth, shape=face_index.shape, dtypes=dtypes, like=prepared)
    shape = (len(prepared), "C", *face_index.shape[1:])
    check_tensor(name, "image", image, shape=shape, dtypes=dtypes, like=prepared)
    if len(faces) == 0 or prepared.shape[1] == 0:
        return image.clone()
    # Where nobody has looked at the indices, wrong ones must not reach beyond the tensors.
    corners = faces.long().clamp(0, prepared.shape[1] - 1)
    view = _View.of(prepared, corners, face_index, depth.detach())
    blended = image
    for axis in (2, 1):
        to_first, to_second = _blends(view, axis)
        step = image.diff(dim=axis + 1)  # second minus first
        ahead, behind = ((0, 1), (1, 0)) if axis == 2 else ((0, 0, 0, 1), (0, 0, 1, 0))
        blended = blended + pad(to_first[:, None] * step, ahead)
        blended = blended - pad(to_second[:, None] * step, behind)
    return blended


@dataclass(frozen=True)
class _View:
    """What the pairs of both axes look up.

    Attributes:
        columns: Of the vertices in pixel coordinates, of all meshes in a row. [M V]
        rows: Likewise, downwards. [M V]
        faces: [F, 3], int64
        face_index: [M, H, W]
        depth: [M, H, W]
        outlines: Which edges (corner k to k + 1) are outline. [M, F, 3]
        num_vertices: V.
    """

    columns: Tensor
    rows: Tensor
    faces: Tensor
    face_index: Tensor
    depth: Tensor
    outlines: Tensor
    num_vertices: int

    @staticmethod
    def of(vertices: Tensor, faces: Tensor, face_index: Tensor, depth: Tensor) -> _View:
        height, width = face_index.shape[1:]
        columns = (vertices[..., 0] * width + (width - 1)) * 0.5
        rows = ((height - 1) - vertices[..., 1] * height) * 0.5
        points = torch.stack((columns, rows), dim=-1).detach()
        return _View(
            columns.flatten(),
            rows.flatten(),
            faces,
            face_index,
            depth,
            _outline_edges(points, faces),
            vertices.shape[1],
        )


def _outline_edges(points: Tensor, faces: Tensor) -> Tensor:
    """Find the edges beyond which no face goes on: points [M, V, 2] -> [M, F, 3]."""
    start, end, third = faces, faces.roll(-1, 1), faces.roll(-2, 1)
    low, high = points[:, start.minimum(end)], points[:, start.maximum(end)]  # one way for all
    along, across = high - low, points[:, third] - low
    side = along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]  # [M, F, 3]
    numbers = edge_numbers(faces).flatten().expand(len(points), -1)
    found = torch.zeros_like(side, dtype=torch.bool)
    for here, there in ((side > 0, side < 0), (side < 0, side > 0)):
        count = torch.zeros_like(numbers)
        count.scatter_add_(1, numbers, there.flatten(1).long())
        found |= here & (count.gather(1, numbers) == 0).view(side.shape)
    return found


def _blends(view: _View, axis: int) -> tuple[Tensor, Tensor]:
    """Give the share that each pixel of a pair takes over from the other.

    The first pixel of a pair is the one with the smaller index along the axis: 2 for pairs on a
    row, 1 for pairs in a column.

    Returns:
        For the first and for the second, at least one of them 0. [M, H, W - 1] or [M, H - 1, W]
    """
    length = view.face_index.shape[axis] - 1
    first, second = (view.face_index.narrow(axis, start, length) for start in (0, 1))
    depths = [view.depth.narrow(axis, start, length) for start in (0, 1)]
    is_first_front = (second < 0) | ((first >= 0) & (depths[0] <= depths[1]))
    front = torch.where(is_first_front, first, second)
    face = front.clamp(min=0).long() % len(view.faces)
    has_outline = view.outlines.any(-1).gather(1, face.flatten(1)).view(face.shape)
    pairs = pixels_where((first != second) & has_outline)
    is_first_front = is_first_front.flatten()[pairs]
    differs = (first != second).flatten()[pairs]

    _, num_rows, num_columns = first.shape
    mesh, row = pairs // (num_rows * num_columns), pairs // num_columns % num_rows
    column = pairs % num_columns
    across, along = (row, column) if axis == 2 else (column, row)
    crossing, is_crossed = _crossing(
        view, mesh, face.flatten()[pairs], axis=axis, along=along, across=across
    )
    lever = 0.5 - crossing
    goes_first = torch.where(is_first_front, lever > 0, lever >= 0)
    is_crossed = is_crossed & differs
    shares = []
    for is_taken, share in ((goes_first, lever), (~goes_first, -lever)):
        share = torch.where(is_crossed & is_taken, share, 0)
        flat = share.new_zeros(first.numel()).index_put((pairs,), share)
        shares.append(flat.view(first.shape))
    return shares[0], shares[1]


def _crossing(
    view: _View, mesh: Tensor, face: Tensor, *, axis: int, along: Tensor, across: Tensor
) -> tuple[Tensor, Tensor]:
    """Find where an outline edge of a face crosses a pair of pixels.

    Args:
        view: Where the edges are.
        mesh: [P]
        face: Of the nearer pixel. [P]
        axis: Of the pair.
        along: Index of the pair's first pixel along the axis. [P]
        across: Index of the pair along the other axis. [P]

    Returns:
        The crossing's share of the way from first to second, differentiable, and whether there is
        one; of several the first edge counts. [P]
    """
    us, vs = (view.columns, view.rows) if axis == 2 else (view.rows, view.columns)
    slots = view.faces[face] + (mesh * view.num_vertices)[:, None]  # [P, 3]
    starts, ends = slots, slots.roll(-1, 1)
    with torch.no_grad():
        places, crosses = _cross(us, vs, starts, ends, along[:, None], across[:, None])
        crosses &= view.outlines[mesh, face] & (places >= 0) & (places <= 1)
    chosen = crosses.long().argmax(1, keepdim=True)  # the first that is true
    start, end = starts.gather(1, chosen)[:, 0], ends.gather(1, chosen)[:, 0]
    place, _ = _cross(us, vs, start, end, along, across)
    return place, crosses.any(1)


def _cross(
    us: Tensor, vs: Tensor, start: Tensor, end: Tensor, along: Tensor, across: Tensor
) -> tuple[Tensor, Tensor]:
    """Cross edges with pixel lines: the place behind `along`, and whether the edge reaches it."""
    start_u, start_v = take(us, start), take(vs, start)
    run, rise = take(us, end) - start_u, take(vs, end) - start_v
    is_steep = (rise.abs() >= run.abs()) & (rise != 0)
    rise = torch.where(is_steep, rise, 1)
    share = (across - start_v) / rise
    return start_u + share * run - along, is_steep & (share >= 0) & (share <= 1)
