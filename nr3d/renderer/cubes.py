"""Colours from one cube of values for each face, the textures of Kato et al. 2018."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d import ops as ops  # registers torch.ops.nr3d
from nr3d.checks import at_least_float32, check_tensor
from nr3d.renderer.rasterize import Fragments, prepare_fragments


def sample_cubes(
    cubes: Tensor, fragments: Fragments, *, vertices: Tensor, faces: Tensor, eps: float = 1e-3
) -> Tensor:
    """Look the surface that is seen up in the cubes of its faces.

    Axis k of a cube belongs to corner k of its face: a point with the perspective-correct weights
    b_0, b_1 and b_2 lies at (T - 1) (b_0, b_1, b_2), between texels, whose values are interpolated.
    So texel [T - 1, 0, 0] is the value of corner 0, and of the others only those near the plane
    through these three texels count. With T = 1 a face has one value. Both sides of a face share
    its cube.

    Args:
        cubes: T texels along each side, any number of channels; a first axis of 1 serves all
            views. [M or 1, F, T, T, T, C]
        fragments: What `rasterize` gave for `vertices` and `faces`.
        vertices: What was rasterized: x, y in NDC and depth in scene units. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        eps: Positions end this far before the last texel, in texels.

    Returns:
        0 where nothing is seen. The gradient flows to `cubes`, and none to `vertices`: there
        `kato_edges` gives one. Half precision is cast to float32. The same bits for any number of
        threads. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range,
            eps < 0.

    Source: Kato et al. 2018, the authors' renderer.
    """
    name = "sample_cubes"
    seen = prepare_fragments(name, fragments, vertices, faces)
    if isinstance(cubes, Tensor):
        cubes = at_least_float32(cubes)
    shape, dtypes = ("M", faces.shape[0], "T", "T", "T", "C"), (seen[0].dtype,)
    check_tensor(name, "cubes", cubes, shape=shape, dtypes=dtypes, like=vertices)
    image: Tensor = torch.ops.nr3d.sample_cubes(cubes, *seen, eps)
    return image
