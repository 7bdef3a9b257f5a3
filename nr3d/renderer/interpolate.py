"""Values at vertices, interpolated at pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import at_least_float32, check_tensor
from nr3d.renderer.barycentric import faces_seen, perspective_weights
from nr3d.renderer.rasterize import Fragments


def interpolate_vertices(
    values: Tensor, fragments: Fragments, *, vertices: Tensor, faces: Tensor
) -> Tensor:
    """Interpolate in the scene what is given at vertices.

    Args:
        values: A first axis of 1 serves all views. [M or 1, V, C]
        fragments: Of `rasterize(vertices, faces)`.
        vertices: Projected. [M, V, 3]
        faces: [F, 3]

    Returns:
        0 where nothing is seen; differentiable in `values`. [M, C, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.

    Source: perspective-correct interpolation.
    """
    values = at_least_float32(values) if isinstance(values, Tensor) else values
    num_views, height, width = fragments.face_index.shape
    rows = num_views if getattr(values, "shape", (0,))[0] != 1 else 1
    shape = (rows, vertices.shape[1], "C")
    check_tensor("interpolate_vertices", "values", values, shape=shape, like=vertices)
    weights = perspective_weights(fragments, vertices, faces).flatten(1, 2)  # [M, HW, 3]
    corners = faces.long()[faces_seen(fragments, faces.shape[0])].flatten(1, 2)  # [M, HW, 3]
    values = values.expand(num_views, -1, -1)
    channels = values.shape[2]
    image = torch.zeros(())
    for k in range(3):
        at = corners[..., k, None].expand(-1, -1, channels)
        image = image + values.gather(1, at) * weights[..., k, None].to(values.dtype)
    return image.transpose(1, 2).reshape(num_views, channels, height, width)
