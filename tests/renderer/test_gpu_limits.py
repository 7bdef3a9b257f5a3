"""CUDA devices: renderers in plain torch, bad faces, empty and very large work."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh
from nr3d.renderer import (
    AntialiasRenderer,
    NeuralRenderer,
    OpenDRRenderer,
    SoftRenderer,
    VertexColors,
    check_faults,
    kato_silhouettes,
)
from tests.renderer.test_gpu import meshes

pytestmark = pytest.mark.gpu
KINDS = [OpenDRRenderer, AntialiasRenderer, SoftRenderer]


def both_ways(kind: type, device: str) -> tuple[Tensor, Tensor]:
    """Silhouettes and the gradient of a loss on them."""
    vertices, faces, eyes = (x.to(device) for x in meshes(4))
    leaf = vertices.requires_grad_()
    images = kind(image_size=64, viewing_angle=15.0).silhouettes(Mesh(leaf, faces), eyes)
    (images - 0.5).square().sum().backward()
    assert leaf.grad is not None
    return images.detach().cpu(), leaf.grad.cpu()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_every_time_and_those_of_the_cpu_nearly(kind):
    expected, first, *more = (both_ways(kind, where) for where in ("cpu", *("cuda",) * 4))
    for other in more:
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert ((first[0] - expected[0]).abs() > 1e-3).float().mean() < 1e-3
    scale = expected[1].abs().max().item()
    off = (first[1] - expected[1]).abs() > 1e-2 * scale
    assert off.float().mean() < 5e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_captures_them(kind):
    vertices, faces, eyes = (x.cuda() for x in meshes(4))
    renderer = kind(image_size=64, viewing_angle=15.0)
    leaf = vertices.requires_grad_()

    def step() -> Tensor:
        images = renderer.silhouettes(Mesh(leaf, faces), eyes)
        (grad,) = torch.autograd.grad((images - 0.5).square().sum(), leaf)
        return grad

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        expected = step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        grad = step()
    graph.replay()
    assert torch.equal(grad, expected)


@pytest.mark.parametrize("kind", [NeuralRenderer, OpenDRRenderer, AntialiasRenderer])
@pytest.mark.parametrize("what", ["silhouettes", "colors", "normals"])
def test_faces_out_of_range_are_told_and_the_device_lives_on(kind, what):
    vertices, faces, eyes = (x.cuda() for x in meshes(1))
    bad = faces.clone()
    bad[5, 1] = 1_000_000
    renderer, leaf = kind(image_size=16, viewing_angle=15.0), vertices.requires_grad_()
    more = (VertexColors(vertices.detach()),) if what == "colors" else ()
    with pytest.raises(ValueError, match="faces must hold vertex indices .* got 1000000 at .5, 1."):
        getattr(renderer, what)(Mesh(leaf, bad), eyes, *more).sum().backward()
        check_faults()
    getattr(renderer, what)(Mesh(leaf, faces), eyes, *more).sum().backward()
    check_faults()


def test_an_image_without_pixels_pulls_at_nothing():
    vertices, faces, _ = (x.cuda() for x in meshes(2))
    image = torch.empty(2, 3, 0, 0, device="cuda")
    index = image[:, 0].int()
    assert not torch.ops.nr3d.kato_gradient(vertices, faces, index, image, image, 1e-4).any()
    torch.cuda.synchronize()


def test_more_pixels_than_32_bits_count():
    """Of 64 images of 6144 x 6144 pixels the last is that of its mesh alone."""
    if torch.cuda.mem_get_info()[0] < 70e9:
        pytest.skip("needs 70 GB of device memory")
    vertices, faces, _ = (x.cuda() for x in meshes(1, level=2))
    projected = vertices + torch.tensor([0.0, 0, 2], device="cuda")
    many = projected.expand(64, -1, -1).contiguous()
    many[-1, :, 0] *= 0.5
    grads = []
    for some in (many, many[-1:]):
        leaf = some.clone().requires_grad_()
        images = kato_silhouettes(leaf, faces, image_size=6144)
        images.backward(torch.ones_like(images) * -1e-3)
        grads.append((images[-1].detach().sum().item(), leaf.grad[-1].clone()))
        del images, leaf
    assert grads[0][0] == grads[1][0] > 0
    torch.testing.assert_close(grads[0][1], grads[1][1], rtol=0, atol=0)
