"""Calibrated cameras against recorded numbers, finite differences and the plain camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, icosphere, look_at, perspective
from nr3d.geometry.projection import projection
from nr3d.renderer import NeuralRenderer, rasterize

Truth = Callable[[str], dict[str, np.ndarray]]

POINTS = torch.tensor([[[0.0, 0.0, 0.0], [0.3, -0.2, 0.5]], [[0.1, 0.4, -0.2], [-0.3, 0.2, 0.1]]])
K = torch.tensor([[50.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]])
R = torch.eye(3)
T = torch.tensor([0.0, 0.0, 4.0])
LENS = torch.tensor([0.1, -0.2, 0.01, -0.02, 0.05])


def camera(**changes: Any) -> dict[str, Any]:
    """Give the arguments of `projection` after the points, some of them replaced."""
    return {"K": K, "R": R, "t": T, "orig_size": (48, 64)} | changes


def test_projection_equals_the_recorded_numbers(truth: Truth) -> None:
    case = {name: torch.from_numpy(value) for name, value in truth("aux_camera").items()}
    given = (case["vertices"], case["K"], case["R"], case["t"])
    size = float(case["orig_size"])
    plain = projection(*given, orig_size=size)
    torch.testing.assert_close(plain, case["projection_nodist"], rtol=2e-6, atol=2e-6)
    bent = projection(*given, distortion=case["dist_coeffs"], orig_size=size)
    torch.testing.assert_close(bent, case["projection"], rtol=2e-6, atol=4e-6)
    assert float((case["projection"] - case["projection_nodist"]).abs().max()) > 1e-3


def test_a_known_point_lands_where_opencv_puts_it() -> None:
    """The formulas of OpenCV's documentation, one number at a time."""
    x, y = 0.3 / 4.5, -0.2 / 4.5
    k1, k2, p1, p2, k3 = LENS.tolist()
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    bent_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    column, row = 50 * bent_x + 32, 60 * bent_y + 24
    expected = torch.tensor([2 * column / 64 - 1, 1 - 2 * row / 48, 4.5])
    computed = projection(POINTS, **camera(distortion=LENS))
    torch.testing.assert_close(computed[0, 1], expected, rtol=1e-6, atol=1e-6)


def test_borders_of_an_image_that_is_no_square_are_minus_one_and_one() -> None:
    top_left = torch.tensor([[[-32 / 50, -24 / 60, 1.0]]])
    bottom_right = torch.tensor([[[32 / 50, 24 / 60, 1.0]]])
    seen = [projection(p, K, R, T * 0, orig_size=(48, 64)) for p in (top_left, bottom_right)]
    torch.testing.assert_close(seen[0], torch.tensor([[[-1.0, 1.0, 1.0]]]))
    torch.testing.assert_close(seen[1], torch.tensor([[[1.0, -1.0, 1.0]]]))


def test_one_number_is_a_square() -> None:
    square = projection(POINTS, **camera(orig_size=64))
    assert torch.equal(square, projection(POINTS, **camera(orig_size=[64.0, 64.0])))


def test_a_pixel_of_the_image_shows_the_point_that_k_puts_there() -> None:
    """Column 3, row 1 of 6 x 4: its centre is (3.5, 1.5)."""
    matrix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    corners = torch.tensor([[[3.1, 1.1, 1.0], [3.5, 1.9, 1.0], [3.9, 1.1, 1.0]]])
    projected = projection(corners, matrix, R, T * 0, orig_size=(4, 6))
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    fragments = rasterize(projected, faces, image_size=(4, 6), fill_back=True)
    assert (fragments.face_index[0] >= 0).nonzero().tolist() == [[1, 3]]


def test_arguments_for_all_and_for_each_view_mix() -> None:
    each = projection(
        POINTS, K.expand(2, 3, 3), R[None], T.expand(2, 1, 3), distortion=LENS[None], orig_size=64
    )
    assert torch.equal(each, projection(POINTS, K, R, T, distortion=LENS, orig_size=64))
    many = projection(POINTS[:1], K.expand(5, 3, 3), R, T, orig_size=64)
    assert many.shape == (5, 2, 3)
    assert torch.equal(many[4], projection(POINTS[:1], K, R, T, orig_size=64)[0])
    five = projection(POINTS[:1], K, R, T, distortion=LENS.expand(5, 5), orig_size=64)
    assert five.shape == (5, 2, 3)


