"""Soft silhouettes as operators: what torch expects, any layout and thread count, bad input."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from nr3d.renderer import soft_silhouettes
from tests.renderer.scenes import soup
from tests.renderer.test_errors import BAD_MESHES, FACES, VERTICES

FLOATS = [torch.float32, torch.float64]
LIMITS = (0.1, 100.0, 1e-3)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck(dtype):
    scene = soup(6, seed=0, num_meshes=2)
    vertices = scene.vertices.to(dtype)
    ops, check = torch.ops.nr3d, torch.library.opcheck
    for faces in (scene.faces, scene.faces.int()):
        leaf = vertices.clone().requires_grad_()
        check(ops.soft_silhouettes.default, (leaf, faces, 12, 10, *LIMITS))
    _, transparency = ops.soft_silhouettes(vertices, scene.faces, 12, 10, *LIMITS)
    grad = torch.randn_like(transparency)
    check(
        ops.soft_silhouettes_gradient.default, (vertices, scene.faces, transparency, grad, *LIMITS)
    )


@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_full_graph_compile(anti_aliasing):
    scene = soup(20, seed=1)

    def loss(vertices: Tensor) -> Tensor:
        images = soft_silhouettes(
            vertices, scene.faces, image_size=16, sigma=1e-3, anti_aliasing=anti_aliasing
        )
        return (images - 0.5).square().sum()

    grads = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaf = scene.vertices.clone().requires_grad_()
        function(leaf).backward()
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(*grads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("num_meshes", [1, 3])
def test_the_same_bits_for_any_number_of_threads(num_meshes, dtype):
    scene = soup(700, seed=2, num_meshes=num_meshes, size=0.15)
    vertices = scene.vertices.to(dtype)
    grad = torch.randn(num_meshes, 90, 64, dtype=dtype)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        leaf = vertices.clone().requires_grad_()
        images = soft_silhouettes(leaf, scene.faces, image_size=(90, 64))
        images.backward(grad)
        results.append((images.detach(), leaf.grad))
    assert results[0][1].abs().max() > 0
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def strided(tensor: Tensor) -> Tensor:
    """The same values in another memory layout."""
    return torch.stack([tensor, torch.zeros_like(tensor)], -1)[..., 0]


def test_any_memory_layout_gives_the_same():
    scene = soup(20, seed=3, num_meshes=3)
    ops, size = torch.ops.nr3d, (24, 30)
    grad = torch.randn(3, *size, dtype=torch.float64)
    images, rest = ops.soft_silhouettes(scene.vertices, scene.faces, *size, *LIMITS)
    others = strided(scene.vertices), strided(scene.faces)
    assert not others[0].is_contiguous()
    assert torch.equal(ops.soft_silhouettes(*others, *size, *LIMITS)[0], images)
    expected = ops.soft_silhouettes_gradient(scene.vertices, scene.faces, rest, grad, *LIMITS)
    found = ops.soft_silhouettes_gradient(*others, strided(rest), strided(grad), *LIMITS)
    assert torch.equal(found, expected)


def test_an_expanded_gradient_is_accepted():
    scene = soup(20, seed=4)
    grads = []
    for gradient in (torch.ones(()).double().expand(1, 16, 16), torch.ones(1, 16, 16).double()):
        leaf = scene.vertices.clone().requires_grad_()
        soft_silhouettes(leaf, scene.faces, image_size=16).backward(gradient)
        grads.append(leaf.grad)
    assert torch.equal(*grads)


@pytest.mark.parametrize("reduced", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(reduced):
    scene = soup(10, seed=5)
    leaf = scene.vertices.to(reduced).requires_grad_()
    images = soft_silhouettes(leaf, scene.faces, image_size=16, sigma=1e-3)
    assert images.dtype == torch.float32
    expected = soft_silhouettes(leaf.float(), scene.faces, image_size=16, sigma=1e-3)
    assert torch.equal(images, expected)
    images.sum().backward()
    assert leaf.grad.dtype == reduced
    assert leaf.grad.abs().max() > 0


def test_without_gradients_nothing_is_recorded():
    scene = soup(10, seed=6)
    leaf = scene.vertices.clone().requires_grad_()
    images, transparency = torch.ops.nr3d.soft_silhouettes(leaf, scene.faces, 8, 8, *LIMITS)
    assert images.requires_grad and not transparency.requires_grad
    with torch.no_grad():
        assert not soft_silhouettes(leaf, scene.faces, image_size=8).requires_grad


def test_a_gradient_that_is_not_finite_stays_so():
    scene = soup(30, seed=7)
    leaf = scene.vertices.clone().requires_grad_()
    images = soft_silhouettes(leaf, scene.faces, image_size=16, sigma=1e-2)
    images.backward(torch.full_like(images, float("nan")))
    assert leaf.grad.isnan().any()


BAD_SIGMAS = [
    ({"sigma": 0.0}, ValueError, "sigma must be above 0, got 0.0"),
    ({"sigma": -1e-4}, ValueError, "sigma must be above 0, got -0.0001"),
    ({"sigma": float("nan")}, ValueError, "sigma must be above 0, got nan"),
]


@pytest.mark.parametrize(("change", "error", "message"), [*BAD_MESHES, *BAD_SIGMAS])
def test_the_bad_argument_is_named(change, error, message):
    arguments = {"vertices": VERTICES, "faces": FACES, "image_size": 8} | change
    with pytest.raises(error, match="^" + re.escape("soft_silhouettes: " + message) + "$"):
        soft_silhouettes(arguments.pop("vertices"), arguments.pop("faces"), **arguments)


@pytest.mark.parametrize(
    ("transparency", "grad", "error", "message"),
    [
        (torch.ones(1, 8, 8), torch.ones(2, 8, 8), ValueError, "transparency must have shape [2, "),
        (torch.ones(2, 8, 8), torch.ones(2, 8, 9), ValueError, "grad_silhouettes must have shape"),
        (torch.ones(2, 8, 8), torch.ones(2, 8, 8).double(), TypeError, "grad_silhouettes must be"),
    ],
)
def test_a_bad_image_of_the_gradient_is_named(transparency, grad, error, message):
    with pytest.raises(error, match="^" + re.escape("soft_silhouettes_gradient: " + message)):
        torch.ops.nr3d.soft_silhouettes_gradient(VERTICES, FACES, transparency, grad, *LIMITS)
