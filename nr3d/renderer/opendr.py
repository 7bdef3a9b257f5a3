"""The image gradient of Loper & Black, "OpenDR: An Approximate Differentiable Renderer" (2014)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nr3d import ops
from nr3d.checks import INTEGERS, at_least_float32, check_tensor
from nr3d.ops.inputs import check_indices, prepare_mesh
from nr3d.renderer.gather import pixels_where, sum_at


def opendr_edges(
    image: Tensor,
    vertices: Tensor,
    *,
    faces: Tensor,
    face_index: Tensor,
    boundary: bool = True,
    weights: Tensor | None = None,
) -> Tensor:
    """Give the same image, with a gradient to the vertices of the faces that each pixel shows.

    A pixel moves with the face it shows, so its value changes by minus the slope of the image times
    the way it moves, which its corners share by their barycentric weights. Slopes are differences
    of neighbouring pixels, of each channel by itself. Pixels without a face give nothing, and the
    sign of the incoming gradient does not matter: this is linear in it.

    With `boundary`, pixels that show a face beside one that shows none (the frame counts as none)
    form the boundary. There a slope is the whole difference of the two neighbours, at the frame
    twice the one difference there is; elsewhere it is the mean of the differences that do not touch
    the boundary, and if both do, the whole one. Without it, slopes are half the difference of the
    two neighbours, 0 at the frame.

    Args:
        image: The image drawn from `face_index`, without anti-aliasing. [M, C, H, W]
        vertices: What was rasterized: x, y in NDC, y up. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        face_index: `Fragments.face_index` of the same vertices and faces. [M, H, W], int32
        boundary: Treat pixels at outlines as described.
        weights: `Fragments.weights` of the same, on the screen; found again from the vertices when
            absent, which takes longer. [M, H, W, 3]

    Returns:
        A copy of `image`. Its gradient flows to `image` unchanged and to x, y of `vertices` as
        above; z gets zero. Half precision is cast to float32. The same bits for any number of
        threads.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device; NaN or infinite vertices and indices out of range are
            found when the gradient is computed.

    Source: Loper & Black 2014, section 3, and the filters of the authors' program; weights are
    those on the screen, where theirs are perspective-correct.
    """
    function = "opendr_edges"
    image, vertices = (
        at_least_float32(each) if isinstance(each, Tensor) else each for each in (image, vertices)
    )
    ops.check_mesh(function, vertices, faces)
    shape, dtypes = (vertices.shape[0], "H", "W"), (vertices.dtype,)
    check_tensor(
        function, "face_index", face_index, shape=shape, dtypes=INTEGERS[:1], like=vertices
    )
    shape = (vertices.shape[0], "C", *face_index.shape[1:])
    check_tensor(function, "image", image, shape=shape, dtypes=dtypes, like=vertices)
    if weights is not None:
        shape = (*face_index.shape, 3)
        check_tensor(function, "weights", weights, shape=shape, dtypes=dtypes, like=vertices)
        weights = weights.detach()
    edged: Tensor = _OpenDREdges.apply(image, vertices, faces, face_index, weights, boundary)
    return edged


class _OpenDREdges(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        vertices: Tensor,
        faces: Tensor,
        face_index: Tensor,
        weights: Tensor | None,
        boundary: bool,
    ) -> Tensor:
        ctx.save_for_backward(image, vertices, faces, face_index, weights)
        ctx.boundary = boundary
        return image.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_image: Tensor) -> tuple[Tensor | None, ...]:
        image, vertices, faces, face_index, weights = ctx.saved_tensors
        grad_vertices = None
        if ctx.needs_input_grad[1]:
            vertices, faces = prepare_mesh("opendr_edges", vertices, faces)
            num_faces = 2 * len(faces)
            check_indices(
                "opendr_edges",
                "face_index",
                face_index.contiguous(),
                of="face",
                low=-1,
                high=num_faces,
            )
            pixels = _pixels_that_pull(image, face_index >= 0)
            pulls = _pulls(image, grad_image, face_index >= 0, pixels, ctx.boundary)
            grad_vertices = _share(pulls, pixels, vertices, faces, face_index, weights)
        return grad_image, grad_vertices, None, None, None, None


def _pixels_that_pull(image: Tensor, covered: Tensor) -> Tensor:
    """List pixels of a face that differ from a neighbour; see `pixels_where`. [P]"""
    differs = torch.zeros_like(covered)
    for axis in (1, 2):
        length = covered.shape[axis] - 1
        first, second = (image.narrow(axis + 1, start, length) for start in (0, 1))
        step = (first != second).any(1)
        differs.narrow(axis, 0, length).logical_or_(step)
        differs.narrow(axis, 1, length).logical_or_(step)
    return pixels_where(covered & differs)


def _pulls(
    image: Tensor, grad_image: Tensor, covered: Tensor, pixels: Tensor, boundary: bool
) -> tuple[Tensor, Tensor]:
    """Give the loss per pixel of movement to the right, and of movement upwards. [P] each

    Minus the incoming gradient times the slope of the image, summed over channels. Slopes are sums
    of steps to neighbours, so channels are summed first.
    """
    height, width = covered.shape[1:]
    outline = (covered & ~(_neighbours(covered, 1) & _neighbours(covered, 2))).flatten()
    num_channels, size = image.shape[1], height * width
    found = []
    in_mesh = pixels % size
    places = pixels + (pixels // size) * ((num_channels - 1) * size)  # of the first channel
    values, grads = image.flatten(), grad_image.flatten()
    for position, length, stride in (
        (pixels % width, width, 1),
        (in_mesh // width, height, width),
    ):
        is_first, is_last = position == 0, position == length - 1
        to_left, to_right = -stride * ~is_first, stride * ~is_last
        before = after = torch.zeros((), dtype=image.dtype, device=image.device)
        for channel in range(num_channels):
            here = places + channel * size
            value, grad = values[here], grads[here]
            before = before + grad * (value - values[here + to_left])
            after = after + grad * (values[here + to_right] - value)
        at_frame = is_first | is_last
        if boundary:
            touched = (outline[pixels], outline[pixels + to_left], outline[pixels + to_right])
            slope = _slope_off_outline(before, after, at_frame, *touched)
        else:
            slope = torch.where(at_frame, 0, (before + after) * 0.5)
        found.append(slope)
    return -found[0], found[1]  # rows grow downwards


def _slope_off_outline(
    before: Tensor, after: Tensor, at_frame: Tensor, here: Tensor, left: Tensor, right: Tensor
) -> Tensor:
    """Combine the differences to both neighbours [P] by which of the three are outline. [P]"""
    whole = before + after
    one_side = torch.where(left, after, before)  # the difference that touches nothing
    mean = torch.where(left | right, one_side, whole * 0.5)
    slope = torch.where(here | (left & right), whole, mean)
    return torch.where(at_frame, 2 * whole, slope)  # a pixel of a face at the frame is outline


def _neighbours(covered: Tensor, axis: int) -> Tensor:
    """Tell where both neighbours along an axis are covered; beyond the frame nothing is."""
    around = pad(covered, (1, 1) if axis == 2 else (0, 0, 1, 1))
    length = covered.shape[axis]
    return around.narrow(axis, 0, length) & around.narrow(axis, 2, length)


def _share(
    pulls: tuple[Tensor, Tensor],
    pixels: Tensor,
    vertices: Tensor,
    faces: Tensor,
    face_index: Tensor,
    weights: Tensor | None,
) -> Tensor:
    """Share what every pixel pulls among the corners of its face. [M, V, 3]"""
    num_meshes, num_vertices = vertices.shape[:2]
    _, height, width = face_index.shape
    grad = torch.zeros_like(vertices)
    if len(faces) == 0 or num_vertices == 0:
        return grad
    face = face_index.flatten()[pixels].long()
    # Where nobody has looked at the indices, wrong ones must not reach beyond the tensor.
    faces = faces.long().clamp(0, num_vertices - 1)
    corners = faces[face.clamp(min=0) % len(faces)]  # [P, 3]
    corners = torch.where((face >= len(faces))[:, None], corners.flip(1), corners)
    slots = corners + (pixels // (height * width) * num_vertices)[:, None]
    if weights is None:
        shares = _screen_weights(vertices.flatten(0, 1)[slots], pixels, height, width)
    else:
        shares = weights.reshape(-1, 3)[pixels]
    shares = torch.where((face >= 0)[:, None], shares, 0)
    for axis, length in ((0, width), (1, height)):
        of_corners = shares * (pulls[axis] * (0.5 * length))[:, None]  # per unit of NDC
        sums = sum_at(slots.flatten(), of_corners.flatten(), num_meshes * num_vertices)
        grad[..., axis] = sums.view(num_meshes, num_vertices)
    return grad


def _screen_weights(corners: Tensor, pixels: Tensor, height: int, width: int) -> Tensor:
    """Give barycentric weights of the centres of pixels in faces [P, 3, 3]. [P, 3]"""
    x = (2 * (pixels % width) + 1 - width).to(corners) / width
    y = -(2 * (pixels // width % height) + 1 - height).to(corners) / height
    from_x, from_y = corners[..., 0] - x[:, None], corners[..., 1] - y[:, None]
    next_x, next_y = from_x.roll(-1, 1), from_y.roll(-1, 1)
    areas = (from_x * next_y - from_y * next_x).roll(-1, 1)  # opposite to each corner
    shares = (areas / areas.sum(1, keepdim=True)).nan_to_num(0, 0, 0).clamp(0, 1)
    return shares / shares.sum(1, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)
