"""What torch expects of an operator, and what we promise on top: any layout, any thread count."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nr3d.geometry import Mesh, icosphere
from nr3d.renderer import (
    Lights,
    NeuralRenderer,
    VertexColors,
    kato_coverage,
    kato_edges,
    kato_silhouettes,
    rasterize,
)
from tests.renderer.scenes import Scene, soup

FLOATS = [torch.float32, torch.float64]


def arguments_of(scene: Scene, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Vertices, faces, face index, a silhouette [M, 1, H, W], its gradient."""
    vertices = scene.vertices.to(dtype)
    face_index = rasterize(vertices, scene.faces, image_size=scene.size).face_index
    image = (face_index >= 0).to(dtype)[:, None]
    return vertices, scene.faces, face_index, image, scene.grad_image.to(dtype)


# opcheck itself looks at .grad of the copies it makes.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck(dtype):
    vertices, faces, face_index, image, grad_image = arguments_of(soup(6, seed=0), dtype)
    ops = torch.ops.nr3d
    settings = (48, 32, 0.1, 100.0, True)
    torch.library.opcheck(ops.rasterize.default, (vertices, faces, *settings))
    torch.library.opcheck(ops.rasterize.default, (vertices, faces.int(), *settings))
    torch.library.opcheck(
        ops.kato_gradient.default, (vertices, faces, face_index, image, grad_image, 1e-4)
    )
    leaves = (image.requires_grad_(), vertices.clone().requires_grad_())
    torch.library.opcheck(ops.kato_edges.default, (*leaves, faces, face_index, 1e-4))
    settings = (24, 16, 2, 0.1, 100.0, True, 1e-4)
    torch.library.opcheck(ops.silhouettes.default, (leaves[1], faces, *settings))
    grad_silhouettes = grad_image[:, 0, ::2, ::2]
    torch.library.opcheck(
        ops.silhouettes_gradient.default, (vertices, faces, face_index, grad_silhouettes, 1e-4)
    )
    torch.library.opcheck(ops.coverage.default, (leaves[1], faces, face_index, 2, 1e-4))


def loss_of(vertices: Tensor, faces: Tensor) -> Tensor:
    fragments = rasterize(vertices, faces, image_size=32)
    image = (fragments.face_index >= 0).to(vertices.dtype)[:, None] * fragments.weights[..., 0][
        :, None
    ]
    image = kato_edges(image, vertices, faces=faces, face_index=fragments.face_index)
    return (image - 0.5).square().sum()


def test_full_graph_compile_forward_and_backward():
    scene = soup(20, seed=1)
    eager = scene.vertices.clone().requires_grad_()
    compiled = scene.vertices.clone().requires_grad_()
    expected = loss_of(eager, scene.faces)
    expected.backward()
    # The graph is what matters; generating code for it takes a compiler and many seconds.
    loss = torch.compile(loss_of, fullgraph=True, backend="aot_eager")(compiled, scene.faces)
    loss.backward()
    assert expected.item() == pytest.approx(loss.item(), rel=1e-12)
    assert eager.grad.abs().max() > 0
    assert torch.equal(eager.grad, compiled.grad)


def test_full_graph_compile_of_the_renderer():
    vertices, faces = icosphere(1)
    renderer = NeuralRenderer(image_size=16)

    def loss(vertices: Tensor, eyes: Tensor) -> Tensor:
        return (renderer.silhouettes(Mesh(vertices, faces), eyes) - 0.5).square().sum()

    results = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaf = (vertices[None] * 0.5).requires_grad_()
        value = function(leaf, torch.tensor([[[0.3, 1.0, -2.5], [1.0, 0.2, 2.0]]]))
        value.backward()
        results.append((value.detach(), leaf.grad))
    torch.testing.assert_close(results[0], results[1])
    assert results[0][1].abs().max() > 0