def test_the_same_picture_as_look_at_and_perspective() -> None:
    """A camera on -z with half a field of view of 20 degrees, in pixels: y down."""
    focal = 32 / math.tan(math.radians(20))
    matrix = torch.tensor([[focal, 0.0, 32.0], [0.0, focal, 32.0], [0.0, 0.0, 1.0]])
    flip = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    calibrated = projection(POINTS, matrix, flip, torch.tensor([0.0, 0.0, 3.0]), orig_size=64)
    plain = perspective(look_at(POINTS, (0.0, 0.0, -3.0)), viewing_angle=20.0)
    torch.testing.assert_close(calibrated, plain)


def test_gradients_agree_with_finite_differences_also_on_the_axis() -> None:
    tensors = [
        value.double().requires_grad_() for value in (POINTS, K / 30, R + 0.1 * R.flip(0), T, LENS)
    ]
    with torch.no_grad():
        tensors[1][2, 2] = 1.0
        tensors[2][:, 2] = torch.tensor([0.0, 0.0, 1.0])
    seen = tensors[0] @ tensors[2].mT + tensors[3]
    assert bool((seen[0, 0, :2] == 0).all()), "the first point lies on the axis"

    def project(*values: Tensor) -> Tensor:
        return projection(*values[:4], distortion=values[4], orig_size=(2, 3))

    assert torch.autograd.gradcheck(project, tensors)
    assert torch.autograd.gradcheck(lambda *v: projection(*v, orig_size=64), tensors[:4])


def test_points_behind_and_in_the_plane_of_the_camera_are_finite() -> None:
    points = torch.tensor([[[0.3, 0.2, -2.0], [0.3, 0.2, 0.0], [0.0, 0.0, 0.0], [5.0, 0.0, -1e-9]]])
    for distortion in (None, LENS, torch.zeros(5)):
        given = points.clone().requires_grad_()
        projected = projection(given, **camera(t=T * 0, distortion=distortion))
        assert bool(projected.isfinite().all())
        assert torch.equal(projected[..., 2], points[..., 2])
        projected.sum().backward()
        assert given.grad is not None and bool(given.grad.isfinite().all())
    mirrored = projection(points[:, :1], **camera(t=T * 0))[0, 0]
    torch.testing.assert_close(
        mirrored[:2], torch.tensor([2 * (32 - 7.5) / 64 - 1, 1 - 2 * (24 - 6) / 48])
    )


def test_half_precision_and_autocast_are_computed_in_float32() -> None:
    expected = projection(POINTS, **camera())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(projection(POINTS, **camera()), expected)
    assert projection(POINTS.half(), **camera()).dtype == torch.float32
    assert projection(POINTS.double(), **camera()).dtype == torch.float64


def test_a_mesh_behind_a_calibrated_camera_is_not_drawn() -> None:
    vertices, faces = icosphere(1)
    for distance, covered in ((3.0, True), (-3.0, False)):
        t = torch.tensor([0.0, 0.0, distance])
        projected = projection(vertices[None], **camera(t=t, distortion=LENS))
        shown = rasterize(projected, faces, image_size=(24, 32), fill_back=True).face_index >= 0
        assert bool(shown.any()) is covered


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, -3.0])
def test_a_camera_within_or_before_its_mesh_draws_without_nan(distance: float) -> None:
    """Faces from before to behind the camera; at distance 1 a vertex is where the camera is."""
    vertices, faces = icosphere(1)
    given = vertices[None].clone().requires_grad_()
    projected = projection(given, **camera(t=torch.tensor([0.0, 0.0, distance])))
    image = NeuralRenderer(image_size=16).render(
        Mesh(given, faces), projected=projected[:, None], outputs=("silhouettes", "depth")
    )
    assert image.silhouettes is not None and image.depth is not None
    assert bool(image.silhouettes.isfinite().all()) and bool(image.depth.isfinite().all())
    (image.silhouettes.square().sum() + image.depth.sum()).backward()
    assert given.grad is not None and bool(given.grad.isfinite().all())


