"""The same scene through own eyes and through cameras of left- and right-handed worlds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from nr3d.geometry import (
    Mesh,
    camera_from_look_at,
    eye_from_angles,
    from_nmr_camera,
    from_opencv,
    from_opengl,
    from_pytorch3d,
    icosphere,
    intrinsics_from_viewing_angle,
    is_right_handed,
    projection,
    to_nmr_camera,
    to_opencv,
    to_opengl,
    to_pytorch3d,
)
from nr3d.renderer import Lights, NeuralRenderer, Rendering

Pose = tuple[Tensor, Tensor]
SIZE = (32, 40)
EYES = eye_from_angles(2.732, 30.0, torch.tensor([[20.0, 140.0, 250.0]])).double()
OUTPUTS = ("colors", "depth", "normals")
MIRROR = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)  # our world to a right-handed one
DIRECTION = torch.tensor([0.3, 0.8, -0.5], dtype=torch.float64)


@dataclass(frozen=True)
class Scene:
    """Open and closed surfaces in a world that is ours times `world`."""

    world: Tensor

    @property
    def mesh(self) -> Mesh:
        vertices, faces = icosphere(2)
        ball = vertices.double() * torch.tensor([0.5, 0.3, 0.4]) + torch.tensor([0.1, 0.2, -0.1])
        sheet = torch.tensor([[-0.9, -0.4, 0.7], [0.8, -0.5, 0.4], [0.1, -0.1, -0.9]]).double()
        both = torch.cat((ball, sheet))
        around = torch.tensor([[len(ball), len(ball) + 1, len(ball) + 2]])
        return Mesh((both * self.world)[None], torch.cat((faces.long(), around)))

    def render(self, smooth: bool, pose: Pose | None = None, *, winding: int = 1) -> Rendering:
        """Draw it through own eyes, or through cameras with a pose in our camera frame."""
        renderer = NeuralRenderer(image_size=SIZE, viewing_angle=25.0, anti_aliasing=False)
        mesh = self.mesh if winding > 0 else Mesh(self.mesh.vertices, self.mesh.faces.flip(1))
        settings = {
            "outputs": OUTPUTS,
            "lights": Lights(direction=DIRECTION * self.world),
            "smooth": smooth,
        }
        if pose is None:
            return renderer.render(mesh, EYES, **settings)
        K = intrinsics_from_viewing_angle(25.0, orig_size=SIZE).double()
        projected = projection(mesh.vertices, K, *to_opencv(*pose), orig_size=SIZE)
        right_handed = is_right_handed(pose[0])
        return renderer.render(
            mesh, projected=projected[None], right_handed=right_handed, **settings
        )


LIBRARIES: dict[str, Callable[[Tensor, Tensor], Pose]] = {
    "opencv": lambda R, t: from_opencv(*to_opencv(R, t)),
    "opengl": lambda R, t: from_opengl(to_opengl(R, t)),
    "pytorch3d": lambda R, t: from_pytorch3d(*to_pytorch3d(R, t)),
    "nmr": lambda R, t: from_nmr_camera(to_nmr_camera(R, t)),
}


def assert_same(found: Rendering, expected: Rendering, *, world: Tensor) -> None:
    """Same images but for a handful of pixels on edges, where K in float32 decides."""
    index, other = found.fragments.face_index, expected.fragments.face_index
    is_same = (index == other).view(1, 3, *SIZE)
    assert float((~is_same).double().mean()) < 1e-3
    assert float((other >= 0).double().mean()) > 0.1
    masks = {"colors": is_same[:, :, None], "depth": is_same, "normals": is_same[:, :, None]}
    for name, mask in masks.items():
        image, wanted = getattr(found, name), getattr(expected, name)
        if name == "normals":
            wanted = wanted * world.view(3, 1, 1)
        torch.testing.assert_close(image * mask, wanted * mask, rtol=0, atol=1e-5)


@pytest.mark.parametrize("winding", [1, -1])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
def test_cameras_of_right_handed_worlds(library: str, smooth: bool, winding: int) -> None:
    R, t = camera_from_look_at(EYES[0])
    pose = LIBRARIES[library](R * MIRROR, t)  # the same camera, in the mirrored world
    assert is_right_handed(pose[0])
    found = Scene(MIRROR).render(smooth, pose, winding=winding)
    ours = Scene(torch.ones(3).double()).render(smooth, winding=winding)
    assert_same(found, ours, world=MIRROR)


@pytest.mark.parametrize("library", LIBRARIES)
def test_cameras_of_a_left_handed_world(library: str) -> None:
    scene = Scene(torch.ones(3).double())
    pose = LIBRARIES[library](*camera_from_look_at(EYES[0]))
    assert not is_right_handed(pose[0])
    assert_same(scene.render(False, pose), scene.render(False), world=scene.world)


def test_normals_point_to_the_camera() -> None:
    R, t = camera_from_look_at(EYES[0])
    found = Scene(MIRROR).render(False, (R * MIRROR, t))
    covered = found.depth < 100
    towards_eye = torch.einsum("nchw,nc->nhw", found.normals[0], EYES[0] * MIRROR)
    # interpolated normals of a coarse ball lean over its outline a little
    assert float((towards_eye[covered[0]] > 0).double().mean()) > 0.95


def test_own_eyes_look_at_a_left_handed_world() -> None:
    with pytest.raises(
        ValueError, match="NeuralRenderer: right_handed must be False with eyes, got T"
    ):
        NeuralRenderer().render(Scene(MIRROR).mesh, EYES, right_handed=True)