@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_silhouettes_of_a_face_index_are_those_drawn_at_once(anti_aliasing):
    scene = soup(40, seed=10)
    drawn, taken = (scene.vertices.clone().requires_grad_() for _ in range(2))
    size = 24 if anti_aliasing else 48
    direct = kato_silhouettes(drawn, scene.faces, image_size=size, anti_aliasing=anti_aliasing)
    face_index = rasterize(taken, scene.faces, image_size=48).face_index
    images = kato_coverage(face_index, taken, faces=scene.faces, anti_aliasing=anti_aliasing)
    assert torch.equal(images, direct)
    for image in (direct, images):
        image.backward(torch.linspace(-1, 1, image.numel()).reshape(image.shape).double())
    assert drawn.grad.abs().max() > 0
    assert torch.equal(taken.grad, drawn.grad)


def test_an_odd_face_index_has_no_mean_of_four():
    scene = soup(4, seed=11)
    face_index = rasterize(scene.vertices, scene.faces, image_size=(48, 31)).face_index
    with pytest.raises(ValueError, match=r"face_index must have sides that 2 divides, got .*31"):
        kato_coverage(face_index, scene.vertices, faces=scene.faces)


def test_full_graph_compile_of_several_images():
    vertices, faces = icosphere(1)
    renderer = NeuralRenderer(image_size=16)
    outputs = ("colors", "silhouettes", "depth", "normals")

    def loss(vertices: Tensor, colors: Tensor) -> Tensor:
        images = renderer.render(
            Mesh(vertices, faces),
            torch.tensor([[[0.3, 1.0, -2.5]]]),
            outputs=outputs,
            appearance=VertexColors(colors),
            lights=Lights(),
            background=(0.1, 0.2, 0.3),
        )
        return sum(getattr(images, name).square().sum() for name in outputs)

    results = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaves = [(vertices[None] * 0.5).requires_grad_(), vertices[None].abs().requires_grad_()]
        value = function(*leaves)
        value.backward()
        results.append((value.detach(), *(leaf.grad for leaf in leaves)))
    torch.testing.assert_close(results[0], results[1])
    assert all(grad.abs().max() > 0 for grad in results[0][1:])


def strided(tensor: Tensor) -> Tensor:
    """The same values in another memory layout."""
    apart = torch.stack([tensor, torch.zeros_like(tensor)], -1)
    return apart.transpose(0, tensor.dim() - 1).contiguous().transpose(0, tensor.dim() - 1)[..., 0]


def test_any_memory_layout_gives_the_same():
    arguments = arguments_of(soup(20, seed=2, num_meshes=3))
    others = tuple(strided(one) for one in arguments)
    assert not any(one.is_contiguous() for one in others)
    settings = (48, 48, 0.1, 100.0, True)
    for ours, expected in zip(
        torch.ops.nr3d.rasterize(*others[:2], *settings),
        torch.ops.nr3d.rasterize(*arguments[:2], *settings),
        strict=True,
    ):
        assert ours.is_contiguous()
        assert torch.equal(ours, expected)
    ours = torch.ops.nr3d.kato_gradient(*others, 1e-4)
    assert torch.equal(ours, torch.ops.nr3d.kato_gradient(*arguments, 1e-4))


def test_an_expanded_gradient_is_accepted():
    vertices, faces, face_index, image, _ = arguments_of(soup(20, seed=3))
    grads = []
    for gradient in (torch.ones(()).double().expand_as(image), torch.ones_like(image)):
        leaf = vertices.clone().requires_grad_()
        edged = kato_edges(image, leaf, faces=faces, face_index=face_index)
        edged.backward(gradient)
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(*grads)


def test_the_image_gradient_passes_unchanged():
    vertices, faces, face_index, image, grad_image = arguments_of(soup(20, seed=4))
    image.requires_grad_()
    edged = kato_edges(image, vertices, faces=faces, face_index=face_index)
    assert torch.equal(edged, image)
    edged.backward(grad_image)
    assert torch.equal(image.grad, grad_image)


def test_an_image_without_channels_pulls_at_nothing():
    vertices, faces, face_index, image, _ = arguments_of(soup(20, seed=4))
    leaf = vertices.requires_grad_()
    edged = kato_edges(image[:, :0], leaf, faces=faces, face_index=face_index)
    edged.sum().backward()
    assert not leaf.grad.any()


