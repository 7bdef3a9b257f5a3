"""Poses of other libraries: there and back, and known points under each library's definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nr3d.geometry import eye_from_angles, icosphere, look_at, perspective
from nr3d.geometry.converters import (
    camera_from_look_at,
    from_nmr_camera,
    from_opencv,
    from_opengl,
    from_pytorch3d,
    is_right_handed,
    to_nmr_camera,
    to_opencv,
    to_opengl,
    to_pytorch3d,
)
from nr3d.geometry.intrinsics import intrinsics_from_viewing_angle
from nr3d.geometry.projection import projection
from nr3d.renderer import rasterize

EYES = eye_from_angles(2.7, torch.tensor([30.0, -10.0]), torch.tensor([40.0, 250.0])).double()
POINT = torch.tensor([0.3, 0.2, -0.4], dtype=torch.float64)


def pose() -> tuple[Tensor, Tensor]:
    """Give two cameras around the origin, in our frame."""
    return camera_from_look_at(EYES)


def see(R: Tensor, t: Tensor, point: Tensor = POINT) -> Tensor:
    return (R @ point[:, None]).squeeze(-1) + t


def test_the_pose_of_look_at_takes_points_where_look_at_takes_them() -> None:
    points = torch.rand(2, 5, 3, dtype=torch.float64)
    R, t = camera_from_look_at(EYES, at=(0.1, 0.2, 0.3), up=(0.1, 1.0, 0.0))
    expected = look_at(points, EYES, at=(0.1, 0.2, 0.3), up=(0.1, 1.0, 0.0))
    torch.testing.assert_close(points @ R.mT + t[:, None], expected)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(2, dtype=torch.float64))
    one = camera_from_look_at(EYES[0])
    assert one[0].shape == (3, 3) and one[1].shape == (3,)


@pytest.mark.parametrize("orig_size", [64, (48, 64)])
def test_projection_shows_the_picture_of_look_at(orig_size: int | tuple[int, int]) -> None:
    points = torch.rand(2, 9, 3, dtype=torch.float64) - 0.5
    expected = perspective(look_at(points, EYES), viewing_angle=20.0)
    if orig_size != 64:  # pixels are square: the wider image shows more
        expected = expected * torch.tensor([48 / 64, 1.0, 1.0], dtype=torch.float64)
    matrix = intrinsics_from_viewing_angle(20.0, orig_size=orig_size)
    R, t = to_opencv(*camera_from_look_at(EYES))
    computed = projection(points, matrix, R, t, orig_size=orig_size)
    torch.testing.assert_close(computed, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("eye", "at", "up"),
    [
        ((0.0, 0.0, -2.0), (0.0, 0.0, -2.0), (0.0, 1.0, 0.0)),
        ((0.0, 2.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((0.0, 0.0, -2.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_undefined_cameras_are_finite_with_their_gradients(
    eye: tuple[float, ...], at: tuple[float, ...], up: tuple[float, ...]
) -> None:
    """Eye equal to `at`, direction parallel to `up`, no `up` at all: zero axes, as `look_at`."""
    position = torch.tensor(eye, requires_grad=True)
    R, t = to_opencv(*camera_from_look_at(position, at=at, up=up))
    assert bool((R[0] == 0).all()) and bool((R[1] == 0).all())
    matrix = intrinsics_from_viewing_angle(orig_size=64)
    seen = projection(torch.rand(1, 5, 3), matrix, R, t, orig_size=64)
    assert bool((seen[..., :2] == 0).all()), "all in the middle of the image"
    seen.sum().backward()
    assert position.grad is not None and bool(position.grad.isfinite().all())


def test_opencv_has_y_down() -> None:
    """A camera at the world's origin that looks along +z: the point below is at positive y."""
    R, t = torch.eye(3), torch.tensor([0.0, 0.0, 2.0])
    ours = from_opencv(R, t)
    below = torch.tensor([0.0, 0.5, 0.0])  # y down in this world
    assert see(*ours, point=below).tolist() == [0.0, -0.5, 2.0]
    column_row = torch.tensor([[64.0, 0, 32], [0, 64, 32], [0, 0, 1]]) @ see(R, t, point=below)
    assert (column_row[:2] / column_row[2]).tolist() == [32.0, 48.0]  # row 48 of 64: below
    ndc = perspective(see(*ours, point=below)[None, None], viewing_angle=26.565051)  # tan = 1/2
    torch.testing.assert_close(ndc, torch.tensor([[[0.0, 1 - 2 * 48 / 64, 2.0]]]))


