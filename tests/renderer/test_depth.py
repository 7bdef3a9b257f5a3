"""The exact gradient of depth: recorded numbers, finite differences, the same in plain torch."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nr3d.renderer import kato_edges, rasterize, reference
from nr3d.renderer.reference_fragments import depth_gradient
from tests.conftest import TRUTH
from tests.renderer.scenes import Scene, scenes, soup
from tests.renderer.test_truth import GRADIENT_TOLERANCE, Case, assert_gradient

FLOATS = [torch.float32, torch.float64]
DEPTH_CASES = [
    path.stem
    for path in sorted(TRUTH.glob("case_*.npz"))
    if not path.stem.startswith(("case_01", "case_02", "case_03"))
] or ["case_07_teapot_5views_64_aa1_fillback1", "case_10_depth_triangle_onepixel"]


def depth_case(arrays: dict, dtype: torch.dtype) -> tuple[Case, Tensor]:
    """A file and the gradient it records; faces of no area are recorded to the last rounding."""
    if "grad_faces_depth" not in arrays:
        pytest.skip("no depth gradient is recorded")
    case = Case(arrays, dtype)
    suffix = "_f64" if dtype == torch.float64 else ""
    return case, torch.from_numpy(arrays["grad_faces_depth" + suffix])


def gradient_of_depth(case: Case, num_faces: int) -> Tensor:
    vertices, faces = case.mesh(num_faces)
    vertices.requires_grad_()
    fill_back = num_faces < case.num_faces
    fragments = rasterize(vertices, faces, **case.settings, fill_back=fill_back)
    fragments.depth.backward(case.incoming("grad_depth")[:, 0])
    return vertices.grad


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", DEPTH_CASES)
def test_it_equals_the_authors_kernels(truth, name, dtype):
    case, expected = depth_case(truth(name), dtype)
    grad = gradient_of_depth(case, case.num_faces)
    assert_gradient(grad, expected, GRADIENT_TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [name for name in DEPTH_CASES if "fillback1" in name])
def test_backs_give_theirs_to_the_same_vertices(truth, name, dtype):
    case, expected = depth_case(truth(name), dtype)
    half = case.num_faces // 2
    grad = gradient_of_depth(case, half)
    assert_gradient(
        grad, expected[:, :half] + expected[:, half:].flip(2), GRADIENT_TOLERANCE[dtype]
    )


def maps_of(scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
    arguments = {"image_size": scene.size, "fill_back": scene.fill_back}
    return reference.rasterize(scene.vertices, scene.faces, **arguments)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scene=scenes())
def test_hard_scenes_agree(scene):
    maps = maps_of(scene)
    arguments = (scene.vertices, scene.faces, *maps, scene.grad_image[:, 0])
    native = torch.ops.nr3d.depth_gradient(*arguments)
    expected = depth_gradient(*arguments)
    scale = expected.abs().nan_to_num(posinf=0).amax().clamp(min=1)  # single entries may cancel
    torch.testing.assert_close(native, expected, rtol=1e-10, atol=1e-10 * scale, equal_nan=True)


@pytest.mark.parametrize("seed", range(3))
def test_soups_agree(seed):
    scene = soup(60, seed=seed, num_meshes=2, size=0.2 + 0.4 * seed)
    slopes = torch.linspace(1.0, 1.5, 180, dtype=torch.float64).view(1, -1)
    scene.vertices[..., 2] *= slopes[:, torch.randperm(180)]
    maps = maps_of(scene)
    arguments = (scene.vertices, scene.faces, *maps, scene.grad_image[:, 0])
    expected = depth_gradient(*arguments)
    assert (expected.abs().amax((0, 1)) > 1).all()
    native = torch.ops.nr3d.depth_gradient(*arguments)
    torch.testing.assert_close(native, expected, rtol=0, atol=1e-10 * expected.abs().max())


def test_it_equals_finite_differences():
    # Two slanted faces, one of them seen from its back; no pixel centre is near an edge.
    vertices = torch.tensor(
        [[[-0.93, -0.9, 1.3], [0.05, -0.85, 2.5], [-0.1, 0.83, 3.1], [0.97, 0.52, 1.7]]],
        dtype=torch.float64,
    )
    faces = torch.tensor([[0, 1, 2], [1, 2, 3]])

    def depth(vertices: Tensor) -> Tensor:
        fragments = rasterize(vertices, faces, image_size=(11, 14))
        assert {0, 3} <= set(fragments.face_index.unique().tolist())  # 3 = F + 1, a back
        return fragments.depth

    assert torch.autograd.gradcheck(depth, vertices.requires_grad_(), atol=1e-7, rtol=1e-7)


def test_uncovered_pixels_and_hidden_vertices_get_nothing():
    vertices = soup(1, seed=0).vertices.requires_grad_()
    unseen = torch.cat([vertices, vertices * torch.tensor([1.0, 1, 2]), vertices[:, :1]], 1)
    fragments = rasterize(unseen, torch.tensor([[0, 1, 2], [3, 4, 5]]), image_size=48)
    grad = torch.autograd.grad(fragments.depth, unseen, 1.0 * (fragments.face_index < 0))[0]
    assert (grad == 0).all()
    grad = torch.autograd.grad(
        rasterize(unseen, torch.tensor([[0, 1, 2], [3, 4, 5]]), image_size=48).depth.sum(), unseen
    )[0]
    assert (grad[:, :3, 2] > 0).all()
    assert (grad[:, 3:] == 0).all()


class Calls(TorchDispatchMode):
    """Which of our operators run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.namespace == "nr3d":
            self.names.append(function._schema.name.removeprefix("nr3d::"))
        return function(*args, **(kwargs or {}))


