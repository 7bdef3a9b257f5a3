"""Values of the vertices at every pixel: colours, normals, features."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d import ops as ops  # registers torch.ops.nr3d
from nr3d.checks import at_least_float32, check_tensor
from nr3d.renderer.rasterize import Fragments, prepare_fragments


def interpolate_vertices(
    values: Tensor, fragments: Fragments, *, vertices: Tensor, faces: Tensor
) -> Tensor:
    """Interpolate values of the vertices on the surface that is seen, perspective-correct.

    Args:
        values: Any number of channels; a first axis of 1 serves all views. [M or 1, V, C]
        fragments: What `rasterize` gave for `vertices` and `faces`.
        vertices: What was rasterized: x, y in NDC and depth in scene units. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]

    Returns:
        0 where nothing is seen, NaN where values are, which are not looked at. Between the values
        of the corners, rounding aside, but for a face that reaches behind the camera: its weights
        lie outside [0, 1] and extrapolate. The gradient flows to `values`, and none to `vertices`:
        there `kato_edges` gives one. Half precision is cast to float32. The same bits for any
        number of threads. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range.

    Source: a corner with screen-space weight w and depth z has the weight w depth / z (Kato et al.
    2018, the authors' renderer).
    """
    name = "interpolate_vertices"
    seen = prepare_fragments(name, fragments, vertices, faces)
    if isinstance(values, Tensor):
        values = at_least_float32(values)
    shape, dtypes = ("M", vertices.shape[1], "C"), (seen[0].dtype,)
    check_tensor(name, "values", values, shape=shape, dtypes=dtypes, like=vertices)
    image: Tensor = torch.ops.nr3d.interpolate_vertices(values, *seen)
    return image
