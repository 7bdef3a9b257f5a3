"""Whole renderings on emulated CUDA threads: every operation after the other, forward and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import CubeTextures, Lights, NeuralRenderer, VertexColors
from tests.emu.emulation import emulate

ORDERS = ["0", "7"]


def rendering(appearance: str, smooth: bool) -> dict[str, Tensor]:
    """All images of two meshes from two eyes, and gradients of everything."""
    generator = torch.Generator().manual_seed(0)
    vertices, faces = icosphere(1)
    noise = 0.1 * torch.rand(2, *vertices.shape, generator=generator)
    leaves = {
        "vertices": (vertices * 0.4 + noise).double(),
        "eyes": eye_from_angles(2.732, 30.0, torch.tensor([[20.0, 110], [200, 300]])).double(),
        "direction": torch.tensor([0.3, 0.8, -0.4]).double(),
    }
    if appearance == "vertices":
        leaves["values"] = torch.rand(2, len(vertices), 3, generator=generator).double()
    else:
        leaves["values"] = torch.rand(1, len(faces), 2, 2, 2, 3, generator=generator).double()
    leaves = {name: leaf.requires_grad_() for name, leaf in leaves.items()}
    images = NeuralRenderer(image_size=(12, 20), viewing_angle=15.0).render(
        Mesh(leaves["vertices"], faces),
        leaves["eyes"],
        outputs=("colors", "silhouettes", "depth", "normals"),
        appearance=(VertexColors if appearance == "vertices" else CubeTextures)(leaves["values"]),
        lights=Lights(direction=leaves["direction"]),
        smooth=smooth,
        background=(0.1, 0.2, 0.3),
    )
    maps = {n: getattr(images, n) for n in ("colors", "silhouettes", "depth", "normals")}
    sum(
        (maps[n] * torch.linspace(-1, 1, maps[n].numel()).view_as(maps[n])).sum() for n in maps
    ).backward()
    return {n: m.detach() for n, m in maps.items()} | {n: x.grad for n, x in leaves.items()}


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("appearance", ["vertices", "cubes"])
def test_everything_agrees(library, appearance, smooth):
    expected = rendering(appearance, smooth)
    found = []
    for order in ORDERS:
        with emulate(library, order) as cuda:
            found.append(rendering(appearance, smooth))
        assert {"rasterize_cuda_float64", "kato_gradient_cuda_float64"} <= set(cuda.module.called)
    for name, value in expected.items():
        assert value.abs().max() > 0, name
        scale = value.abs().max().item()
        torch.testing.assert_close(found[0][name], value, rtol=0, atol=1e-9 * scale, msg=name)
        assert torch.equal(found[0][name], found[1][name]), name


def test_a_recorded_gradient_of_the_published_kernel(library, truth):
    arrays = truth("case_08_icospheres4_64_aa1_fillback1")
    faces = torch.arange(3 * arrays["faces"].shape[1] // 2).view(-1, 3)
    corners = torch.from_numpy(arrays["faces"][:1, : len(faces)])  # the rest are their backs
    vertices = corners.reshape(1, -1, 3).requires_grad_()
    grad = torch.from_numpy(arrays["grad_alpha"][:1])
    eps = float(arrays["eps"])
    renderer = NeuralRenderer(image_size=64, anti_aliasing=False, eps=eps)
    with emulate(library, "0"):
        images = renderer.render(
            Mesh(vertices, faces),
            projected=vertices[:, None],
            outputs=("silhouettes",),
        ).silhouettes
        images.backward(grad[:, None])
    assert torch.equal(images[0, 0].detach(), torch.from_numpy(arrays["alpha"][0]))
    both = torch.from_numpy(arrays["grad_faces_alpha"][0]).unflatten(0, (2, -1))
    expected = both[0] + both[1].flip(1)
    found = vertices.grad.view(-1, 3, 3)
    precision = 1e-5 * expected.abs().max().item()
    torch.testing.assert_close(found[..., :2], expected[..., :2], rtol=0, atol=precision)