def test_nothing_is_computed_for_those_who_want_no_depth():
    scene = soup(20, seed=1)
    leaf = scene.vertices.clone().requires_grad_()
    with Calls() as calls:
        fragments = rasterize(leaf, scene.faces, image_size=48)
        assert fragments.depth.requires_grad
        assert not fragments.weights.requires_grad and not fragments.face_index.requires_grad
        image = (fragments.face_index >= 0).double()[:, None]
        edged = kato_edges(image, leaf, faces=scene.faces, face_index=fragments.face_index)
        edged.backward(scene.grad_image)
    assert calls.names == ["rasterize", "kato_edges", "kato_gradient"]
    with Calls() as calls:
        fragments.depth.sum().backward()
    assert calls.names == ["depth_gradient"]
    assert not rasterize(scene.vertices, scene.faces, image_size=48).depth.requires_grad
    with torch.no_grad():
        assert not rasterize(leaf, scene.faces, image_size=48).depth.requires_grad


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck(dtype):
    scene = soup(6, seed=0)
    vertices = scene.vertices.to(dtype)
    settings = (48, 32, 0.1, 100.0, True)
    leaf = vertices.clone().requires_grad_()
    # The fourth of its checks adds the results up, and cannot where the first is of integers; the
    # compiled graph below is the same one.
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    rasterize_op = torch.ops.nr3d.rasterize.default
    torch.library.opcheck(rasterize_op, (leaf, scene.faces, *settings), test_utils=checks)
    maps = torch.ops.nr3d.rasterize(vertices, scene.faces, *settings)
    arguments = (vertices, scene.faces, *maps, torch.randn_like(maps[1]))
    torch.library.opcheck(torch.ops.nr3d.depth_gradient.default, arguments)


def test_full_graph_compile():
    scene = soup(20, seed=1)

    def loss(vertices: Tensor) -> Tensor:
        return rasterize(vertices, scene.faces, image_size=32).depth.square().sum()

    grads = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaf = scene.vertices.clone().requires_grad_()
        function(leaf).backward()
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(*grads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("num_meshes", [1, 4])
def test_the_same_bits_for_any_number_of_threads(num_meshes, dtype):
    scene = soup(700, seed=7, num_meshes=num_meshes, size=0.15)
    vertices = scene.vertices.to(dtype)
    grad_depth = torch.randn(num_meshes, 160, 128, dtype=dtype)
    grads = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        leaf = vertices.clone().requires_grad_()
        rasterize(leaf, scene.faces, image_size=(160, 128)).depth.backward(grad_depth)
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(grads[0], grads[1]) and torch.equal(grads[0], grads[2])


def test_any_memory_layout_gives_the_same():
    scene = soup(20, seed=2, num_meshes=2)
    grads = []
    for gradient in (torch.ones(2, 48, 48), torch.ones(()).expand(2, 48, 48)):
        leaf = scene.vertices.transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
        rasterize(leaf, scene.faces, image_size=48).depth.backward(gradient.double())
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(*grads)


@pytest.mark.parametrize("reduced", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(reduced):
    scene = soup(10, seed=6)
    leaf = scene.vertices.to(reduced).requires_grad_()
    depth = rasterize(leaf, scene.faces, image_size=32).depth
    assert depth.dtype == torch.float32
    depth.sum().backward()
    assert leaf.grad.dtype == reduced
    assert leaf.grad.abs().max() > 0


BAD = [
    ({"depth": torch.ones(1, 8, 7)}, "depth must have shape [1, 8, 8], got [1, 8, 7]"),
    ({"weights": torch.ones(1, 8, 8)}, "weights must have shape [1, 8, 8, 3], got [1, 8, 8]"),
    ({"grad_depth": torch.ones(8, 8)}, "grad_depth must have shape [1, 8, 8], got [8, 8]"),
    ({"grad_depth": torch.ones(1, 8, 8).double()}, "grad_depth must be float32, got float64"),
    ({"face_index": torch.zeros(1, 8, 8).long()}, "face_index must be int32, got int64"),
    (
        {"face_index": torch.full((1, 8, 8), 2, dtype=torch.int32)},
        "face_index must hold face indices inside [-1, 2), got 2 at [0, 0, 0]",
    ),
    (
        {"faces": torch.tensor([[0, 1, 3]])},
        "faces must hold vertex indices inside [0, 3), got 3 at [0, 2]",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_the_operator_names_the_bad_argument(change, message):
    arguments = {
        "vertices": torch.ones(1, 3, 3),
        "faces": torch.tensor([[0, 1, 2]]),
        "face_index": torch.zeros(1, 8, 8, dtype=torch.int32),
        "depth": torch.ones(1, 8, 8),
        "weights": torch.ones(1, 8, 8, 3),
        "grad_depth": torch.ones(1, 8, 8),
    } | change
    with pytest.raises((TypeError, ValueError), match=re.escape("depth_gradient: " + message)):
        torch.ops.nr3d.depth_gradient(**arguments)