def test_opengl_looks_along_minus_z() -> None:
    """The view matrix of gluLookAt(eye, 0, up), written out, and gluPerspective's NDC."""
    eye, up = EYES[0], torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    forward = -eye / eye.norm()
    side = torch.linalg.cross(forward, up)
    side = side / side.norm()
    view = torch.eye(4, dtype=torch.float64)
    view[:3, :3] = torch.stack((side, torch.linalg.cross(side, forward), -forward))
    view[:3, 3] = -view[:3, :3] @ eye
    x, y, z, _ = view @ torch.cat((POINT, POINT.new_ones(1)))
    assert z < 0, "in front of an OpenGL camera"
    ours = see(*from_opengl(view))
    torch.testing.assert_close(ours, torch.stack((x, y, -z)))
    focal = 1 / torch.deg2rad(torch.tensor(25.0, dtype=torch.float64)).tan()
    expected = torch.stack((focal * x / -z, focal * y / -z, -z))  # f x / w, f y / w, w = -z
    torch.testing.assert_close(perspective(ours[None, None], viewing_angle=25.0)[0, 0], expected)
    mirrored = see(*camera_from_look_at(eye))  # left-handed: the same picture, but for x
    torch.testing.assert_close(mirrored, ours * torch.tensor([-1.0, 1.0, 1.0]).double())


def test_pytorch3d_has_x_left_and_row_vectors() -> None:
    """PyTorch3D's look_at_rotation, written out: the axes are the columns of R."""
    eye, up = EYES[0], torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    forward = -eye / eye.norm()
    left = torch.linalg.cross(up, forward)
    left = left / left.norm()
    R = torch.stack((left, torch.linalg.cross(forward, left), forward), dim=1)
    t = -eye @ R
    x, y, z = POINT @ R + t
    ours = see(*from_pytorch3d(R, t))
    torch.testing.assert_close(ours, torch.stack((-x, y, z)))
    focal = 1 / torch.deg2rad(torch.tensor(25.0, dtype=torch.float64)).tan()
    ndc_of_pytorch3d = torch.stack((focal * x / z, focal * y / z))  # +1 is the left border
    computed = perspective(ours[None, None], viewing_angle=25.0)[0, 0]
    torch.testing.assert_close(computed[:2], ndc_of_pytorch3d * torch.tensor([-1.0, 1.0]).double())
    view = to_opengl(*from_pytorch3d(R, t))  # two libraries with right-handed worlds agree
    torch.testing.assert_close(torch.linalg.det(view[:3, :3]), view.new_ones(()))


def test_nmr_cameras_have_the_top_left_corner_at_minus_one() -> None:
    """pixel = camera_mat world_mat scale_mat p, then over z, as DVR's code has it."""
    world_mat = to_nmr_camera(*pose())[0]
    scale_mat = torch.diag(torch.tensor([0.5, 0.5, 0.5, 1.0], dtype=torch.float64))
    scale_mat[:3, 3] = torch.tensor([0.1, -0.2, 0.3])
    focal = 1 / torch.deg2rad(torch.tensor(15.0, dtype=torch.float64)).tan()
    camera_mat = torch.diag(torch.stack((focal, focal, focal * 0 + 1, focal * 0 + 1)))
    x, y, z, _ = camera_mat @ world_mat @ scale_mat @ torch.cat((POINT, POINT.new_ones(1)))
    ours = see(*from_nmr_camera(world_mat, scale_mat=scale_mat))
    computed = perspective(ours[None, None], viewing_angle=15.0)[0, 0]
    torch.testing.assert_close(computed, torch.stack((x / z, -y / z, z)))  # y down, to y up
    unscaled = from_nmr_camera(world_mat)
    torch.testing.assert_close(unscaled[0], pose()[0][0])


def test_every_pair_goes_there_and_back() -> None:
    R, t = pose()
    for back in (
        from_opencv(*to_opencv(R, t)),
        from_opengl(to_opengl(R, t)),
        from_pytorch3d(*to_pytorch3d(R, t)),
        from_nmr_camera(to_nmr_camera(R, t)),
    ):
        assert torch.equal(back[0], R) and torch.equal(back[1], t)
    view = torch.eye(4)
    view[:3] = torch.rand(3, 4)
    assert torch.equal(to_opengl(*from_opengl(view)), view)
    assert torch.equal(to_nmr_camera(*from_nmr_camera(view)), view)
    theirs = view[:3, :3], view[:3, 3]
    for there in (to_opencv(*from_opencv(*theirs)), to_pytorch3d(*from_pytorch3d(*theirs))):
        assert torch.equal(there[0], theirs[0]) and torch.equal(there[1], theirs[1])


def test_all_conventions_agree_on_the_axes() -> None:
    """A camera at the origin of a world with our axes: the point at right, up, ahead (1, 2, 3)."""
    point, here = torch.tensor([1.0, 2.0, 3.0]), (torch.eye(3), torch.zeros(3))
    assert see(*to_opencv(*here), point=point).tolist() == [1.0, -2.0, 3.0]
    assert (to_opengl(*here)[:3, :3] @ point).tolist() == [1.0, 2.0, -3.0]
    assert (point @ to_pytorch3d(*here)[0]).tolist() == [-1.0, 2.0, 3.0]
    assert (to_nmr_camera(*here)[:3, :3] @ point).tolist() == [1.0, -2.0, 3.0]