def test_int32_and_int64_faces_are_one():
    scene = soup(20, seed=5)
    first = rasterize(scene.vertices, scene.faces, image_size=48)
    second = rasterize(scene.vertices, scene.faces.int(), image_size=48)
    assert torch.equal(first.face_index, second.face_index)
    assert first.face_index.dtype == torch.int32


def test_a_rectangle_has_square_pixels_of_ndc():
    vertices = torch.tensor([[[-1.0, -1, 2], [1, -1, 2], [1, 1, 2], [-1, 0, 2]]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    face_index = rasterize(vertices, faces, image_size=(4, 6)).face_index
    assert face_index.shape == (1, 4, 6)
    covered = (face_index[0] >= 0).sum(0)  # centres of each column with y <= (x + 1) / 2
    assert covered.tolist() == [2, 3, 3, 3, 4, 4]


@pytest.mark.parametrize("reduced", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(reduced):
    scene = soup(10, seed=6)
    half = scene.vertices.to(reduced)
    fragments = rasterize(half, scene.faces, image_size=32)
    expected = rasterize(half.float(), scene.faces, image_size=32)
    assert fragments.depth.dtype == torch.float32
    assert torch.equal(fragments.face_index, expected.face_index)
    leaf = half.clone().requires_grad_()
    image = (fragments.face_index >= 0).to(reduced)[:, None]
    edged = kato_edges(image, leaf, faces=scene.faces, face_index=fragments.face_index)
    assert edged.dtype == torch.float32
    edged.sum().backward()
    assert leaf.grad.dtype == reduced


def test_autocast_computes_silhouettes_in_single():
    vertices, faces = icosphere(1)
    renderer = NeuralRenderer(image_size=16)
    eyes = torch.tensor([[[0.3, 1.0, -2.5]]])
    expected = renderer.silhouettes(Mesh(vertices[None].bfloat16().float(), faces), eyes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images = renderer.silhouettes(Mesh(vertices[None].bfloat16(), faces), eyes)
    assert images.dtype == torch.float32
    assert torch.equal(images, expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("num_meshes", [1, 4])
def test_the_same_bits_for_any_number_of_threads(num_meshes, dtype):
    # Large enough that there is something to share: bands of rows, hundreds of faces.
    scene = soup(700, seed=7, num_meshes=num_meshes, size=0.15)
    vertices = scene.vertices.to(dtype)
    grad_image = torch.randn(num_meshes, 2, 160, 128, dtype=dtype)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        maps = torch.ops.nr3d.rasterize(vertices, scene.faces, 160, 128, 0.1, 100.0, True)
        silhouette = (maps[0] >= 0).to(dtype)[:, None]
        both = torch.cat([silhouette, maps[1][:, None]], 1)
        for image in (silhouette, both):
            incoming = grad_image[:, : image.shape[1]]
            grad = torch.ops.nr3d.kato_gradient(
                vertices, scene.faces, maps[0], image, incoming, 1e-4
            )
            maps = (*maps, grad)
        results.append(maps)
    assert results[0][-1].abs().max() > 0
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_without_gradients_nothing_is_recorded():
    vertices, faces, face_index, image, _ = arguments_of(soup(10, seed=8))
    leaf = vertices.requires_grad_()
    fragments = rasterize(leaf, faces, image_size=48)
    assert not fragments.weights.requires_grad and not fragments.face_index.requires_grad
    with torch.no_grad():
        assert not kato_edges(image, leaf, faces=faces, face_index=face_index).requires_grad
    assert kato_edges(image, leaf, faces=faces, face_index=face_index).requires_grad


class Renders(Dataset[Tensor]):
    """Silhouettes drawn by whoever loads them."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        scene = soup(50, seed=index)
        return rasterize(scene.vertices, scene.faces, image_size=96).face_index


# Python 3.12 and later warn of any fork beside threads; that it works is what is tested.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_workers_draw_after_their_parent_did():
    torch.set_num_threads(2)
    expected = [Renders()[i] for i in range(4)]
    loader = DataLoader(
        Renders(), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60
    )
    for ours, theirs in zip(loader, expected, strict=True):
        assert torch.equal(ours, theirs)
