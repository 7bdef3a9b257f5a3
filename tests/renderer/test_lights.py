"""Ambient and directional light."""

from __future__ import annotations

import pytest
import torch

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
