"""The operations on CUDA devices: agreement with the CPU, devices, streams, graphs, memory.

Under the memory checker: compute-sanitizer --tool memcheck python -m pytest -m gpu -p no:xdist
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere, voxelize
from nr3d.ops.place import check_faults
from nr3d.renderer import (
    Lights,
    NeuralRenderer,
    VertexColors,
    kato_edges,
    rasterize,
    soft_silhouettes,
)
from tests.renderer.scenes import soup

pytestmark = pytest.mark.gpu
FLOATS = [torch.float32, torch.float64]
PRECISION = {torch.float32: 1e-5, torch.float64: 1e-9}


def meshes(num_meshes: int, level: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Bumpy spheres and an eye for each."""
    generator = torch.Generator().manual_seed(0)
    vertices, faces = icosphere(level)
    bumps = 1 + 0.1 * torch.sin(vertices @ torch.randn(num_meshes, 3, 3, generator=generator) * 2)
    eyes = eye_from_angles(2.732, 30.0, -15.0 * torch.arange(num_meshes))[:, None]
    return vertices * 0.4 * bumps, faces, eyes


def train_step(device: torch.device | str, steps: int = 1, num_meshes: int = 4) -> list[Tensor]:
    """Silhouettes and the gradient of a loss on them."""
    vertices, faces, eyes = (x.to(device) for x in meshes(num_meshes))
    renderer = NeuralRenderer(image_size=64, viewing_angle=15.0)
    leaf = vertices.requires_grad_()
    for _ in range(steps):
        leaf.grad = None
        images = renderer.silhouettes(Mesh(leaf, faces), eyes)
        (images - 0.5).square().sum().backward()
    assert leaf.grad is not None
    return [images.detach(), leaf.grad]


@pytest.mark.parametrize("dtype", FLOATS)
def test_rasterization_gives_the_same_faces(dtype):
    scene = soup(400, seed=0, num_meshes=3, size=0.2)
    vertices = scene.vertices.to(dtype)
    expected = rasterize(vertices, scene.faces, image_size=(96, 160))
    found = rasterize(vertices.cuda(), scene.faces.cuda(), image_size=(96, 160))
    for name in ("face_index", "depth", "weights"):
        assert torch.equal(getattr(found, name).cpu(), getattr(expected, name)), name


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_the_edge_gradient_agrees(channels, dtype):
    scene = soup(200, seed=1, num_meshes=2, size=0.2)
    face_index = rasterize(scene.vertices, scene.faces, image_size=(96, 80)).face_index
    image, grad = (torch.randn(2, channels, 96, 80, dtype=dtype) for _ in range(2))
    results = []
    for device in ("cpu", "cuda", "cuda"):
        leaf = scene.vertices.to(device, dtype).requires_grad_()
        edged = kato_edges(
            image.to(device), leaf, faces=scene.faces.to(device), face_index=face_index.to(device)
        )
        edged.backward(grad.to(device))
        results.append(leaf.grad.cpu())
    scale = results[0].abs().max().item()
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=PRECISION[dtype] * scale)
    assert torch.equal(results[1], results[2])


def test_a_step_agrees_with_the_cpu():
    images, grad = train_step("cpu")
    on_gpu = [x.cpu() for x in train_step("cuda")]
    # The cameras are summed in another order: a pixel on an edge may move.
    assert (on_gpu[0] != images).float().mean() < 1e-3
    torch.testing.assert_close(on_gpu[1], grad, rtol=0, atol=1e-2 * grad.abs().max().item())


def test_colors_depth_and_normals_agree():
    results = []
    for device in ("cpu", "cuda"):
        vertices, faces, eyes = (x.to(device) for x in meshes(2))
        leaf, colors = vertices.requires_grad_(), (vertices.detach() + 0.5).requires_grad_()
        images = NeuralRenderer(image_size=64, viewing_angle=15.0).render(
            Mesh(leaf, faces),
            eyes,
            outputs=("colors", "silhouettes", "depth", "normals"),
            appearance=VertexColors(colors),
            lights=Lights(),
        )
        loss = images.colors.square().sum() + images.depth.clamp(max=3).sum()
        loss.backward()
        maps = (images.colors, images.silhouettes, images.depth, images.normals)
        results.append([x.detach().cpu() for x in (*maps, leaf.grad, colors.grad)])
    for ours, expected in zip(results[1], results[0], strict=True):
        off = (ours - expected).abs() > 1e-3 * expected.abs().max()
        assert off.float().mean() < 5e-3


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sigma", [1e-4, 1e-2])
def test_soft_silhouettes_agree(sigma, dtype):
    scene = soup(700, seed=4, num_meshes=3, size=0.1)
    grad = torch.randn(3, 96, 80, dtype=dtype)
    results = []
    for device in ("cpu", "cuda", "cuda"):
        leaf = scene.vertices.to(device, dtype, copy=True).requires_grad_()
        images = soft_silhouettes(leaf, scene.faces.to(device), image_size=(96, 80), sigma=sigma)
        images.backward(grad.to(device))
        results.append((images.detach().cpu(), leaf.grad.cpu()))
    assert torch.equal(results[1][0], results[0][0])
    scale = results[0][1].abs().max().item()
    torch.testing.assert_close(results[1][1], results[0][1], rtol=0, atol=PRECISION[dtype] * scale)
    assert torch.equal(results[1][1], results[2][1])


