"""Soft silhouettes on emulated CUDA threads against the kernels of the CPU."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nr3d.renderer import soft_silhouettes
from tests.emu.emulation import emulate
from tests.renderer.scenes import scenes, soup

FLOATS = [torch.float32, torch.float64]
ORDERS = ["0", "1", "7"]
# Of the sums: 2^-62 of a bound that is some 2^16 times the largest pull, and those of lanes.
PRECISION = {torch.float32: 3e-6, torch.float64: 1e-10}


def both_ways(
    vertices: Tensor, faces: Tensor, size: tuple[int, int], sigma: float, grad: Tensor
) -> tuple[Tensor, Tensor]:
    leaf = vertices.detach().clone().requires_grad_()
    images = soft_silhouettes(leaf, faces, image_size=size, sigma=sigma)
    images.backward(grad)
    return images.detach(), leaf.grad


def agree(library, order: str, *arguments) -> tuple[Tensor, Tensor]:
    images, grad = both_ways(*arguments)
    with emulate(library, order):
        found, found_grad = both_ways(*arguments)
    assert torch.equal(found, images)  # the same operations in the same order
    scale = max(1.0, grad.abs().max().item())
    torch.testing.assert_close(found_grad, grad, rtol=0, atol=PRECISION[grad.dtype] * scale)
    return found, found_grad


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    scene=scenes(),
    order=st.sampled_from(ORDERS),
    dtype=st.sampled_from(FLOATS),
    sigma=st.sampled_from([1e-4, 1e-2, 1.0]),
)
def test_hard_scenes_agree(library, scene, order, dtype, sigma):
    grad = scene.grad_image[:, 0].to(dtype)
    agree(library, order, scene.vertices.to(dtype), scene.faces, scene.size, sigma, grad)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("num_faces", [80, 600])  # one chunk of a block, and several
def test_the_same_bits_in_every_order(library, num_faces, dtype):
    scene = soup(num_faces, seed=0, num_meshes=2, size=0.2)
    grad = torch.randn(2, 40, 56, dtype=dtype)
    arguments = (scene.vertices.to(dtype), scene.faces, (40, 56), 1e-4, grad)
    found = [agree(library, order, *arguments) for order in ORDERS]
    assert found[0][1].abs().max() > 0
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("factor", [1e-30, 1e25])
def test_the_size_of_the_loss_does_not_matter(library, factor):
    scene = soup(30, seed=1)
    grad = torch.randn(1, 24, 24, dtype=torch.float64)
    arguments = (scene.vertices, scene.faces, (24, 24), 1e-3)
    _, expected = both_ways(*arguments, grad)
    with emulate(library, "0"):
        _, found = both_ways(*arguments, grad * factor)
        assert not both_ways(*arguments, grad * 0)[1].any()
    precision = PRECISION[torch.float64] * expected.abs().max().item()
    torch.testing.assert_close(found / factor, expected, rtol=0, atol=precision)


def test_many_faces_on_one_vertex_do_not_overflow(library):
    """A fan of equal faces pulls as hard at its corners as anything can."""
    vertices = torch.tensor([[[-0.9, -0.9, 2], [0.9, -0.9, 2], [0, 0.9, 2]]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2]]).repeat(300, 1)
    for sigma in (1e-5, 1e-2, 1.0):
        grad = torch.ones(1, 20, 20, dtype=torch.float64)
        agree(library, "0", vertices, faces, (20, 20), sigma, grad)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(library, value):
    scene = soup(30, seed=2, num_meshes=2)
    grad = torch.randn(2, 24, 24, dtype=torch.float64)
    grad[1, 3, 5] = value
    with emulate(library, "0"):
        _, found = both_ways(scene.vertices, scene.faces, (24, 24), 1e-3, grad)
    assert found[0].isfinite().all()
    assert found[1, :, :2].isnan().all()


@pytest.mark.parametrize("argument", ["vertices", "faces"])
def test_the_next_call_tells_of_bad_values(emulated, argument):
    scene = soup(20, seed=3)
    vertices, faces = scene.vertices.clone(), scene.faces.clone()
    if argument == "vertices":
        vertices[0, 7, 1] = float("nan")
        message = r"vertices must be finite, got nan at \[0, 7, 1\]"
    else:
        faces[5, 1] = 60
        message = r"faces must hold vertex indices inside \[0, 60\), got 60 at \[5, 1\]"
    soft_silhouettes(vertices, faces, image_size=16)
    with pytest.raises(ValueError, match=f"soft_silhouettes: {message} .found on cpu by an earlie"):
        soft_silhouettes(scene.vertices, scene.faces, image_size=16)


def test_no_vertices_get_no_gradient(emulated):
    vertices, faces = torch.empty(2, 0, 3).requires_grad_(), torch.tensor([[0, 1, 2]])
    images = soft_silhouettes(vertices, faces, image_size=16)
    assert not images.any()
    with pytest.raises(ValueError, match=r"faces must hold vertex indices inside \[0, 0\), got 0"):
        images.sum().backward()
    images.sum().backward()
    assert vertices.grad.shape == (2, 0, 3)
