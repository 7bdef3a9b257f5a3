"""Colours of faces, and of an image laid over them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nr3d.checks import INTEGERS, at_least_float32, check_choice, check_tensor, format_shape
from nr3d.renderer.barycentric import faces_seen, perspective_weights
from nr3d.renderer.rasterize import Fragments
from nr3d.renderer.texels import WRAPS, blend, taps


def gather_faces(values: Tensor, fragments: Fragments) -> Tensor:
    """Give every pixel the value of its face, whichever side is seen.

    Args:
        values: Of the dtype of the fragments; half precision is cast to float32. A first axis of
            1 serves all views. [M or 1, F, C]
        fragments: What is seen, of F faces. [M, H, W]

    Returns:
        0 where nothing is seen, NaN where values are; differentiable in `values`. [M, C, H, W]

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
        image: Row 0 at the top, of the dtype of the fragments; half precision is cast to float32.
            A first axis of 1 serves all views. [M or 1, C, h, w]
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
        0 where nothing is seen, NaN where texels or coordinates are, which are not looked at;
        differentiable in `image` and `uvs`, not in `vertices`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype; a wrap that is no string.
        ValueError: A wrong shape or device, an unknown wrap; a face index as in `gather_faces`.

    Source: perspective-correct interpolation; texels as in OpenGL.
    """
    check_choice("sample_uv", "wrap", wrap, WRAPS)
    image = _as_rows("sample_uv", "image", image, ("C", "h", "w"), fragments)
    check_tensor("sample_uv", "uvs", uvs, shape=(faces.shape[0], 3, 2), like=vertices)
    _check_faces("sample_uv", fragments.face_index, faces.shape[0])
    height, width = image.shape[2:]
    if height * width == 0:
        raise ValueError(f"sample_uv: image must have texels, got {format_shape(image.shape)}")
    u, v = _coordinates(uvs, fragments, vertices, faces, image.dtype)
    columns = taps(u * width - 0.5, width, ((wrap, None),))
    rows = taps((1 - v) * height - 0.5, height, ((wrap, None),))
    return _image_of(blend(image.flatten(2), rows, columns, width, 0), fragments)


def sample_images(
    images: Sequence[Tensor],
    face_image: Tensor,
    uvs: Tensor,
    fragments: Fragments,
    *,
    vertices: Tensor,
    faces: Tensor,
    wraps: Sequence[str],
) -> Tensor:
    """Look up at every pixel the image of its face, as `sample_uv` does; at once for all images.

    Args:
        images: Row 0 at the top, at least one, of the dtype of the fragments; half precision is
            cast to float32. Each [C, h, w]
        face_image: Index of each face's image, -1 for none. [F]
        uvs: As for `sample_uv`. [F, 3, 2]
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected. [M, V, 3]
        faces: [F, 3]
        wraps: How each image goes on outside; see `sample_uv`.

    Returns:
        0 where no image is seen, NaN where texels or coordinates are, which are not looked at;
        differentiable in `images` and `uvs`, not in `vertices`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, an unknown wrap, not one wrap for each image; a face
            index as in `gather_faces`.
    """
    name = "sample_images"
    images = [at_least_float32(x) if isinstance(x, Tensor) else x for x in images]
    _check_images(name, images, wraps, fragments)
    num_faces = faces.shape[0]
    check_tensor(name, "face_image", face_image, shape=(num_faces,), dtypes=INTEGERS, like=faces)
    check_tensor(name, "uvs", uvs, shape=(num_faces, 3, 2), like=vertices)
    _check_faces(name, fragments.face_index, num_faces)
    u, v = _coordinates(uvs, fragments, vertices, faces, images[0].dtype)
    shown = face_image.long()[faces_seen(fragments, num_faces)]  # [M, H, W]
    which = shown.clamp(min=0)
    height, width, start = _places(images, which)
    modes: list[tuple[str, Tensor | None]] = [(wraps[0], None)]
    if len(set(wraps)) > 1:
        held = {wrap: [each == wrap for each in wraps] for wrap in wraps}
        modes = [
            (wrap, torch.tensor(which_do, device=u.device)[which])
            for wrap, which_do in held.items()
        ]
    columns = taps(u * width - 0.5, width, modes)
    rows = taps((1 - v) * height - 0.5, height, modes)
    texels = torch.cat([image.flatten(1) for image in images], dim=1)[None]
    image = _image_of(blend(texels, rows, columns, width, start), fragments)
    return image.masked_fill((shown < 0)[:, None], 0)


def _places(
    images: Sequence[Tensor], which: Tensor
) -> tuple[int | Tensor, int | Tensor, int | Tensor]:
    """Give height, width and first texel of each pixel's image among all texels."""
    heights, widths = ([image.shape[axis] for image in images] for axis in (1, 2))
    if len(images) == 1:
        return heights[0], widths[0], 0
    sizes = [height * width for height, width in zip(heights, widths, strict=True)]
    first = [sum(sizes[:i]) for i in range(len(sizes))]
    height, width, start = (
        torch.tensor(each, device=which.device)[which] for each in (heights, widths, first)
    )
    return height, width, start


def _check_images(
    function: str, images: Sequence[Tensor], wraps: Sequence[str], fragments: Fragments
) -> None:
    if len(images) == 0 or len(images) != len(wraps):
        raise ValueError(
            f"{function}: there must be at least 1 image and as many wraps, got {len(images)} "
            f"images and {len(wraps)} wraps"
        )
    for image, wrap in zip(images, wraps, strict=True):
        check_choice(function, "wraps", wrap, WRAPS)
        check_tensor(
            function,
            "images",
            image,
            shape=("C" if image is images[0] else images[0].shape[0], "h", "w"),
            dtypes=(fragments.depth.dtype,),
            like=fragments.depth,
        )
        if image.shape[1] * image.shape[2] == 0:
            raise ValueError(
                f"{function}: images must have texels, got {format_shape(image.shape)}"
            )


def _coordinates(
    uvs: Tensor, fragments: Fragments, vertices: Tensor, faces: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Interpolate texture coordinates. Each [M, H, W]"""
    weights = perspective_weights(fragments, vertices, faces)
    corners = uvs[faces_seen(fragments, faces.shape[0])]  # [M, H, W, 3, 2]
    u, v = (weights[..., None] * corners).sum(-2).to(dtype).unbind(-1)
    return u, v


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
    dtypes = (fragments.depth.dtype,)
    check_tensor(function, argument, value, shape=shape, dtypes=dtypes, like=fragments.face_index)
    return value