def test_voxels_are_the_same():
    vertices, faces, _ = meshes(3, level=2)
    assert torch.equal(voxelize(vertices.cuda(), faces.cuda(), resolution=32).cpu(),
                       voxelize(vertices, faces, resolution=32))  # fmt: skip


def test_another_device_than_the_current_one():
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two devices")
    for first, second in zip(train_step("cuda:0"), train_step("cuda:1"), strict=True):
        assert second.device.index == 1
        assert torch.equal(first.cpu(), second.cpu())
    assert torch.cuda.current_device() == 0


def test_the_current_stream_is_used():
    expected = train_step("cuda")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(100_000_000)  # whoever draws on another stream is done long before
        vertices, faces, eyes = (x.cuda() for x in meshes(4))
        images = NeuralRenderer(image_size=64, viewing_angle=15.0).silhouettes(
            Mesh(vertices, faces), eyes
        )
    assert not stream.query()
    stream.synchronize()
    assert torch.equal(images, expected[0])


def test_a_graph_captures_a_step():
    expected = train_step("cuda")
    vertices, faces, eyes = (x.cuda() for x in meshes(4))
    renderer = NeuralRenderer(image_size=64, viewing_angle=15.0)
    leaf = vertices.clone().requires_grad_()
    leaf.grad = torch.zeros_like(leaf)

    def step() -> Tensor:
        leaf.grad.zero_()
        images = renderer.silhouettes(Mesh(leaf, faces), eyes)
        (images - 0.5).square().sum().backward()
        return images

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        images = step()
    with torch.no_grad():
        leaf.add_(0.3)
    graph.replay()
    assert not torch.equal(images, expected[0])
    with torch.no_grad():
        leaf.copy_(vertices)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(images, expected[0])
    assert torch.equal(leaf.grad, expected[1])


def test_nobody_waits_for_the_device():
    vertices, faces, eyes = (x.cuda() for x in meshes(4))
    renderer = NeuralRenderer(image_size=64)
    renderer.silhouettes(Mesh(vertices, faces), eyes)
    torch.cuda.synchronize()
    mode = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        leaf = vertices.requires_grad_()
        renderer.silhouettes(Mesh(leaf, faces), eyes).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode(mode)


def test_a_thousand_steps_take_no_more_memory_than_two():
    train_step("cuda", steps=2)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    train_step("cuda", steps=2)
    few = torch.cuda.max_memory_allocated() - before
    train_step("cuda", steps=1000)
    assert torch.cuda.max_memory_allocated() - before <= few


def test_memory_of_64_meshes():
    train_step("cuda", num_meshes=64)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    results = train_step("cuda", num_meshes=64)
    outputs = sum(x.numel() * x.element_size() for x in results)
    assert torch.cuda.max_memory_allocated() - before - outputs < 100e6


@pytest.mark.parametrize("argument", ["faces", "vertices"])
def test_bad_values_are_told_without_an_illegal_access(argument):
    scene = soup(20, seed=3)
    vertices, faces = scene.vertices.cuda(), scene.faces.cuda()
    if argument == "faces":
        faces[5, 1] = 1_000_000
    else:
        vertices[0, 7, 2] = float("nan")
    rasterize(vertices, faces, image_size=32)
    with pytest.raises(
        ValueError, match=f"rasterize: {argument} must .* at .*cuda:0 by an earlier"
    ):
        check_faults()
    check_faults()
    rasterize(scene.vertices.cuda(), scene.faces.cuda(), image_size=32)


def test_autocast_and_compile():
    vertices, faces, eyes = (x.cuda() for x in meshes(2))
    renderer = NeuralRenderer(image_size=32)
    expected = renderer.silhouettes(Mesh(vertices, faces), eyes)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert torch.equal(renderer.silhouettes(Mesh(vertices, faces), eyes), expected)
    compiled = torch.compile(
        lambda v: renderer.silhouettes(Mesh(v, faces), eyes), fullgraph=True, backend="aot_eager"
    )
    assert torch.equal(compiled(vertices), expected)
