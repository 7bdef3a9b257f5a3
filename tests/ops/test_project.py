"""The projection of every view in one operation, against the cameras in plain torch."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nr3d.geometry import Mesh, look_at, orthographic, perspective
from nr3d.geometry.camera import camera_axes
from nr3d.ops.library import kernel
from nr3d.renderer import NeuralRenderer

FACES = torch.tensor([[0, 1, 2]])
FLOATS = [torch.float32, torch.float64]
PERSPECTIVE = [True, False]


def renderer_of(is_perspective: bool) -> NeuralRenderer:
    return NeuralRenderer(viewing_angle=25.0, perspective=is_perspective)


def scene(num_meshes: int, num_points: int, num_views: int, dtype=torch.float64, *, rows=None):
    """Points near the origin, and eyes, `at` and `up` that see them from a distance of 3."""
    points = torch.rand(num_meshes, num_points, 3, dtype=dtype) - 0.5
    size = (num_meshes if rows is None else rows, num_views, 3)
    eyes = 3 * torch.nn.functional.normalize(torch.randn(size, dtype=dtype), dim=-1)
    at, up = 0.2 * torch.randn(size, dtype=dtype), torch.randn(size, dtype=dtype)
    return points, eyes, at, up


def arguments_of(num_meshes=2, num_points=5, num_views=3, dtype=torch.float64) -> list[Tensor]:
    """What the operation takes, and a gradient of its result."""
    points, eyes, at, up = scene(num_meshes, num_points, num_views, dtype)
    grad = torch.randn(num_meshes * num_views, num_points, 3, dtype=dtype)
    return [points, eyes, camera_axes(at - eyes, up), grad]


def reference(points, eyes, at, up, *, is_perspective: bool) -> Tensor:
    """Each view by itself, through the public cameras."""
    views = []
    for b in range(points.shape[0]):
        for n in range(eyes.shape[1]):
            eye, target, upward = (
                each if each.dim() == 1 else each[b if each.shape[0] > 1 else 0, n]
                for each in (eyes, at, up)
            )
            seen = look_at(points[b : b + 1], eye, at=target, up=upward)
            views.append(
                perspective(seen, viewing_angle=25.0) if is_perspective else orthographic(seen)
            )
    return torch.cat(views)


def outcomes(project, arguments, grad) -> list[Tensor]:
    """The projection and the gradient of every argument."""
    leaves = [each.detach().clone().requires_grad_() for each in arguments]
    projected = project(*leaves)
    return [projected.detach(), *torch.autograd.grad(projected, leaves, grad)]


# More points than a block holds, a single one, and numbers that no vector width divides.
SIZES = [(2, 7, 3), (1, 1, 1), (3, 2500, 1), (1, 1025, 4)]


@pytest.mark.parametrize("is_perspective", PERSPECTIVE)
@pytest.mark.parametrize("size", SIZES)
def test_the_renderer_projects_as_the_cameras_do(size, is_perspective):
    arguments = scene(*size)
    grad = torch.randn(size[0] * size[2], size[1], 3, dtype=torch.float64)
    ours = outcomes(
        lambda p, e, a, u: renderer_of(is_perspective).project(Mesh(p, FACES), e, at=a, up=u),
        arguments,
        grad,
    )
    expected = outcomes(
        lambda *leaves: reference(*leaves, is_perspective=is_perspective), arguments, grad
    )
    for got, want in zip(ours, expected, strict=True):
        # Sums over thousands of points differ by their order.
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12 * want.abs().max().item())
        assert want.abs().max() > 0


@pytest.mark.parametrize("is_perspective", PERSPECTIVE)
def test_single_precision_is_as_near_as_its_rounding(is_perspective):
    arguments = scene(2, 100, 3)
    grad = torch.randn(6, 100, 3, dtype=torch.float64)
    expected = outcomes(
        lambda *leaves: reference(*leaves, is_perspective=is_perspective), arguments, grad
    )
    ours = outcomes(
        lambda p, e, a, u: renderer_of(is_perspective).project(Mesh(p, FACES), e, at=a, up=u),
        [each.float() for each in arguments],
        grad.float(),
    )
    for got, want in zip(ours, expected, strict=True):
        assert got.dtype == torch.float32
        error = (got - want).abs().max() / want.abs().max()
        assert error < 2e-6  # some ten roundings of 6e-8 each


def test_one_row_of_cameras_serves_all_meshes_and_gathers_their_gradients():
    points, eyes, at, up = scene(3, 9, 2, rows=1)
    grad = torch.randn(6, 9, 3, dtype=torch.float64)
    results = []
    for view in (
        lambda p, e, a, u: renderer_of(True).project(Mesh(p, FACES), e, at=a, up=u),
        lambda *leaves: reference(*leaves, is_perspective=True),
    ):
        results.append(outcomes(view, (points, eyes, at, up), grad))
    assert results[0][2].shape == (1, 2, 3)
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)
    mixed = renderer_of(True).project(Mesh(points, FACES), eyes.expand(3, 2, 3), at=at, up=up)
    assert torch.equal(mixed, results[0][0])


def test_one_vector_for_all_views_may_be_numbers_or_a_tensor():
    points, eyes, *_ = scene(2, 4, 3)
    at, up = (0.1, -0.2, 0.3), (0.3, 1.0, 0.2)
    tensors = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (at, up)]
    mesh = Mesh(points, FACES)
    numbers = renderer_of(True).project(mesh, eyes, at=at, up=list(up))
    projected = renderer_of(True).project(mesh, eyes, at=tensors[0], up=tensors[1])
    expected = reference(points, eyes, *tensors, is_perspective=True)
    assert torch.equal(numbers, projected)
    torch.testing.assert_close(projected, expected, rtol=1e-12, atol=1e-12)
    for got, want in zip(
        torch.autograd.grad(projected.square().sum(), tensors),
        torch.autograd.grad(expected.square().sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-11)
    default = renderer_of(True).project(mesh, eyes)
    origin, y_axis = torch.zeros(3).double(), torch.tensor([0.0, 1.0, 0.0]).double()
    expected = reference(points, eyes, origin, y_axis, is_perspective=True)
    torch.testing.assert_close(default, expected, rtol=1e-12, atol=1e-12)


def test_row_of_a_view_is_that_of_its_mesh_times_the_views_plus_its_own():
    points, eyes, *_ = scene(2, 4, 3)
    projected = renderer_of(True).project(Mesh(points, FACES), eyes)
    for b in range(2):
        for n in range(3):
            one = renderer_of(True).project(
                Mesh(points[b : b + 1], FACES), eyes[b : b + 1, n : n + 1]
            )
            assert torch.equal(one[0], projected[3 * b + n])


@pytest.mark.parametrize("tangent", [0.0, 0.4])
def test_gradients_agree_with_finite_differences(tangent):
    points, eyes, axes, _ = arguments_of()
    leaves = [each.requires_grad_() for each in (points, eyes, axes)]
    assert torch.autograd.gradcheck(torch.ops.nr3d.project, (*leaves, tangent))


# opcheck itself looks at .grad of the copies it makes.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck(dtype):
    points, eyes, axes, grad = arguments_of(dtype=dtype)
    ops = torch.ops.nr3d
    for tangent in (0.0, 0.4):
        gradient_arguments = (points, eyes, axes, tangent, grad)
        torch.library.opcheck(ops.project_gradient.default, gradient_arguments)
        torch.library.opcheck(ops.project_camera_gradient.default, gradient_arguments)
        leaves = [each.clone().requires_grad_() for each in (points, eyes, axes)]
        torch.library.opcheck(ops.project.default, (*leaves, tangent))
        torch.library.opcheck(ops.project.default, (leaves[0], eyes, axes, tangent))


@pytest.mark.parametrize("is_perspective", PERSPECTIVE)
def test_full_graph_compile_forward_and_backward(is_perspective):
    def project(points, eyes, at, up):
        return renderer.project(Mesh(points, FACES), eyes, at=at, up=up)

    renderer = renderer_of(is_perspective)
    arguments = scene(2, 6, 3)
    grad = torch.randn(6, 6, 3, dtype=torch.float64)
    # The graph is what matters; generating code for it takes a compiler and many seconds.
    compiled = torch.compile(project, fullgraph=True, backend="aot_eager")
    for got, want in zip(
        outcomes(compiled, arguments, grad), outcomes(project, arguments, grad), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def strided(tensor: Tensor) -> Tensor:
    """The same values in another memory layout."""
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def test_any_memory_layout_gives_the_same():
    *arguments, grad = arguments_of(3, 5, 4)
    others = [strided(each) for each in arguments]
    assert not any(each.is_contiguous() for each in (*others, strided(grad)))
    ops = torch.ops.nr3d
    projected = ops.project(*others, 0.4)
    assert projected.is_contiguous()
    assert torch.equal(projected, ops.project(*arguments, 0.4))
    for op in (ops.project_gradient, ops.project_camera_gradient):
        expected = op(*arguments, 0.4, grad)
        torch.testing.assert_close(op(*others, 0.4, strided(grad)), expected, rtol=0, atol=0)


def test_an_expanded_mesh_and_an_expanded_gradient_are_accepted():
    points, eyes, *_ = scene(1, 6, 2)
    leaf = points.clone().requires_grad_()
    projected = renderer_of(True).project(
        Mesh(leaf.expand(3, -1, -1), FACES), eyes.expand(3, -1, -1)
    )
    projected.sum().backward()
    alone = points.clone().requires_grad_()
    (3 * renderer_of(True).project(Mesh(alone, FACES), eyes).sum()).backward()
    torch.testing.assert_close(leaf.grad, alone.grad, rtol=1e-12, atol=1e-12)
    assert alone.grad.abs().max() > 0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(3, 50_000, 2), (400, 642, 1)])
def test_the_same_bits_for_any_number_of_threads(size, dtype):
    # Large enough that there is something to share.
    *arguments, grad = arguments_of(*size, dtype=dtype)
    ops = torch.ops.nr3d
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(
            [
                ops.project(*arguments, 0.4),
                ops.project_gradient(*arguments, 0.4, grad),
                *ops.project_camera_gradient(*arguments, 0.4, grad),
            ]
        )
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert one.abs().max() > 0
            assert torch.equal(one, same)


@pytest.mark.parametrize("size", [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_nothing_to_project_gives_nothing(size):
    *arguments, grad = arguments_of(*size)
    leaves = [each.clone().requires_grad_() for each in arguments]
    projected = torch.ops.nr3d.project(*leaves, 0.4)
    assert projected.shape == grad.shape
    for leaf, of_leaf in zip(leaves, torch.autograd.grad(projected, leaves, grad), strict=True):
        assert torch.equal(of_leaf, torch.zeros_like(leaf))


def test_points_at_depth_zero_become_infinite_or_nan_as_in_perspective():
    eyes = torch.tensor([[[0.0, 0.0, -3.0]]])
    points = torch.tensor([[[0.5, -0.25, -3.0], [0.0, 0.5, -3.0], [0.5, 0.25, -5.0], [0.1, 0, 0]]])
    expected = perspective(look_at(points, eyes[0]), viewing_angle=25.0)
    assert expected[0, :2].isinf().any() and expected[0, :2].isnan().any()
    leaf = points.clone().requires_grad_()
    projected = renderer_of(True).project(Mesh(leaf, FACES), eyes)
    torch.testing.assert_close(projected, expected, equal_nan=True)
    projected.sum().backward()
    assert not leaf.grad[0, :2, :2].isfinite().all()
    assert leaf.grad[0, 2:].isfinite().all()
    assert renderer_of(False).project(Mesh(points, FACES), eyes).isfinite().all()


class Calls(TorchDispatchMode):
    """Which operations of ours run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        if op.namespace == "nr3d":
            self.names.append(op.name().removeprefix("nr3d::"))
        return op(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("of_points", "of_eyes", "expected"),
    [
        (True, False, ["project", "project_gradient"]),
        (False, True, ["project", "project_camera_gradient"]),
        (True, True, ["project", "project_gradient", "project_camera_gradient"]),
    ],
)
def test_only_the_gradients_asked_for_are_computed(of_points, of_eyes, expected):
    points, eyes, *_ = scene(2, 5, 1)
    points.requires_grad_(of_points), eyes.requires_grad_(of_eyes)
    with Calls() as calls:
        renderer_of(True).project(Mesh(points, FACES), eyes).sum().backward()
    assert calls.names == expected
    assert (points.grad is not None) == of_points and (eyes.grad is not None) == of_eyes


