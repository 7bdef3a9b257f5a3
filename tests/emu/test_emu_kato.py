"""Kato's gradient on emulated CUDA threads against the kernels of the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nr3d.renderer import kato_silhouettes, rasterize
from tests.emu.emulation import emulate
from tests.renderer.scenes import scenes, soup

FLOATS = [torch.float32, torch.float64]
ORDERS = ["0", "1", "7"]
# The steps of the sums are 2^-32 of the largest pull of a pixel, whatever the dtype.
PRECISION = {torch.float32: 3e-6, torch.float64: 1e-9}


def gradient(*arguments: Tensor, eps: float = 1e-4) -> Tensor:
    return torch.ops.nr3d.kato_gradient(*arguments, eps)


def agree(library: Path, order: str, *arguments: Tensor) -> Tensor:
    expected = gradient(*arguments)
    with emulate(library, order):
        found = gradient(*arguments)
    scale = max(1.0, expected.abs().max().item())
    precision = PRECISION[expected.dtype] * scale
    torch.testing.assert_close(found, expected, rtol=0, atol=precision)
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scene=scenes(), order=st.sampled_from(ORDERS), dtype=st.sampled_from(FLOATS))
def test_hard_scenes_agree(library, scene, order, dtype):
    vertices = scene.vertices.to(dtype)
    face_index = rasterize(vertices, scene.faces, image_size=scene.size).face_index
    image, grad_image = scene.maps(face_index).to(dtype), scene.grad_image.to(dtype)
    agree(library, order, vertices, scene.faces, face_index, image, grad_image)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_the_same_bits_in_every_order(library, channels, dtype):
    scene = soup(80, seed=0, num_meshes=2, size=0.3)
    vertices = scene.vertices.to(dtype)
    face_index = rasterize(vertices, scene.faces, image_size=(40, 56)).face_index
    image = torch.rand(2, channels, 40, 56, dtype=dtype)
    grad = torch.randn(image.shape, dtype=dtype)
    found = [agree(library, o, vertices, scene.faces, face_index, image, grad) for o in ORDERS]
    assert found[0].abs().max() > 0
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("num_faces", [60, 18_000])
def test_silhouettes_agree(library, anti_aliasing, num_faces, dtype):
    scene = soup(60, seed=1, num_meshes=2, size=0.3)
    faces = scene.faces.repeat(num_faces // 60, 1)  # 18,000 faces take indices of 32 bits
    size = {"image_size": (20, 28), "anti_aliasing": anti_aliasing}
    grads = []
    for order in (None, *ORDERS[1:]):
        leaf = scene.vertices.to(dtype).requires_grad_()
        grad = torch.randn(2, 20, 28, generator=torch.Generator().manual_seed(2)).to(dtype)
        if order is None:
            kato_silhouettes(leaf, faces, **size).backward(grad)
        else:
            with emulate(library, order):
                kato_silhouettes(leaf, faces, **size).backward(grad)
        grads.append(leaf.grad)
    scale = max(1.0, grads[0].abs().max().item())
    torch.testing.assert_close(grads[1], grads[0], rtol=0, atol=PRECISION[dtype] * scale)
    assert torch.equal(grads[1], grads[2])


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e25])
def test_the_size_of_the_loss_does_not_matter(library, factor):
    scene = soup(30, seed=3)
    face_index = rasterize(scene.vertices, scene.faces, image_size=24).face_index
    image = (face_index >= 0).double()[:, None]
    grad = torch.randn(1, 1, 24, 24, dtype=torch.float64)
    arguments = (scene.vertices, scene.faces, face_index, image)
    expected = gradient(*arguments, grad)
    with emulate(library, "0"):
        found = gradient(*arguments, grad * factor)
        assert not gradient(*arguments, grad * 0).any()
    torch.testing.assert_close(
        found / factor, expected, rtol=0, atol=1e-9 * expected.abs().max().item()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(library, value):
    scene = soup(30, seed=4, num_meshes=2)
    face_index = rasterize(scene.vertices, scene.faces, image_size=24).face_index
    image = (face_index >= 0).double()[:, None]
    grad = torch.randn(image.shape, dtype=torch.float64)
    grad[1, 0, 3, 5] = value
    with emulate(library, "0"):
        found = gradient(scene.vertices, scene.faces, face_index, image, grad)
    assert found[0].isfinite().all()
    assert found[1, :, :2].isnan().all()


def test_the_next_call_tells_of_a_bad_face_index(emulated):
    scene = soup(20, seed=5)
    face_index = torch.full((1, 16, 16), -1, dtype=torch.int32)
    image = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    bad = face_index.clone()
    bad[0, 3, 7] = 40
    gradient(scene.vertices, scene.faces, bad, image, image)
    message = r"face_index must hold face indices inside \[-1, 40\), got 40 at \[0, 3, 7\]"
    with pytest.raises(ValueError, match=f"kato_gradient: {message} .found on cpu by an earlier"):
        gradient(scene.vertices, scene.faces, face_index, image, image)


def test_very_long_lines_are_refused(emulated):
    vertices = torch.tensor([[[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]]])
    face_index = torch.full((1, 1, 9000), -1, dtype=torch.int32)
    image = torch.zeros(1, 1, 1, 9000)
    with pytest.raises(
        RuntimeError, match=r"sides of at most \d+ pixels on a CUDA device, got 900"
    ):
        gradient(vertices, torch.tensor([[0, 1, 2]]), face_index, image, image)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_an_image_without_pixels_pulls_at_nothing(emulated, size):
    scene = soup(8, seed=6, num_meshes=2)
    face_index = torch.empty((2, *size), dtype=torch.int32)
    image = torch.empty((2, 3, *size), dtype=torch.float64)
    found = gradient(scene.vertices, scene.faces, face_index, image, image)
    assert torch.equal(found, torch.zeros_like(scene.vertices))
