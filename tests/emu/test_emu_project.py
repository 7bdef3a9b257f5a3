"""Projection on emulated CUDA threads against the kernels of the CPU."""

from __future__ import annotations

import pytest
import torch

from nr3d import ops as ops
from nr3d.geometry.camera import camera_axes
from nr3d.ops import place

FLOATS = [torch.float32, torch.float64]


def both_ways(tangent: float, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(3, 200, 3, generator=generator, dtype=torch.float64) - 0.5
    eyes = torch.randn(3, 2, 3, generator=generator, dtype=torch.float64) * 0.3
    eyes[..., 2] -= 2.5
    axes = camera_axes(-eyes, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))
    leaves = [x.to(dtype).requires_grad_() for x in (points, eyes, axes)]
    projected = torch.ops.nr3d.project(*leaves, tangent)
    projected.backward(torch.randn(projected.shape, generator=generator).to(dtype))
    return [projected.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tangent", [0.0, 0.3])
def test_projection_agrees(emulated, tangent, dtype, monkeypatch):
    ours = both_ways(tangent, dtype)
    with monkeypatch.context() as patch:
        patch.setitem(place.PLACES, "cpu", place.Cpu())
        expected = both_ways(tangent, dtype)
    precision = 1e-5 if dtype == torch.float32 else 1e-12
    for got, want in zip(ours, expected, strict=True):
        torch.testing.assert_close(got, want, rtol=precision, atol=precision)
    assert torch.equal(ours[0], expected[0])
