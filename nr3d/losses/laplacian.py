"""How far vertices are from the middle of their neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import INTEGERS, check_tensor, format_shape


def laplacian_loss(vertices: Tensor, edges: Tensor) -> Tensor:
    """Sum |v - mean of its neighbours|^2 over the vertices of each mesh.

    The sum is over vertices and the mean over meshes only: the loss of a finer mesh is another. A
    vertex without an edge costs nothing.

    Args:
        vertices: [B, V, 3]
        edges: Their first two columns are the ends of every edge, once each, as given by
            `edges_with_opposite_vertices`. [E, 2 or more]

    Returns:
        The loss, a scalar.

    Raises:
        TypeError: If vertices are neither float32 nor float64, or edges no integers.
        ValueError: If a shape or device is another, or there is no mesh at all.

    Source: uniform Laplacian, L = I - D^-1 A; Liu et al. 2019 (SoftRas), in the form of the
    authors' code.
    """
    name = "laplacian_loss"
    check_tensor(name, "vertices", vertices, shape=("B", "V", 3))
    check_tensor(name, "edges", edges, shape=("E", "2 or more"), dtypes=INTEGERS, like=vertices)
    if len(vertices) == 0 or edges.shape[1] < 2:
        argument, value = ("vertices", vertices) if len(vertices) == 0 else ("edges", edges)
        wanted = "hold at least one mesh" if len(vertices) == 0 else "have at least two columns"
        raise ValueError(f"{name}: {argument} must {wanted}, got shape {format_shape(value.shape)}")
    ends = torch.cat((edges[:, :2], edges[:, :2].flip(1))).long()  # both ways
    sums = torch.zeros_like(vertices).index_add(1, ends[:, 0], vertices[:, ends[:, 1]])
    ones = vertices.new_ones(len(ends))
    degree = vertices.new_zeros(vertices.shape[1]).index_add(0, ends[:, 0], ones)[:, None]
    middle = torch.where(degree > 0, sums / degree.clamp(min=1), vertices)
    return (vertices - middle).square().sum() / len(vertices)
