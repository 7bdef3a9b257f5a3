"""Cameras against recorded numbers, geometry and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry import eye_from_angles, look, look_at, orthographic, perspective

Truth = Callable[[str], dict[str, np.ndarray]]


@pytest.fixture
def camera_truth(truth: Truth) -> dict[str, Tensor]:
    recorded = truth("aux_camera")
    return {name: torch.from_numpy(np.asarray(values)) for name, values in recorded.items()}


def test_look_at_equals_the_recorded_numbers(camera_truth: dict[str, Tensor]) -> None:
    t = camera_truth
    default = look_at(t["vertices"], t["look_at_default_eye"])
    torch.testing.assert_close(default, t["look_at_default"], rtol=1e-6, atol=2e-6)
    batched = look_at(t["vertices"], t["eye"], at=t["at"], up=t["up"])
    torch.testing.assert_close(batched, t["look_at_batched"], rtol=1e-6, atol=2e-6)


def test_look_equals_the_recorded_numbers(camera_truth: dict[str, Tensor]) -> None:
    t = camera_truth
    batched = look(t["vertices"], t["eye"], direction=t["direction"], up=t["up"])
    torch.testing.assert_close(batched, t["look_batched"], rtol=1e-6, atol=2e-6)
    default_up = look(t["vertices"], t["eye"], direction=t["direction"])
    torch.testing.assert_close(default_up, t["look_batched_default_up"], rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("viewing_angle", [15, 30, 45])
def test_perspective_equals_the_recorded_numbers(
    camera_truth: dict[str, Tensor], viewing_angle: int
) -> None:
    projected = perspective(camera_truth["perspective_in"], viewing_angle=viewing_angle)
    expected = camera_truth[f"perspective_{viewing_angle}"]
    torch.testing.assert_close(projected, expected, rtol=2e-6, atol=1e-6)


def test_eye_from_angles_equals_the_recorded_numbers(camera_truth: dict[str, Tensor]) -> None:
    t = camera_truth
    eyes = eye_from_angles(t["gpa_distance"], t["gpa_elevation"], t["gpa_azimuth"])
    torch.testing.assert_close(eyes, t["get_points_from_angles"], rtol=1e-6, atol=2e-6)


def test_azimuth_zero_is_on_minus_z_and_ninety_on_plus_x() -> None:
    torch.testing.assert_close(eye_from_angles(2.0, 0.0, 0.0), torch.tensor([0.0, 0.0, -2.0]))
    torch.testing.assert_close(eye_from_angles(2.0, 0.0, 90.0), torch.tensor([2.0, 0.0, 0.0]))
    torch.testing.assert_close(eye_from_angles(2.0, 90.0, 0.0), torch.tensor([0.0, 2.0, 0.0]))


def test_numbers_and_tensors_of_angles_mix() -> None:
    azimuths = torch.linspace(0, 345, 24, dtype=torch.float64)
    eyes = eye_from_angles(2.732, 30.0, azimuths)
    assert eyes.shape == (24, 3) and eyes.dtype == torch.float64
    torch.testing.assert_close(eyes.norm(dim=-1), torch.full((24,), 2.732, dtype=torch.float64))


def test_camera_frame_is_left_handed() -> None:
    axes = torch.eye(3)[None]
    seen = look_at(axes, torch.tensor([0.0, 0.0, -3.0]))[0]
    expected = torch.tensor([[1.0, 0.0, 3.0], [0.0, 1.0, 3.0], [0.0, 0.0, 4.0]])
    torch.testing.assert_close(seen, expected)


def test_point_looked_at_lands_in_the_middle() -> None:
    at = torch.tensor([0.2, -0.4, 0.7], dtype=torch.float64)
    seen = look_at(at[None, None], (1.0, 2.0, -3.0), at=at)
    distance = (at - torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)).norm()
    expected = torch.stack((torch.zeros(()).double(), torch.zeros(()).double(), distance))
    torch.testing.assert_close(seen[0, 0], expected)


def test_points_at_the_viewing_angle_land_on_the_border() -> None:
    edge = torch.tensor([[[math.tan(math.radians(20.0)) * 3.0, 0.0, 3.0]]])
    torch.testing.assert_close(
        perspective(edge, viewing_angle=20.0), torch.tensor([[[1.0, 0.0, 3.0]]])
    )


def test_orthographic_scales_x_and_y_only() -> None:
    projected = orthographic(torch.tensor([[[1.0, 2.0, 3.0]]]), scale=0.5)
    torch.testing.assert_close(projected, torch.tensor([[[0.5, 1.0, 3.0]]]))


def test_one_mesh_is_seen_by_many_cameras() -> None:
    points = torch.rand(1, 5, 3)
    eyes = torch.randn(4, 3)
    together = look_at(points, eyes)
    assert together.shape == (4, 5, 3)
    torch.testing.assert_close(together[2:3], look_at(points, eyes[2]))


def test_batch_of_three_takes_the_cross_product_along_the_right_axis() -> None:
    points, eyes = torch.rand(3, 5, 3), torch.randn(3, 3)
    one_by_one = torch.cat([look_at(points[i : i + 1], eyes[i]) for i in range(3)])
    torch.testing.assert_close(look_at(points, eyes), one_by_one)


def test_gradients_agree_with_finite_differences() -> None:
    points = torch.rand(2, 4, 3, dtype=torch.float64, requires_grad=True)
    eye, at, up, direction = (
        torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(4)
    )
    angles = torch.tensor([2.7, 30.0, 40.0], dtype=torch.float64, requires_grad=True)
    check = torch.autograd.gradcheck
    assert check(lambda p, e, a, u: look_at(p, e, at=a, up=u), (points, eye, at, up))
    assert check(lambda p, e, d, u: look(p, e, direction=d, up=u), (points, eye, direction, up))
    assert check(lambda p: perspective(p + 1.0, viewing_angle=15.0), (points,))
    assert check(lambda p: orthographic(p, scale=0.5), (points,))
    assert check(lambda a: eye_from_angles(*a.unbind()), (angles,))


def test_undefined_frames_stay_finite_with_their_gradients() -> None:
    points = torch.rand(1, 4, 3, requires_grad=True)
    eye = torch.tensor([0.0, 3.0, 0.0], requires_grad=True)
    from_above = look_at(points, eye)  # up is parallel to the viewing direction
    assert bool((from_above[..., :2] == 0).all())
    torch.testing.assert_close(from_above[..., 2], 3.0 - points[..., 1])
    inside = look_at(points, eye, at=eye.detach())
    assert bool((inside == 0).all())
    (from_above.sum() + inside.sum()).backward()
    assert points.grad is not None and bool(points.grad.isfinite().all())
    assert eye.grad is not None and bool(eye.grad.isfinite().all())


def test_autocast_does_not_lower_the_precision() -> None:
    points, eye = torch.rand(2, 4, 3), torch.randn(2, 3)
    expected = perspective(look_at(points, eye))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = perspective(look_at(points, eye))
    assert torch.equal(computed, expected)
    assert look_at(points.bfloat16(), eye.bfloat16()).dtype == torch.float32


POINTS = torch.zeros(2, 4, 3)


@pytest.mark.parametrize("viewing_angle", [0.0, 90.0, -30.0, 200.0, math.nan])
def test_viewing_angle_outside_its_range_is_refused(viewing_angle: float) -> None:
    with pytest.raises(ValueError, match=r"perspective: viewing_angle must be inside \(0, 90\), g"):
        perspective(POINTS, viewing_angle=viewing_angle)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: look_at(POINTS, torch.zeros(5, 3)),
            ValueError,
            r"look_at: eye must have shape \[2, 3\] or \[3\], got \[5, 3\]",
        ),
        (
            lambda: look_at(POINTS[0], torch.zeros(3)),
            ValueError,
            r"look_at: points must have shape \[B, V, 3\], got \[4, 3\]",
        ),
        (
            lambda: look_at(POINTS.long(), torch.zeros(3)),
            TypeError,
            "look_at: points must be float32 or .*, got int64",
        ),
        (
            lambda: look_at(POINTS, "eye"),
            TypeError,
            "look_at: eye must be a tensor, got str",
        ),
        (
            lambda: look_at(POINTS, torch.zeros(3, dtype=torch.int64)),
            TypeError,
            "look_at: eye must be float32 or .*, got int64",
        ),
        (
            lambda: look_at(POINTS, torch.zeros(3, device="meta")),
            ValueError,
            "look_at: eye must be on cpu, got meta; move all tensors to one device",
        ),
        (
            lambda: look(POINTS, torch.zeros(3), direction=(0.0, 1.0)),
            ValueError,
            r"look: direction must have shape \[2, 3\] or \[3\], got \[2\]",
        ),
        (
            lambda: orthographic(POINTS, scale=0.0),
            ValueError,
            "orthographic: scale must be above 0, got 0.0",
        ),
        (
            lambda: eye_from_angles("far", 0.0, 0.0),
            TypeError,
            "eye_from_angles: distance must be a number, got str",
        ),
        (
            lambda: eye_from_angles(1.0, math.nan, 0.0),
            ValueError,
            "eye_from_angles: elevation must be finite, got nan",
        ),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Tensor], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()
