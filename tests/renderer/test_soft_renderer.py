"""SoftRenderer: the cameras of NeuralRenderer, sigma and its schedule."""

from __future__ import annotations

import re

import pytest
import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import RENDERERS, NeuralRenderer, SoftRenderer, soft_silhouettes

EYES = eye_from_angles(2.732, 30.0, torch.tensor([[0.0, 70.0, 200.0]]))


def spheres(num_meshes: int = 2) -> Mesh:
    vertices, faces = icosphere(2)
    return Mesh(vertices * torch.linspace(0.3, 0.5, num_meshes)[:, None, None], faces)


@pytest.mark.parametrize("image_size", [32, (24, 40)])
@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_a_small_sigma_draws_what_the_hard_renderer_draws(image_size, anti_aliasing):
    settings = {
        "image_size": image_size, "viewing_angle": 15.0, "anti_aliasing": anti_aliasing
    }  # fmt: skip
    mesh = spheres()
    images = SoftRenderer(**settings, sigma=1e-9).silhouettes(mesh, EYES)
    hard = NeuralRenderer(**settings).silhouettes(mesh, EYES)
    assert images.shape == hard.shape == (2, 3, *hard.shape[2:])
    assert (images - hard).abs().mean() < 1e-3


def test_it_is_projection_and_soft_silhouettes():
    mesh, sigma = spheres(), 3e-4
    camera = NeuralRenderer(image_size=16, viewing_angle=20.0)
    at, up = (0.1, 0.0, 0.0), (0.2, 1.0, 0.0)
    renderer = SoftRenderer(image_size=16, viewing_angle=20.0, sigma=sigma)
    images = renderer.silhouettes(mesh, EYES, at=at, up=up)
    projected = camera.project(mesh, EYES, at=at, up=up)
    expected = soft_silhouettes(projected, mesh.faces, image_size=16, sigma=sigma)
    assert torch.equal(images.flatten(0, 1), expected)


def test_gradients_reach_vertices_and_eyes():
    mesh = spheres()
    vertices, eyes = mesh.vertices.clone().requires_grad_(), EYES.clone().requires_grad_()
    images = SoftRenderer(image_size=16).silhouettes(Mesh(vertices, mesh.faces), eyes)
    images.square().sum().backward()
    assert vertices.grad.abs().max() > 0
    assert eyes.grad.abs().max() > 0


def test_autocast_computes_in_single():
    mesh, renderer = spheres(), SoftRenderer(image_size=16)
    expected = renderer.silhouettes(mesh, EYES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(renderer.silhouettes(mesh, EYES), expected)


def test_full_graph_compile():
    mesh, renderer = spheres(), SoftRenderer(image_size=16)
    draw = torch.compile(
        lambda v: renderer.silhouettes(Mesh(v, mesh.faces), EYES),
        fullgraph=True,
        backend="aot_eager",
    )
    torch.testing.assert_close(draw(mesh.vertices), renderer.silhouettes(mesh, EYES))


def test_sigma_follows_its_schedule():
    renderer = SoftRenderer(sigma=1e-4, sigma_schedule={100: 1e-5, 10: 3e-5})
    assert [renderer.sigma_at(step) for step in (0, 9, 10, 99, 100, 10**6)] == [
        1e-4, 1e-4, 3e-5, 3e-5, 1e-5, 1e-5
    ]  # fmt: skip
    renderer.set_step(50)
    assert renderer.sigma == 3e-5
    renderer.set_step(0)
    assert renderer.sigma == 1e-4


def test_sigma_may_follow_fractions_of_all_steps():
    renderer = SoftRenderer(sigma=1e-4, sigma_schedule={0.6: 3e-5})
    for length in (10, 250_000):
        at = [renderer.sigma_at(int(share * length), max_steps=length) for share in (0.5, 0.6, 1)]
        assert at == [1e-4, 3e-5, 3e-5]
    with pytest.raises(ValueError, match="max_steps must be given where sigma_schedule has"):
        renderer.set_step(3)


def test_sigma_may_be_set_where_there_is_no_schedule():
    renderer = SoftRenderer(image_size=16)
    before = renderer.silhouettes(spheres(), EYES)
    renderer.sigma = 1e-2
    renderer.set_step(7)
    assert renderer.sigma == 1e-2
    assert not torch.equal(renderer.silhouettes(spheres(), EYES), before)


def test_it_is_in_the_table():
    assert RENDERERS["soft"] is SoftRenderer


BAD_SETTINGS = [
    ({"image_size": 0}, ValueError, "image_size must be at least 1, got 0"),
    ({"viewing_angle": 90}, ValueError, "viewing_angle must be inside (0, 90), got 90"),
    ({"near": 5.0, "far": 5.0}, ValueError, "far must be above 5, got 5.0"),
    ({"sigma": 0.0}, ValueError, "sigma must be above 0, got 0.0"),
    ({"sigma": "soft"}, TypeError, "sigma must be a number, got str"),
    ({"sigma_schedule": {5: 0.0}}, ValueError, "sigma_schedule[5] must be above 0, got 0.0"),
    (
        {"sigma_schedule": {-1: 1e-4}},
        ValueError,
        "a step of sigma_schedule must be at least 0, got -1",
    ),
    (
        {"sigma_schedule": {"5": 1e-4}},
        TypeError,
        "a step of sigma_schedule must be an int, got str",
    ),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS)
def test_the_bad_setting_is_named(settings, error, message):
    with pytest.raises(error, match="^" + re.escape("SoftRenderer: " + message) + "$"):
        SoftRenderer(**settings)


def test_bad_eyes_are_named():
    message = "SoftRenderer: eyes must have shape [B, N, 3], got [3, 3]"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        SoftRenderer().silhouettes(spheres(), EYES[0])
