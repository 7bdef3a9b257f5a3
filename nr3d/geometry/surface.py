"""What the writers of mesh files are given, checked once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nr3d.checks import FLOATS, INTEGERS, REDUCED_FLOATS, at_least_float32, check_tensor
from nr3d.geometry.texture_cubes import atlas_from_cubes, check_cubes

ANY_FLOATS = (*FLOATS, *REDUCED_FLOATS)


@dataclass(frozen=True)
class Surface:
    """A mesh to write, on the CPU; it has an image with texture coordinates, colours or neither.

    Attributes:
        vertices: [V, 3], float64
        faces: [F, 3], int64
        uvs: [F, 3, 2], float64
        image: [3, h, w], row 0 at the top, float32 or float64
        vertex_colors: Inside [0, 1]. [V, 3], float64
    """

    vertices: Tensor
    faces: Tensor
    uvs: Tensor | None
    image: Tensor | None
    vertex_colors: Tensor | None


def check_surface(
    function: str,
    vertices: Tensor,
    faces: Tensor,
    *,
    cubes: Tensor | None,
    uvs: Tensor | None,
    image: Tensor | None,
    vertex_colors: Tensor | None,
) -> Surface:
    """Check all that a writer is given and draw the atlas of texture cubes.

    Raises:
        TypeError: If a dtype is another.
        ValueError: If a shape does not fit, there is no face, a number is NaN or infinite, an index
            points at no vertex, there is one of `uvs` and `image` without the other, or more than
            one kind of colour.
    """
    check_tensor(function, "vertices", vertices, shape=("V", 3), dtypes=ANY_FLOATS)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS)
    if len(faces) == 0:
        raise ValueError(f"{function}: faces must hold at least one face, got [0, 3]")
    wrong = faces[(faces < 0) | (faces >= len(vertices))]
    if len(wrong) > 0:
        raise ValueError(
            f"{function}: faces must hold vertex indices inside [0, {len(vertices)}), "
            f"got {int(wrong[0])}"
        )
    if (uvs is None) != (image is None):
        raise ValueError(f"{function}: uvs and image must be given together, got one of them")
    given = {"cubes": cubes, "image": image, "vertex_colors": vertex_colors}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(f"{function}: colours must be of one kind, got {' and '.join(names)}")
    for name, value, shape in (
        ("cubes", cubes, (len(faces), "T", "T", "T", 3)),
        ("uvs", uvs, (len(faces), 3, 2)),
        ("image", image, (3, "h", "w")),
        ("vertex_colors", vertex_colors, (len(vertices), 3)),
    ):
        if value is not None:
            check_tensor(function, name, value, shape=shape, dtypes=ANY_FLOATS)
    for name, value in (("vertices", vertices), ("uvs", uvs), *given.items()):
        if value is not None and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{function}: {name} must be finite, got NaN or infinity")
    if cubes is not None:
        cubes = at_least_float32(cubes.detach().cpu())
        check_cubes(function, cubes)
        image, uvs = atlas_from_cubes(cubes)
    return Surface(
        _plain(vertices),
        faces.detach().long().cpu(),
        None if uvs is None else _plain(uvs),
        None if image is None else at_least_float32(image.detach().cpu()),
        None if vertex_colors is None else _plain(vertex_colors).clamp(0.0, 1.0),
    )


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().double().cpu()