def test_cameras_of_right_handed_libraries_show_the_outside_of_their_meshes() -> None:
    """The near side of a sphere has depth 2, the far side, which `look_at` shows, 4."""
    vertices, faces = icosphere(1)
    a, b, c = vertices[faces[0].long()]
    assert torch.linalg.cross(b - a, c - a) @ a > 0, "counter-clockwise outside if right-handed"
    view = torch.eye(4)
    view[2, 3] = -3.0
    R, t = camera_from_look_at(torch.tensor([0.0, 0.0, 3.0]))
    for pose, depth in ((from_opengl(view), 2.0), ((R, t), 4.0)):
        projected = perspective((vertices @ pose[0].mT + pose[1])[None])
        fragments = rasterize(projected, faces, image_size=9, fill_back=False)
        assert abs(float(fragments.depth[0, 4, 4]) - depth) < 0.1


def test_a_reflection_is_a_camera_of_a_right_handed_world() -> None:
    view = torch.eye(4)
    assert is_right_handed(from_opengl(view)[0]) and is_right_handed(from_opencv(R0, T0)[0])
    assert not is_right_handed(pose()[0]), "of two eyes"
    assert not is_right_handed(R0 * 1e-6), "a small scale is none"


def test_autocast_does_not_lower_the_precision() -> None:
    eye = EYES.float()
    expected = camera_from_look_at(eye)
    world_mat = to_nmr_camera(*expected)
    scale_mat = torch.diag(torch.tensor([0.7, 0.7, 0.7, 1.0]))
    scaled = from_nmr_camera(world_mat, scale_mat=scale_mat)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(camera_from_look_at(eye), expected, rtol=0, atol=0)
        again = from_nmr_camera(world_mat, scale_mat=scale_mat)
    torch.testing.assert_close(again, scaled, rtol=0, atol=0)


def test_gradients_pass_through() -> None:
    eye = EYES.clone().requires_grad_()

    def there_and_back(eye: Tensor) -> Tensor:
        R, t = from_opengl(to_opengl(*camera_from_look_at(eye)))
        return see(*from_pytorch3d(*to_pytorch3d(*from_nmr_camera(to_nmr_camera(R, t)))))

    assert torch.autograd.gradcheck(there_and_back, (eye,))


R0, T0, M0 = torch.eye(3), torch.zeros(3), torch.eye(4)
ROWS = M0 + torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0]])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: from_opencv(M0, T0), ValueError, r"from_opencv: R must have shape \[..., 3, 3\]"),
        (lambda: to_opencv(R0, T0[:2]), ValueError, r"to_opencv: t must have shape \[..., 3\], "),
        (lambda: from_opencv(R0.numpy(), T0), TypeError, "R must be a tensor, got ndarray"),
        (lambda: to_pytorch3d(R0, T0.to("meta")), ValueError, "t must be on cpu, got meta; move"),
        (lambda: from_pytorch3d(R0, R0[0, 0]), ValueError, r"T must have shape \[..., 3\], got"),
        (lambda: from_pytorch3d(R0.int(), T0), TypeError, "from_pytorch3d: R must be float32 or"),
        (lambda: to_opengl(R0[0], T0), ValueError, r"to_opengl: R must have .* got \[3\]"),
        (lambda: from_opengl(R0), ValueError, r"from_opengl: view must have shape \[..., 4, 4\],"),
        (
            lambda: from_opengl(ROWS),
            ValueError,
            r"view must have last row \(0, 0, 0, 1\), got \(0, 0, 5, 1\); transpose a matrix for r",
        ),
        (
            lambda: from_nmr_camera(ROWS),
            ValueError,
            r"from_nmr_camera: world_mat must have last row \(0, 0, 0, 1\), got",
        ),
        (
            lambda: from_nmr_camera(M0, scale_mat=ROWS),
            ValueError,
            r"scale_mat must have last row \(0, 0, 0, 1\), got \(0, 0, 5, 1\); transpose",
        ),
        (lambda: from_nmr_camera(M0, scale_mat=R0), ValueError, r"scale_mat must have shape \[..."),
        (lambda: to_nmr_camera(R0, M0), ValueError, r"to_nmr_camera: t must have shape \[..., 3\]"),
        (lambda: is_right_handed(M0), ValueError, r"is_right_handed: R must have shape \[..., 3, "),
        (lambda: is_right_handed(R0 * 0), ValueError, "R must not be singular, got determinant 0"),
        (lambda: is_right_handed(R0 * torch.nan), ValueError, "R must not be singular, got .* nan"),
        (
            lambda: is_right_handed(torch.stack((R0, -R0))),
            ValueError,
            "R must be of cameras of one kind, got left- and right-handed ones; render them apart",
        ),
        (lambda: camera_from_look_at(M0), ValueError, r"eye must have shape \[..., 3\], got \[4, "),
        (lambda: camera_from_look_at(T0, at=M0), ValueError, r"at must have shape \[..., 3\], got"),
        (lambda: camera_from_look_at(T0, up=1.0), TypeError, "up must be a tensor, got float"),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()
