"""Intrinsic matrices of other libraries: there and back, and known points by their definitions.

The expected NDC or pixels are computed from each library's own definition and camera frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nr3d.geometry.intrinsics import (
    intrinsics_from_nmr_camera,
    intrinsics_from_opengl,
    intrinsics_from_pytorch3d,
    intrinsics_from_viewing_angle,
    intrinsics_to_nmr_camera,
    intrinsics_to_opengl,
    intrinsics_to_pytorch3d,
)

SIZE = (48, 64)
K = torch.tensor([[50.0, 0.0, 30.0], [0.0, 60.0, 27.0], [0.0, 0.0, 1.0]])
SKEWED = K + torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
POINT = torch.tensor([0.3, -0.2, 2.0])  # x right, y down, z forward


def pixel(matrix: Tensor) -> Tensor:
    """Give the column and row of the point, from the top left corner."""
    u, v, w = matrix @ POINT
    return torch.stack((u / w, v / w))


def test_viewing_angle_is_half_the_height() -> None:
    matrix = intrinsics_from_viewing_angle(25.0, orig_size=SIZE)
    top = torch.tensor([0.0, -math.tan(math.radians(25.0)), 1.0])
    torch.testing.assert_close(matrix @ top, torch.tensor([32.0, 0.0, 1.0]), atol=1e-5, rtol=0)
    assert matrix[0, 0] == matrix[1, 1], "pixels are square"


def test_opengl_frustum_puts_a_point_on_the_same_pixel() -> None:
    """glFrustum(l, r, b, t, n, f), off-centre, and glViewport's way to pixels, y up."""
    left, right, bottom, top, near, far = -0.4, 0.5, -0.25, 0.35, 1.0, 10.0
    frustum = torch.tensor(
        [
            [2 * near / (right - left), 0.0, (right + left) / (right - left), 0.0],
            [0.0, 2 * near / (top - bottom), (top + bottom) / (top - bottom), 0.0],
            [0.0, 0.0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0.0, 0.0, -1.0, 0.0],
        ]
    )
    height, width = SIZE
    clip = frustum @ torch.tensor([POINT[0], -POINT[1], -POINT[2], 1.0])  # y up, z backward
    x, y = clip[0] / clip[3], clip[1] / clip[3]
    expected = torch.stack(((x + 1) * width / 2, height - (y + 1) * height / 2))
    matrix = intrinsics_from_opengl(frustum, orig_size=SIZE)
    torch.testing.assert_close(pixel(matrix), expected)
    back = intrinsics_to_opengl(matrix, orig_size=SIZE, near=near, far=far)
    torch.testing.assert_close(back, frustum)
    ends = back @ torch.tensor([[0.0, 0, -near, 1], [0.0, 0, -far, 1]]).mT
    torch.testing.assert_close(ends[2] / ends[3], torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize("size", [(48, 64), (64, 48), 64])
def test_pytorch3d_ndc_goes_by_the_shorter_side_and_x_left(size: int | tuple[int, int]) -> None:
    """x_ndc = f X / Z + p with X left and Y up; the shorter side of the image spans [-1, 1]."""
    height, width = (size, size) if isinstance(size, int) else size
    focal, point = torch.tensor([1.7, 1.9]), torch.tensor([0.1, -0.2])
    x = focal[0] * -POINT[0] / POINT[2] + point[0]
    y = focal[1] * -POINT[1] / POINT[2] + point[1]
    half = min(height, width) / 2
    expected = torch.stack((width / 2 - half * x, height / 2 - half * y))
    matrix = intrinsics_from_pytorch3d(focal, point, orig_size=size)
    torch.testing.assert_close(pixel(matrix), expected)
    back = intrinsics_to_pytorch3d(matrix, orig_size=size)
    torch.testing.assert_close(back, (focal, point))


def test_nmr_pixels_go_from_the_top_left_at_minus_one() -> None:
    camera_mat = torch.diag(torch.tensor([1.5, 1.6, 1.0, 1.0]))
    camera_mat[:2, 2] = torch.tensor([0.1, -0.2])
    x, y, z, _ = camera_mat @ torch.cat((POINT, torch.ones(1)))
    expected = torch.stack(((x / z + 1) * 64 / 2, (y / z + 1) * 48 / 2))
    matrix = intrinsics_from_nmr_camera(camera_mat, orig_size=SIZE)
    torch.testing.assert_close(pixel(matrix), expected)
    torch.testing.assert_close(intrinsics_to_nmr_camera(matrix, orig_size=SIZE), camera_mat)


@pytest.mark.parametrize("matrix", [K, SKEWED, torch.stack((K, SKEWED))[:, None]])
def test_k_goes_there_and_back(matrix: Tensor) -> None:
    opengl = intrinsics_to_opengl(matrix, orig_size=SIZE, near=0.1, far=100.0)
    torch.testing.assert_close(intrinsics_from_opengl(opengl, orig_size=SIZE), matrix)
    nmr = intrinsics_to_nmr_camera(matrix, orig_size=SIZE)
    torch.testing.assert_close(intrinsics_from_nmr_camera(nmr, orig_size=SIZE), matrix)
    plain = K.expand_as(matrix)
    pytorch3d = intrinsics_to_pytorch3d(plain, orig_size=SIZE)
    torch.testing.assert_close(intrinsics_from_pytorch3d(*pytorch3d, orig_size=SIZE), plain)


def test_autocast_does_not_lower_the_precision() -> None:
    expected = intrinsics_to_opengl(K, orig_size=SIZE, near=1.0, far=2.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(intrinsics_to_opengl(K, orig_size=SIZE, near=1.0, far=2.0), expected)


def test_gradients_agree_with_finite_differences() -> None:
    matrix = K.double().requires_grad_()

    def there_and_back(matrix: Tensor) -> Tensor:
        matrix = intrinsics_from_opengl(
            intrinsics_to_opengl(matrix, orig_size=SIZE, near=1.0, far=2.0), orig_size=SIZE
        )
        return intrinsics_from_nmr_camera(
            intrinsics_to_nmr_camera(matrix, orig_size=SIZE), orig_size=SIZE
        )

    assert torch.autograd.gradcheck(there_and_back, (matrix,))
    given = [torch.rand(2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(
        lambda f, p: intrinsics_from_pytorch3d(f, p, orig_size=SIZE), given
    )


ONES = torch.ones(2)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: intrinsics_from_viewing_angle(90.0, orig_size=SIZE),
            ValueError,
            r"intrinsics_from_viewing_angle: viewing_angle must be inside \(0, 90\), got 90",
        ),
        (
            lambda: intrinsics_from_opengl(K, orig_size=SIZE),
            ValueError,
            r"intrinsics_from_opengl: matrix must have shape \[..., 4, 4\], got \[3, 3\]",
        ),
        (
            lambda: intrinsics_from_opengl(torch.eye(4), orig_size=SIZE),
            ValueError,
            r"matrix must have last row \(0, 0, -1, 0\), got \(0, 0, 0, 1\); transpose .*orthogr",
        ),
        (
            lambda: intrinsics_to_opengl(K, orig_size=SIZE, near=2.0, far=1.0),
            ValueError,
            "intrinsics_to_opengl: far must be above 2, got 1.0",
        ),
        (
            lambda: intrinsics_to_opengl(K * 0 + K[2], orig_size=SIZE, near=1.0, far=2.0),
            ValueError,
            "intrinsics_to_opengl: K must not be singular, got focal lengths 0, 0",
        ),
        (
            lambda: intrinsics_from_pytorch3d(torch.ones(3), ONES, orig_size=SIZE),
            ValueError,
            r"intrinsics_from_pytorch3d: focal_length must have shape \[..., 2\], got \[3\]",
        ),
        (
            lambda: intrinsics_from_pytorch3d(ONES, ONES.int(), orig_size=SIZE),
            TypeError,
            "intrinsics_from_pytorch3d: principal_point must be float32 or float64, got int32",
        ),
        (
            lambda: intrinsics_to_pytorch3d(SKEWED, orig_size=SIZE),
            ValueError,
            "intrinsics_to_pytorch3d: K must have no skew, got one; PyTorch3D does not know it",
        ),
        (
            lambda: intrinsics_from_nmr_camera(
                torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])), orig_size=SIZE
            ),
            ValueError,
            r"camera_mat\[:3, :3\] must have last row \(0, 0, 1\), got \(0, 0, -1\); flip the axes",
        ),
        (
            lambda: intrinsics_to_nmr_camera(K[0], orig_size=SIZE),
            ValueError,
            r"intrinsics_to_nmr_camera: K must have shape \[..., 3, 3\], got \[3\]",
        ),
        (
            lambda: intrinsics_to_nmr_camera(K, orig_size="64"),
            TypeError,
            "intrinsics_to_nmr_camera: orig_size must be a number, got str",
        ),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()
