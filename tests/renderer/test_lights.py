"""Ambient and directional light."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import Mesh, face_normals, icosphere
from nr3d.renderer import Lights, NeuralRenderer


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
    """All five attributes and the normals, for all meshes and for each."""
    normals = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    for rows in ((), (2,)):
        shapes = [rows] * 2 + [(*rows, 3)] * 3
        values = [torch.rand(s, dtype=torch.float64) + 0.1 for s in shapes]
        values = [value.requires_grad_() for value in values]
        assert torch.autograd.gradcheck(lambda n, *v: Lights(*v).light(n), (normals, *values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_intensities_may_be_tensors(dtype):
    normals = torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=-1)
    first, second = (
        Lights(ambient_intensity=ambient, directional_intensity=directional).light(normals)
        for ambient, directional in ((0.25, 2.0), (0.0, 0.5))
    )
    each = Lights(
        ambient_intensity=torch.tensor([0.25, 0.0], dtype=dtype),
        directional_intensity=torch.tensor([2.0, 0.5], dtype=dtype),
    )
    assert torch.equal(each.light(normals), torch.stack((first[0], second[1])))
    of_all = Lights(
        ambient_intensity=torch.tensor(0.25, dtype=dtype),
        directional_intensity=torch.tensor([2.0], dtype=dtype),
    )
    assert torch.equal(of_all.light(normals), first)


def test_a_dark_light_has_a_gradient():
    """An intensity of 0 is skipped as a number, and learnt from as a tensor."""
    intensity = torch.zeros((), requires_grad=True)
    Lights(ambient_intensity=intensity).light(torch.ones(1, 4, 3)).sum().backward()
    assert intensity.grad == 12


def test_values_on_another_device_are_not_looked_at():
    """To read them would make the program wait; a tensor without values shows that none are."""
    intensity = torch.full((2,), -1.0, device="meta")
    Lights(ambient_intensity=intensity, direction=torch.ones(2, 3, device="meta"))


def test_lights_may_be_made_in_a_compiled_function():
    def light(intensity, normals):
        return Lights(intensity, directional_intensity=intensity).light(normals)

    given = torch.tensor([0.3, 0.6]), torch.rand(2, 4, 3)
    compiled = torch.compile(light, fullgraph=True, backend="eager")
    assert torch.equal(compiled(*given), light(*given))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"ambient_intensity": -0.1}, ValueError, "ambient_intensity must be at least 0"),
        ({"directional_intensity": "1"}, TypeError, "directional_intensity must be a number"),
        (
            {"ambient_intensity": float("nan")},
            ValueError,
            "ambient_intensity must be at least 0, got",
        ),
        (
            {"ambient_intensity": torch.tensor([0.5, -0.5])},
            ValueError,
            "ambient_intensity must be finite and at least 0, got -0.5",
        ),
        (
            {"directional_intensity": torch.tensor(float("nan"))},
            ValueError,
            "directional_intensity must be finite and at least 0, got nan",
        ),
        (
            {"directional_intensity": torch.tensor(float("inf"), requires_grad=True)},
            ValueError,
            "directional_intensity must be finite and at least 0, got inf",
        ),
        (
            {"ambient_intensity": torch.ones(2).int()},
            TypeError,
            "must be floating-point, got int32",
        ),
        (
            {"ambient_intensity": torch.ones(2, 1)},
            ValueError,
            r"ambient_intensity must have shape \[\] or \[B\], got \[2, 1\]",
        ),
        ({"direction": "up"}, TypeError, "direction must be a tensor or three numbers, got 'up'"),
        ({"direction": None}, TypeError, "direction must be a tensor or three numbers, got None"),
        ({"ambient_color": [[1, 1, 1], [1]]}, TypeError, "ambient_color must be a tensor or three"),
        ({"direction": (0.0, 1.0)}, ValueError, r"direction must have shape \[3\] or \[B, 3\]"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match="Lights: .*" + message):
        Lights(**settings)


def test_lights_for_other_meshes_are_refused():
    lights = Lights(direction=torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"direction must have shape \[3\] or \[2, 3\]"):
        lights.light(torch.zeros(2, 1, 3))
    lights = Lights(ambient_intensity=torch.ones(3))
    with pytest.raises(
        ValueError, match=r"ambient_intensity must have shape \[\] or \[2\], got \["
    ):
        lights.light(torch.zeros(2, 1, 3))


def test_gradients_of_an_image_reach_all_five():
    vertices, faces = icosphere(1)
    shapes = {name: (3,) for name in ("ambient_color", "directional_color", "direction")}
    shapes |= {"ambient_intensity": (1,), "directional_intensity": ()}
    values = {name: torch.rand(shape).add(0.1).requires_grad_() for name, shape in shapes.items()}
    renderer = NeuralRenderer(image_size=8)
    mesh, eye = Mesh(vertices[None], faces), torch.tensor([[[0.0, 1.0, -2.5]]])
    for smooth in (False, True):
        image = renderer.render(mesh, eye, lights=Lights(**values), smooth=smooth).colors
        for grad in torch.autograd.grad(image.sum(), list(values.values())):
            assert grad.isfinite().all() and (grad != 0).any()