@pytest.mark.parametrize("eye", [(0.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, -3.0)])
def test_renderer_survives_eyes_in_odd_places(eye: tuple[float, float, float]) -> None:
    """Eye equal to `at`, direction parallel to `up`, everything behind the camera."""
    vertices, faces = icosphere(1)
    given = (vertices[None] + torch.tensor([0.0, 0.0, -6.0])).requires_grad_()
    eyes = torch.tensor(eye).view(1, 1, 3).requires_grad_()
    renderer = NeuralRenderer(image_size=16)
    if eye == (0.0, 0.0, 0.0):
        with pytest.raises(ValueError, match="vertices must be finite"):
            renderer.silhouettes(Mesh(given, faces), eyes)
        return
    image = renderer.silhouettes(Mesh(given, faces), eyes)
    assert bool((image == 0).all())
    image.sum().backward()
    assert given.grad is not None and bool(given.grad.isfinite().all())
    assert eyes.grad is not None and bool(eyes.grad.isfinite().all())


def with_k(row: int, column: int, value: float) -> Tensor:
    changed = K.clone()
    changed[row, column] = value
    return changed


@pytest.mark.parametrize(
    ("points", "changes", "kind", "message"),
    [
        (POINTS[0], {}, ValueError, r"points must have shape \[B, V, 3\], got \[2, 3\]"),
        (POINTS.long(), {}, TypeError, "points must be float32 or .*, got int64"),
        (POINTS, {"K": K[:2]}, ValueError, r"K must have shape \[2, 3, 3\] or \[3, 3\], got \[2, "),
        (POINTS, {"K": K.expand(3, 3, 3)}, ValueError, r"K must have shape .*, got \[3, 3, 3\]"),
        (POINTS, {"K": K.long()}, TypeError, "K must be float32 or .*, got int64"),
        (POINTS, {"K": K.numpy()}, TypeError, "K must be a tensor, got ndarray"),
        (
            POINTS,
            {"K": with_k(0, 0, 0.0)},
            ValueError,
            "K must not be singular, got focal .* 0, 60",
        ),
        (POINTS, {"K": with_k(1, 1, math.nan)}, ValueError, "K must not be singular, got focal"),
        (
            POINTS,
            {"K": torch.stack((K, torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])))},
            ValueError,
            "K must not be singular, got focal lengths 1, 1 and determinant 0",
        ),
        (
            POINTS,
            {"K": with_k(0, 2, math.nan)},
            ValueError,
            "K must be finite, got principal point nan, 24",
        ),
        (POINTS, {"K": with_k(0, 1, math.nan)}, ValueError, "K must not be singular, .* nan"),
        (
            POINTS,
            {"R": R[:2]},
            ValueError,
            r"R must have shape \[2, 3, 3\] or \[3, 3\], got \[2, 3\]",
        ),
        (POINTS, {"t": T[:2]}, ValueError, r"t must have shape \[2, 3\] or \[3\], got \[2\]"),
        (
            POINTS,
            {"K": K.mT},
            ValueError,
            r"K must have last row \(0, 0, 1\), got \(32, 24, 1\); divide it by its last number",
        ),
        (
            POINTS,
            {"K": with_k(2, 2, math.nan)},
            ValueError,
            r"K must have last row .* \(0, 0, nan\)",
        ),
        (POINTS, {"K": K * 2}, ValueError, r"K must have last row \(0, 0, 1\), got \(0, 0, 2\)"),
        (POINTS, {"R": R[None, None]}, ValueError, r"R must have shape .*, got \[1, 1, 3, 3\]"),
        (POINTS, {"R": R.int()}, TypeError, "R must be float32 or .*, got int32"),
        (POINTS, {"R": R.to("meta")}, ValueError, "R must be on cpu, got meta; move all tensors"),
        (POINTS, {"t": torch.zeros(2, 2, 3)}, ValueError, r"t must have shape .*, got \[2, 2, 3\]"),
        (POINTS, {"t": (0.0, 0.0, 4.0)}, TypeError, "t must be a tensor, got tuple"),
        (POINTS, {"distortion": LENS[:4]}, ValueError, r"distortion must have shape \[2, 5\] or"),
        (POINTS, {"orig_size": 0}, ValueError, "orig_size must be above 0, got 0"),
        (POINTS, {"orig_size": math.nan}, ValueError, "orig_size must be above 0, got nan"),
        (POINTS, {"orig_size": (64, -48)}, ValueError, "orig_size must be above 0, got -48"),
        (POINTS, {"orig_size": (1, 2, 3)}, ValueError, r"orig_size must be one number or \(H, W\)"),
        (POINTS, {"orig_size": "64"}, TypeError, "orig_size must be a number, got str"),
    ],
)
def test_wrong_arguments_are_named(
    points: Tensor, changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match="projection: " + message):
        projection(points, **camera(**changes))