@pytest.mark.parametrize("reduced", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(reduced):
    points, eyes, *_ = scene(2, 5, 1)
    leaf = points.to(reduced).requires_grad_()
    projected = renderer_of(True).project(Mesh(leaf, FACES), eyes)  # eyes in float64
    expected = renderer_of(True).project(Mesh(leaf.detach().float(), FACES), eyes.float())
    assert projected.dtype == torch.float32
    assert torch.equal(projected, expected)
    projected.sum().backward()
    assert leaf.grad.dtype == reduced and leaf.grad.abs().max() > 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(renderer_of(True).project(Mesh(leaf, FACES), eyes), expected)


POINTS, EYES, AXES, GRAD = arguments_of(2, 5, 3)
BAD_ARGUMENTS = [
    ({"points": POINTS[0]}, ValueError, "points must have shape [B, V, 3], got [5, 3]"),
    ({"points": POINTS.half()}, TypeError, "points must be float32 or float64, got float16"),
    ({"eyes": EYES[:1]}, ValueError, "eyes must have shape [2, N, 3], got [1, 3, 3]"),
    ({"eyes": EYES[0]}, ValueError, "eyes must have shape [2, N, 3], got [3, 3]"),
    ({"eyes": EYES.float()}, TypeError, "eyes must be float64, got float32"),
    ({"axes": AXES[:, :1]}, ValueError, "axes must have shape [2, 3, 3, 3], got [2, 1, 3, 3]"),
    ({"axes": AXES.float()}, TypeError, "axes must be float64, got float32"),
    ({"tangent": -0.1}, ValueError, "tangent must be at least 0, got -0.1"),
    ({"tangent": math.nan}, ValueError, "tangent must be at least 0, got nan"),
]
BAD_GRADIENTS = [
    ({"grad": GRAD[:4]}, ValueError, "grad_projected must have shape [6, 5, 3], got [4, 5, 3]"),
    ({"grad": GRAD.float()}, TypeError, "grad_projected must be float64, got float32"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_ARGUMENTS + BAD_GRADIENTS)
@pytest.mark.parametrize("name", ["project", "project_gradient", "project_camera_gradient"])
def test_the_operation_names_the_bad_argument(name, change, error, message):
    arguments = {"points": POINTS, "eyes": EYES, "axes": AXES, "tangent": 0.4, "grad": GRAD}
    arguments |= change
    if name == "project":
        if "grad" in change:
            return
        del arguments["grad"]
    with pytest.raises(error, match=re.escape(f"{name}: {message}")):
        getattr(torch.ops.nr3d, name)(*arguments.values())


def test_a_device_without_kernels_is_named():
    message = "project: points is on meta, but nr3d has no kernel for this device"
    with pytest.raises(RuntimeError, match=re.escape(message)):
        kernel("project", POINTS.to("meta"), argument="points")
