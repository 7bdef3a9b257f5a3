"""Ambient and directional light."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import face_normals
from nr3d.renderer import Lights


def test_light_is_ambient_plus_cosine():
    normals = torch.tensor([[[0.0, 1, 0], [0, -1, 0], [0.6, 0.8, 0]]])
    lights = Lights(directional_color=(1.0, 0.5, 0.0))
    expected = [[[1.0, 0.75, 0.5], [0.5, 0.5, 0.5], [0.9, 0.7, 0.5]]]
    torch.testing.assert_close(lights.light(normals), torch.tensor(expected))


def test_every_mesh_may_have_its_own():
    normals = torch.tensor([[[0.0, 1, 0]], [[0.0, 1, 0]]])
    lights = Lights(
        ambient_intensity=0,
        directional_intensity=2,
        direction=torch.tensor([[0.0, 1, 0], [0, 0.5, 0]]),
    )
    assert lights.light(normals)[..., 0].flatten().tolist() == [2.0, 1.0]


@pytest.mark.parametrize("kind", ["default", "custom", "ambient_only"])
def test_the_recorded_light_of_faces(kind, truth):
    case = truth("aux_lighting")
    corners = torch.from_numpy(case["faces"])
    faces = torch.arange(corners.shape[1] * 3).view(-1, 3)
    lights = {
        "default": Lights(),
        "custom": Lights(
            ambient_intensity=float(case["custom_intensity_ambient"]),
            directional_intensity=float(case["custom_intensity_directional"]),
            ambient_color=torch.from_numpy(case["color_ambient"]),
            directional_color=torch.from_numpy(case["color_directional"]),
            direction=torch.from_numpy(case["direction"]),
        ),
        "ambient_only": Lights(ambient_intensity=1, directional_intensity=0),
    }[kind]
    light = lights.light(face_normals(corners.flatten(1, 2), faces))
    lit = torch.from_numpy(case["textures"]) * light[:, :, None, None, None]
    # twice the rounding of the cosine of unit vectors in float32
    torch.testing.assert_close(lit, torch.from_numpy(case[f"out_{kind}"]), atol=1e-6, rtol=1e-6)


def test_three_faces_are_lit_as_each_alone():
    """A cross product that guesses its axis takes the wrong one where there are three."""
    vertices = torch.randn(1, 5, 3)
    faces = torch.tensor([[0, 1, 2], [2, 3, 4], [4, 1, 0]])
    together = Lights().light(face_normals(vertices, faces))
    alone = [Lights().light(face_normals(vertices, face[None])) for face in faces]
    assert torch.equal(together, torch.cat(alone, dim=1))


def test_without_intensity_it_is_dark():
    lights = Lights(ambient_intensity=0, directional_intensity=0)
    assert (lights.light(torch.randn(2, 4, 3)) == 0).all()


def test_gradients_reach_every_tensor():
    values = [torch.rand(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    normals = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)

    def light(normals, ambient, directional, direction):
        lights = Lights(ambient_color=ambient, directional_color=directional, direction=direction)
        return lights.light(normals)

    assert torch.autograd.gradcheck(light, (normals, *values))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"ambient_intensity": -0.1}, ValueError, "ambient_intensity must be at least 0"),
        ({"directional_intensity": "1"}, TypeError, "directional_intensity must be a number"),
        ({"direction": (0.0, 1.0)}, ValueError, r"direction must have shape \[3\] or \[B, 3\]"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match="Lights: " + message):
        Lights(**settings)


def test_lights_for_other_meshes_are_refused():
    lights = Lights(direction=torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"direction must have shape \[3\] or \[2, 3\]"):
        lights.light(torch.zeros(2, 1, 3))
