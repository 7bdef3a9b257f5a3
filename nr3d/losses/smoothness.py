"""How flat a surface is across its edges."""

from __future__ import annotations

from torch import Tensor

from nr3d.checks import INTEGERS, check_tensor, format_shape


def smoothness_loss(vertices: Tensor, edges: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Sum (cos theta + 1)^2 over the edges of each mesh, theta the angle between the two faces.

    Flat is 180 degrees and costs nothing. The sum is over edges and the mean over meshes only: the
    loss of a finer mesh is larger.

    Args:
        vertices: [B, V, 3]
        edges: Rows (v0, v1, v2, v3): an edge and the far corners of its two faces, as given by
            `edges_with_opposite_vertices`. [E, 4]
        eps: Keeps divisions and roots away from zero, also their gradients.

    Returns:
        The loss, a scalar.

    Raises:
        TypeError: If vertices are neither float32 nor float64, or edges no integers.
        ValueError: If a shape or device is another, or there is no mesh at all.

    Source: Kato et al. 2018, smoothness loss, in the form of the authors' code.
    """
    name = "smoothness_loss"
    check_tensor(name, "vertices", vertices, shape=("B", "V", 3))
    check_tensor(name, "edges", edges, shape=("E", 4), dtypes=INTEGERS, like=vertices)
    if len(vertices) == 0:
        shape = format_shape(vertices.shape)
        raise ValueError(f"{name}: vertices must hold at least one mesh, got shape {shape}")
    columns = vertices.permute(1, 2, 0).contiguous()  # [V, 3, B]: gathers whole rows of meshes
    v0, v1, v2, v3 = (columns.index_select(0, edges[:, k]) for k in range(4))  # [E, 3, B]
    side = v1 - v0
    first, first_length = _arm(side, v2 - v0, eps)
    second, second_length = _arm(side, v3 - v0, eps)
    cosine = (first * second).sum(dim=1) / (first_length * second_length + eps)
    return (cosine + 1).square().sum() / len(vertices)


def _arm(side: Tensor, other: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Give the part of `other` at right angles to `side` [E, 3, B], and its length [E, B]."""
    along = (side * other).sum(dim=1)
    side_squared, other_squared = side.square().sum(dim=1), other.square().sum(dim=1)
    side_length, other_length = (side_squared + eps).sqrt(), (other_squared + eps).sqrt()
    cosine = along / (side_length * other_length + eps)
    sine = (1 - cosine.square() + eps).sqrt()
    foot = side * (along / (side_squared + eps))[:, None]
    return other - foot, other_length * sine
