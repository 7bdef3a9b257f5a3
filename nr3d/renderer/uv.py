"""Colours of faces, and of an image laid over them."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import at_least_float32, check_choice, check_tensor, format_shape
from nr3d.renderer.barycentric import faces_seen, perspective_weights
from nr3d.renderer.rasterize import Fragments

WRAPS = ("repeat", "mirror", "clamp", "border")


def gather_faces(values: Tensor, fragments: Fragments) -> Tensor:
    """Give every pixel the value of its face, whichever side is seen.

    Args:
        values: A first axis of 1 serves all views. [M or 1, F, C]
        fragments: What is seen, of F faces. [M, H, W]

    Returns:
        0 where nothing is seen; differentiable in `values`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, no face, or on the CPU a face index out of range; on
            another device it is not looked at, which would make the program wait.
    """
    values = _as_rows("gather_faces", "values", values, ("F", "C"), fragments)
    _check_faces("gather_faces", fragments.face_index, values.shape[1])
    face = faces_seen(fragments, values.shape[1]).reshape(values.shape[0], 1, -1)
    columns = values.transpose(1, 2)  # [M or 1, C, F]
    return _image_of(columns.gather(2, face.expand(-1, values.shape[2], -1)), fragments)


def sample_uv(
    image: Tensor,
    uvs: Tensor,
    fragments: Fragments,
    *,
    vertices: Tensor,
    faces: Tensor,
    wrap: str = "repeat",
) -> Tensor:
    """Look an image up at the texture coordinates of every pixel, bilinearly.

    Args:
        image: Row 0 at the top; a first axis of 1 serves all views. [M or 1, C, h, w]
        uvs: Coordinates of the corners of each face: (0, 0) is the lower left corner of the image,
            (1, 1) the upper right one; texel i of a row of w has its centre at (i + 0.5) / w. Up to
            half a texel from its border the image blends with what `wrap` puts beside it: with
            `repeat`, u = 0 and u = 1 show the mean of the first and the last column. [F, 3, 2]
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected. [M, V, 3]
        faces: [F, 3]
        wrap: Outside [0, 1] the image is repeated (`repeat`), mirrored (`mirror`), continued by its
            border (`clamp`) or black (`border`).

    Returns:
        0 where nothing is seen; differentiable in `image` and `uvs`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype; a wrap that is no string.
        ValueError: A wrong shape or device, an unknown wrap; a face index as in `gather_faces`.

    Source: perspective-correct interpolation; texels as in OpenGL.
    """
    check_choice("sample_uv", "wrap", wrap, WRAPS)
    image = _as_rows("sample_uv", "image", image, ("C", "h", "w"), fragments)
    check_tensor("sample_uv", "uvs", uvs, shape=(faces.shape[0], 3, 2), like=vertices)
    _check_faces("sample_uv", fragments.face_index, faces.shape[0])
    num_images, channels, height, width = image.shape
    if height * width == 0:
        raise ValueError(f"sample_uv: image must have texels, got {format_shape(image.shape)}")
    weights = perspective_weights(fragments, vertices, faces)
    corners = uvs[faces_seen(fragments, faces.shape[0])]  # [M, H, W, 3, 2]
    u, v = (weights[..., None] * corners).sum(-2).to(image.dtype).unbind(-1)
    columns = _taps(u * width - 0.5, width, wrap)
    rows = _taps((1 - v) * height - 0.5, height, wrap)
    flat = image.flatten(2)
    pixels = (num_images, 1, -1)  # one image serves the pixels of all views
    result = torch.zeros(())
    for row, row_share in rows:
        for column, column_share in columns:
            at = (row * width + column).reshape(pixels).expand(-1, channels, -1)
            result = result + flat.gather(2, at) * (row_share * column_share).reshape(pixels)
    return _image_of(result, fragments)


def _taps(position: Tensor, size: int, wrap: str) -> list[tuple[Tensor, Tensor]]:
    """Give the two texels around each position, with their shares."""
    low = position.floor()
    share = position - low
    taps = []
    for index, part in ((low.long(), 1 - share), (low.long() + 1, share)):
        if wrap == "repeat":
            texel = index % size
        elif wrap == "mirror":
            texel = index % (2 * size)
            texel = torch.minimum(texel, 2 * size - 1 - texel)
        else:
            texel = index.clamp(0, size - 1)
            part = part * (texel == index) if wrap == "border" else part
        taps.append((texel, part))
    return taps


def _check_faces(function: str, face_index: Tensor, num_faces: int) -> None:
    """Check that there are faces and that indices on the CPU are of them or their backs."""
    if num_faces == 0:
        raise ValueError(f"{function}: there must be at least 1 face, got none")
    is_readable = face_index.device.type == "cpu" and not torch.compiler.is_compiling()
    if not is_readable or face_index.numel() == 0:
        return
    low, high = (int(bound) for bound in face_index.aminmax())
    if low < -1 or high >= 2 * num_faces:
        raise ValueError(
            f"{function}: face_index must hold face indices inside [-1, {2 * num_faces}), "
            f"got {low if low < -1 else high}; the fragments are those of other faces"
        )


def _image_of(values: Tensor, fragments: Fragments) -> Tensor:
    """Lay out the pixels [M, C, HW] or [1, C, M HW] as [M, C, H, W], 0 where nothing is seen."""
    num_views, height, width = fragments.face_index.shape
    split = values.unflatten(2, (-1, height, width)).transpose(1, 2)  # [M, 1, C, ..] or [1, M, ..]
    image: Tensor = split.reshape(num_views, values.shape[1], height, width)
    return image.masked_fill((fragments.face_index < 0)[:, None], 0)


def _as_rows(
    function: str, argument: str, value: Tensor, axes: tuple[str, ...], fragments: Fragments
) -> Tensor:
    """Check [M or 1, axes]; cast half precision to float32."""
    if isinstance(value, Tensor):
        value = at_least_float32(value)
    num_views = fragments.face_index.shape[0]
    serves_all = isinstance(value, Tensor) and value.dim() > 0 and value.shape[0] == 1
    shape: tuple[int | str, ...] = (1 if serves_all else num_views, *axes)
    check_tensor(function, argument, value, shape=shape, like=fragments.face_index)
    return value
