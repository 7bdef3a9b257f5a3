"""Meshes for emulated threads, which are slow: few faces that are all different."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nr3d import ops as ops
from nr3d.ops import place

Fragments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Vertices, faces, face index, depth, weights."""

PRECISIONS = {torch.float32: 1e-4, torch.float64: 1e-12}
"""Of sums over a few hundred pixels, relative to the largest number."""


def on_cpu(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Tensor], *args: object
) -> Tensor:
    """Call a function with the kernels of the CPU."""
    with monkeypatch.context() as patch:
        patch.setitem(place.PLACES, "cpu", place.Cpu())
        return function(*args)


def meshes(dtype: torch.dtype, *, num_meshes: int = 3) -> tuple[Tensor, Tensor]:
    """Give faces that share vertices: small, huge, off the screen, seen from behind, without area.

    Returns:
        Vertices in NDC with depths. [M, 12, 3]
        Faces. [11, 3]
    """
    generator = torch.Generator().manual_seed(3)
    vertices = torch.rand(num_meshes, 12, 3, generator=generator, dtype=torch.float64) * 2 - 1
    vertices[..., 2] += 2.5
    vertices[:, 9] = torch.tensor([-9.0, -7.0, 6.0])  # with the next two: behind all others
    vertices[:, 10] = torch.tensor([9.0, -7.0, 5.0])
    vertices[:, 11] = torch.tensor([0.1, 9.0, 6.5])
    front = [[0, 1, 2], [1, 2, 3], [3, 4, 5], [5, 6, 0], [6, 7, 8], [8, 0, 4], [2, 7, 5], [1, 8, 6]]
    odd = [[9, 10, 11], [3, 3, 4], [9, 11, 9]]
    return vertices.to(dtype), torch.tensor(front + odd)


def fragments(
    monkeypatch: pytest.MonkeyPatch,
    mesh: tuple[Tensor, Tensor],
    size: tuple[int, int],
    *,
    near: float = 0.1,
) -> Fragments:
    """Rasterize on the CPU."""
    vertices, faces = mesh
    rasterize = torch.ops.nr3d.rasterize
    with monkeypatch.context() as patch:
        patch.setitem(place.PLACES, "cpu", place.Cpu())
        return vertices, faces, *rasterize(vertices, faces, *size, near, 100.0, True)


def noise(*shape: int, dtype: torch.dtype) -> Tensor:
    """Give numbers that are the same each time."""
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def assert_close(got: Tensor, expected: Tensor) -> None:
    """Compare sums that were added up in different orders."""
    scale = float(expected.abs().max()) if expected.numel() else 0.0
    precision = PRECISIONS[got.dtype] * max(scale, 1.0)
    torch.testing.assert_close(got, expected, rtol=0, atol=precision)


def assert_same_bits(kept: dict[str, Tensor], key: str, got: Tensor) -> None:
    """Compare with what the first order of threads gave."""
    assert torch.equal(got, kept.setdefault(key, got))
