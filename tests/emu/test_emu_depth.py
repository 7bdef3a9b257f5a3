"""The gradient of depth on emulated CUDA threads against the kernel of the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.emu.scenes import (
    PRECISIONS,
    assert_close,
    assert_same_bits,
    fragments,
    meshes,
    noise,
    on_cpu,
)

KEPT: dict[str, Tensor] = {}
"""What the first order of threads gave."""


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("size", [(21, 37), (1, 3)])
def test_depth_gradient_agrees(emulated, monkeypatch, size, dtype):
    seen = fragments(monkeypatch, meshes(dtype), size)
    grad_depth = noise(3, *size, dtype=dtype)
    gradient = torch.ops.nr3d.depth_gradient
    grad = gradient(*seen, grad_depth)
    assert torch.equal(grad, gradient(*seen, grad_depth))
    assert_close(grad, on_cpu(monkeypatch, gradient, *seen, grad_depth))
    assert_same_bits(KEPT, f"{size} {dtype}", grad)


def test_a_face_that_fills_the_image(emulated, monkeypatch):
    vertices, faces = meshes(torch.float64, num_meshes=1)
    seen = fragments(monkeypatch, (vertices, faces[[8]]), (30, 33))
    grad_depth = noise(1, 30, 33, dtype=torch.float64)
    grad = torch.ops.nr3d.depth_gradient(*seen, grad_depth)
    assert int((seen[2] >= 0).sum()) >= 900  # more than csrc/face_pixels.h: kLargeBox
    assert_close(grad, on_cpu(monkeypatch, torch.ops.nr3d.depth_gradient, *seen, grad_depth))
    assert_same_bits(KEPT, "large", grad)


def test_bad_values_are_told_by_the_next_call(emulated, monkeypatch):
    good = fragments(monkeypatch, meshes(torch.float32), (9, 10))
    grad_depth = noise(3, 9, 10, dtype=torch.float32)
    bad = [tensor.clone() for tensor in good]
    bad[1][10, 0] = 12
    torch.ops.nr3d.depth_gradient(*bad, grad_depth)
    text = r"faces must hold vertex indices inside \[0, 12\), got 12 at \[10, 0\]"
    with pytest.raises(ValueError, match=rf"^depth_gradient: {text} \(found on cpu by an earlier"):
        torch.ops.nr3d.depth_gradient(*good, grad_depth)
    with pytest.raises(ValueError, match=rf"^depth_gradient: {text}$"):
        on_cpu(monkeypatch, torch.ops.nr3d.depth_gradient, *bad, grad_depth)
