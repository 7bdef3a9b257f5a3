"""What holds for values of vertices and for cubes alike: agreement, layout, threads, messages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from nr3d.renderer import reference, reference_fragments
from nr3d.renderer.cubes import sample_cubes
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.rasterize import Fragments, rasterize
from tests.renderer.scenes import Scene, scenes, soup

FLOATS = [torch.float32, torch.float64]
BOTH = pytest.mark.parametrize("function", [interpolate_vertices, sample_cubes])
Function = Callable[..., Tensor]


def values_of(function: Function, rows: int, num_vertices: int, num_faces: int) -> Tensor:
    """Random values of the vertices, or cubes, float64."""
    if function is interpolate_vertices:
        return torch.rand(rows, num_vertices, 3, dtype=torch.float64)
    return torch.rand(rows, num_faces, 4, 4, 4, 3, dtype=torch.float64)


def slanted(seed: int, *, num_faces: int = 60, num_meshes: int = 2) -> tuple[Tensor, Tensor]:
    """Separate triangles that are deeper at one corner than at another."""
    scene = soup(num_faces, seed=seed, num_meshes=num_meshes)
    slope = torch.linspace(0.7, 1.9, 3 * num_faces, dtype=torch.float64)[torch.randperm(3)[0] :]
    scene.vertices[:, -len(slope) :, 2] *= slope
    return scene.vertices, scene.faces


def both_ways(function: Function, values: Tensor, grad: Tensor, **arguments) -> list[Tensor]:
    leaf = values.detach().clone().requires_grad_()
    image = function(leaf, **arguments)
    image.backward(grad)
    return [image.detach(), leaf.grad]


def agree(function: Function, scene: Scene, rows: int) -> None:
    maps = reference.rasterize(
        scene.vertices, scene.faces, image_size=scene.size, fill_back=scene.fill_back
    )
    num_meshes, num_vertices = scene.vertices.shape[:2]
    values = values_of(function, rows or num_meshes, num_vertices, len(scene.faces))
    grad = torch.randn(num_meshes, 3, *scene.size, dtype=torch.float64)
    known = {"vertices": scene.vertices, "faces": scene.faces}
    native = both_ways(function, values, grad, fragments=Fragments(*maps), **known)
    names = ("face_index", "depth", "weights")
    known |= dict(zip(names, maps, strict=True))
    twin = getattr(reference_fragments, function.__name__)
    expected = both_ways(twin, values, grad, **known)
    for got, want in zip(native, expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


@BOTH
@settings(max_examples=100, deadline=None, derandomize=True)
@given(scene=scenes())
def test_hard_scenes_agree(function, scene):
    agree(function, scene, 0)


@BOTH
@pytest.mark.parametrize("rows", [0, 1])
def test_soups_agree(function, rows):
    scene = soup(60, seed=1, num_meshes=3)
    scene.vertices[..., 2] *= 0.5 + torch.rand(3, 180, dtype=torch.float64)
    agree(function, scene, rows)


@BOTH
@pytest.mark.parametrize("rows", [1, 2])
def test_gradcheck(function, rows):
    vertices, faces = slanted(2, num_faces=3)
    fragments = rasterize(vertices, faces, image_size=(6, 7))
    assert (fragments.face_index >= 0).any()
    values = values_of(function, rows, 9, 3)[..., :2].requires_grad_()

    def image(values: Tensor) -> Tensor:
        return function(values, fragments, vertices=vertices, faces=faces)

    assert torch.autograd.gradcheck(image, values)


@BOTH
def test_single_precision_is_as_near_as_its_rounding(function):
    vertices, faces = slanted(3)
    fragments = rasterize(vertices, faces, image_size=48)
    single = Fragments(fragments.face_index, fragments.depth.float(), fragments.weights.float())
    values, grad = values_of(function, 2, 180, 60), torch.randn(2, 3, 48, 48, dtype=torch.float64)
    expected = both_ways(
        function, values, grad, fragments=fragments, vertices=vertices, faces=faces
    )
    known = {"fragments": single, "vertices": vertices.float(), "faces": faces}
    for got, want in zip(
        both_ways(function, values.float(), grad.float(), **known), expected, strict=True
    ):
        assert got.dtype == torch.float32
        assert (got - want).abs().max() < 1e-5 * want.abs().max()


@BOTH
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("num_meshes", "rows"), [(1, 1), (4, 4), (4, 1)])
def test_the_same_bits_for_any_number_of_threads(function, num_meshes, rows, dtype):
    vertices, faces = slanted(4, num_faces=700, num_meshes=num_meshes)
    vertices = vertices.to(dtype)
    values = values_of(function, rows, 2100, 700).to(dtype)
    grad = torch.randn(num_meshes, 3, 160, 128, dtype=dtype)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        known = {"vertices": vertices, "faces": faces}
        fragments = rasterize(**known, image_size=(160, 128))
        results.append(both_ways(function, values, grad, fragments=fragments, **known))
    assert results[0][1].abs().max() > 0
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def strided(tensor: Tensor) -> Tensor:
    """The same values in another memory layout."""
    return torch.stack([tensor, torch.zeros_like(tensor)], -1)[..., 0]


@BOTH
def test_any_memory_layout_gives_the_same(function):
    vertices, faces = slanted(5)
    found = rasterize(vertices, faces, image_size=48)
    values, grad = values_of(function, 2, 180, 60), torch.randn(2, 3, 48, 48, dtype=torch.float64)
    expected = both_ways(function, values, grad, fragments=found, vertices=vertices, faces=faces)
    leaf = strided(values).requires_grad_()
    other = Fragments(*(strided(one) for one in (found.face_index, found.depth, found.weights)))
    assert not leaf.is_contiguous() and not other.weights.is_contiguous()
    image = function(leaf, other, vertices=strided(vertices), faces=strided(faces).int())
    image.backward(strided(grad))
    assert torch.equal(image, expected[0])
    assert torch.equal(leaf.grad, expected[1])


@BOTH
@pytest.mark.parametrize("reduced", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(function, reduced):
    vertices, faces = slanted(6)
    fragments = rasterize(vertices.to(reduced), faces, image_size=32)
    leaf = values_of(function, 1, 180, 60).to(reduced).requires_grad_()
    image = function(leaf, fragments, vertices=vertices.to(reduced), faces=faces)
    assert image.dtype == torch.float32
    image.sum().backward()
    assert leaf.grad.dtype == reduced
    assert leaf.grad.abs().max() > 0


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck(dtype):
    vertices, faces = slanted(7, num_faces=5)
    vertices = vertices.to(dtype)
    found = torch.ops.nr3d.rasterize(vertices, faces, 12, 10, 0.1, 100.0, True)
    seen = (vertices, faces, *found)
    values = values_of(interpolate_vertices, 1, 15, 5).to(dtype).requires_grad_()
    cubes = values_of(sample_cubes, 2, 15, 5).to(dtype).requires_grad_()
    grad = torch.randn(2, 3, 12, 10, dtype=dtype)
    ops, check = torch.ops.nr3d, torch.library.opcheck
    check(ops.interpolate_vertices.default, (values, *seen))
    check(ops.interpolate_vertices_gradient.default, (grad, *seen, 2))
    check(ops.sample_cubes.default, (cubes, *seen, 1e-3))
    check(ops.sample_cubes_gradient.default, (grad, *seen, 1, 4, 1e-3))


@BOTH
def test_full_graph_compile(function):
    vertices, faces = slanted(8)

    def loss(values: Tensor) -> Tensor:
        fragments = rasterize(vertices, faces, image_size=32)
        return function(values, fragments, vertices=vertices, faces=faces).square().sum()

    values = values_of(function, 1, 180, 60)
    grads = []
    for form in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaf = values.clone().requires_grad_()
        form(leaf).backward()
        grads.append(leaf.grad)
    assert grads[0].abs().max() > 0
    assert torch.equal(*grads)


@BOTH
def test_without_gradients_nothing_is_recorded(function):
    vertices, faces = slanted(9)
    fragments = rasterize(vertices, faces, image_size=16)
    leaf = values_of(function, 1, 180, 60).requires_grad_()
    known = {"vertices": vertices, "faces": faces}
    assert function(leaf, fragments, **known).requires_grad
    assert not function(leaf.detach(), fragments, **known).requires_grad
    with torch.no_grad():
        assert not function(leaf, fragments, **known).requires_grad


VERTICES = torch.ones(2, 3, 3)
INDEX = torch.zeros(2, 8, 8, dtype=torch.int32)
NAMES = {interpolate_vertices: "values", sample_cubes: "cubes"}


def call(function: Function, **change: object) -> None:
    """Call with small inputs, some of them changed; `values` stands for the first argument."""
    rows = values_of(function, 1, 3, 1).float()
    arguments = {
        "values": rows,
        "face_index": INDEX,
        "depth": torch.ones(2, 8, 8),
        "weights": torch.ones(2, 8, 8, 3),
        "vertices": VERTICES,
        "faces": torch.tensor([[0, 1, 2]]),
    } | change
    found = Fragments(*(arguments.pop(key) for key in ("face_index", "depth", "weights")))
    function(arguments.pop("values"), found, **arguments)


BAD = [
    ({"values": "red"}, TypeError, "{values} must be a tensor, got str"),
    ({"values": torch.ones(1, 1)}, ValueError, "{values} must have shape [M, "),
    ({"vertices": VERTICES.double()}, TypeError, "depth must be float64, got float32"),
    ({"vertices": VERTICES[0]}, ValueError, "vertices must have shape [M, V, 3], got [3, 3]"),
    (
        {"vertices": VERTICES * float("nan")},
        ValueError,
        "vertices must be finite, got nan at [0, 0, 0]",
    ),
    ({"faces": torch.ones(1, 3)}, TypeError, "faces must be int32 or int64, got float32"),
    (
        {"faces": torch.tensor([[0, 1, 3]])},
        ValueError,
        "faces must hold vertex indices inside [0, 3), got 3 at [0, 2]",
    ),
    ({"face_index": INDEX.long()}, TypeError, "face_index must be int32, got int64"),
    ({"face_index": INDEX[:1]}, ValueError, "face_index must have shape [2, H, W], got [1, 8, 8]"),
    (
        {"face_index": INDEX + 2},
        ValueError,
        "face_index must hold face indices inside [-1, 2), got 2 at [0, 0, 0]",
    ),
    (
        {"face_index": INDEX - 2},
        ValueError,
        "face_index must hold face indices inside [-1, 2), got -2 at [0, 0, 0]",
    ),
    ({"depth": torch.ones(2, 8, 9)}, ValueError, "depth must have shape [2, 8, 8], got [2, 8, 9]"),
    (
        {"weights": torch.ones(2, 8, 8)},
        ValueError,
        "weights must have shape [2, 8, 8, 3], got [2, 8, 8]",
    ),
    (
        {"depth": torch.ones(2, 8, 8, device="meta")},
        ValueError,
        "depth must be on cpu, got meta; move all tensors to one device",
    ),
]


@BOTH
@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_the_bad_argument_is_named(function, change, error, message):
    expected = f"{function.__name__}: {message.format(values=NAMES[function])}"
    with pytest.raises(error, match="^" + re.escape(expected)):
        call(function, **change)


@BOTH
def test_rows_of_values_are_one_or_as_many_as_views(function):
    values = values_of(function, 3, 3, 1).float()
    message = "must have 1 or 2 rows, as many as there are meshes, got shape [3,"
    with pytest.raises(ValueError, match=re.escape(message)):
        call(function, values=values)
    for other, error in ((values.double(), TypeError), (values.to("meta"), ValueError)):
        with pytest.raises(error, match=f"^{function.__name__}: {NAMES[function]} must be "):
            call(function, values=other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": -0.1}, "eps must be at least 0, got -0.1"),
        ({"values": torch.ones(1, 2, 4, 4, 4, 3)}, "cubes must have shape [M, 1, T, T, T, C], got"),
        (
            {"values": torch.ones(1, 1, 4, 4, 3, 3)},
            "cubes must have three equal sides of at least 1 texel, got shape [1, 1, 4, 4, 3, 3]",
        ),
        (
            {"values": torch.ones(1, 1, 0, 0, 0, 3)},
            "cubes must have three equal sides of at least 1 texel, got shape [1, 1, 0, 0, 0, 3]",
        ),
    ],
)
def test_bad_cubes_are_named(change, message):
    with pytest.raises(ValueError, match="^" + re.escape("sample_cubes: " + message)):
        call(sample_cubes, **change)
