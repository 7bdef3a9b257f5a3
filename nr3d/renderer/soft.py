"""The soft silhouettes of Liu, Li, Chen & Li, "Soft Rasterizer" (ICCV 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nr3d.renderer.rasterize import prepare_view


def soft_silhouettes(
    vertices: Tensor,
    faces: Tensor,
    *,
    image_size: int | Sequence[int],
    sigma: float = 1e-4,
    anti_aliasing: bool = False,
    near: float = 0.1,
    far: float = 100.0,
) -> Tensor:
    """Draw silhouettes that are smooth in the vertices, with their true derivative.

    A face covers a pixel to the share D = sigmoid(s d^2 / sigma), d the distance of the pixel's
    centre to the face's outline and s = 1 inside, -1 outside; a pixel's value is
    1 - prod(1 - D) over all faces, hidden ones too. Both windings count alike.

    Faces do not count without area, with a corner at a depth of at most `near`, or with all corners
    at depths of at least `far`. Outside a face, shares below 1e-10 do not count: a pixel changes by
    less than 1e-10 times the number of faces, and no pixel further than 4.8 sqrt(sigma) pulls.

    Args:
        vertices: x, y in NDC ([-1, 1], y up) and depth in scene units; computed in float32 or
            float64, half precision is cast to float32. [M, V, 3]
        faces: Vertex indices, int32 or int64. [F, 3]
        image_size: Side of the image, or (H, W), in pixels. Distances are in NDC; where H and W
            differ, in NDC of the height, the same along rows and columns.
        sigma: Softness, in squared distance. At the distance sqrt(sigma) D is 0.27 outside.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: A depth; see above.
        far: Likewise.

    Returns:
        Values in [0, 1], row 0 at the top, differentiable in x, y of `vertices`; the gradient of
        depths is 0. The same bits for any number of threads. [M, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, NaN or infinite vertices, an index that points at no
            vertex, an image without pixels, near >= far, or sigma <= 0.

    Source: Liu et al. 2019, section 3.2 (euclidean distances, product of the shares), and the
        authors' code.
    """
    vertices, size = prepare_view("soft_silhouettes", vertices, faces, image_size)
    factor = 2 if anti_aliasing else 1
    height, width = (factor * extent for extent in size)
    images: Tensor
    images, _ = torch.ops.nr3d.soft_silhouettes(vertices, faces, height, width, near, far, sigma)
    return avg_pool2d(images, factor) if anti_aliasing else images
