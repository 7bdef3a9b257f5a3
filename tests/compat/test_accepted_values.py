"""What programs pass where the old library asked for a number, an index or a colour."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nr3d.compat import neural_renderer as nr
from tests.compat.scenes import boxes, cubes, intrinsics


def test_lights_are_learned():
    light = torch.tensor([0.3, 0.6, 0.0, 1.0, -1.0], requires_grad=True)
    renderer = nr.Renderer(camera_mode="look_at", image_size=16)
    renderer.eye = [0, 2, -2]
    renderer.light_intensity_ambient = light[0]
    renderer.light_intensity_directional = light[1]
    renderer.light_direction = light[2:]
    renderer(*boxes(), cubes(), mode="rgb").sum().backward()
    assert (light.grad[[0, 1, 3, 4]] != 0).all()


def test_each_mesh_may_have_its_intensity():
    corners = nr.vertices_to_faces(*boxes(2))
    lit = nr.lighting(corners, cubes(2), torch.tensor([[1.0], [2.0]]), 0)
    torch.testing.assert_close(lit, cubes(2) * torch.tensor([1.0, 2]).view(2, 1, 1, 1, 1, 1))
    torch.testing.assert_close(nr.lighting(corners, cubes(2), -1.0, 0), -cubes(2))


def test_a_camera_position_is_learned():
    renderer = nr.Renderer(camera_mode="look_at", image_size=16)
    renderer.eye = torch.nn.Parameter(torch.tensor([1.0, 2.0, -3.0]))
    assert [name for name, _ in renderer.named_parameters()] == ["eye"]
    renderer(*boxes(), mode="silhouettes").sum().backward()
    assert (renderer.eye.grad != 0).all()


NUMBERS: list[Callable[[float], object]] = [np.float32, np.float64, torch.tensor]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_numpy_and_torch_are_numbers(number: Callable[[float], object]):
    whole = torch.tensor(16) if number is torch.tensor else np.int64(16)
    settings = {"near": 0.1, "far": 50.0, "light_intensity_directional": 0.25, "orig_size": 1.0}
    vertices, faces = boxes(depth=3)
    camera = {"K": intrinsics(1), "R": torch.eye(3)[None], "t": torch.zeros(1, 3)}
    expected = nr.Renderer(image_size=16, **settings, **camera)(vertices, faces, cubes())
    given = {name: number(value) for name, value in settings.items()}
    drawn = nr.Renderer(image_size=whole, **given, **camera)(vertices, faces, cubes())
    for image, reference in zip(drawn, expected, strict=True):
        torch.testing.assert_close(image, reference)
    assert expected[1].max() == 50


@pytest.mark.parametrize("dtype", [torch.int64, torch.int16, torch.uint8, torch.float32])
def test_faces_may_have_any_dtype(dtype: torch.dtype):
    vertices, faces = boxes()
    renderer = nr.Renderer(camera_mode="look_at", image_size=16)
    expected = renderer(vertices, faces, cubes())[0]
    assert torch.equal(renderer(vertices, faces.to(dtype), cubes())[0], expected)


def test_a_vertex_at_the_camera_does_not_stop_the_others():
    vertices, faces = boxes()
    renderer = nr.Renderer(camera_mode="look_at", image_size=16)
    behind = torch.tensor(renderer.eye).view(1, 1, 3)
    beside = torch.tensor([0.1, 0.0, renderer.eye[2]]).view(1, 1, 3)
    more = torch.cat((vertices, behind, beside), dim=1).requires_grad_()
    torch.testing.assert_close(
        renderer(more, faces, mode="silhouettes"), renderer(vertices, faces, mode="silhouettes")
    )
    joined = torch.cat((faces, torch.tensor([[[0, 8, 9]]], dtype=torch.int32)), dim=1)
    renderer(more, joined, mode="silhouettes").sum().backward()
    assert more.grad.isfinite().all()


def test_a_mesh_knows_its_sizes():
    vertices, faces = boxes()
    mesh = nr.Mesh(vertices[0], faces[0])
    assert (mesh.num_vertices, mesh.num_faces, mesh.texture_size) == (8, 12, 4)


def test_angles_are_numbers_of_any_kind():
    expected = nr.get_points_from_angles(2.0, 30, 45)
    drawn = nr.get_points_from_angles(2, np.float64(30), torch.tensor(45.0))
    np.testing.assert_allclose(drawn, expected)
    np.testing.assert_allclose(
        nr.get_points_from_angles(np.float32(2), np.float32(30), np.float32(45)), expected, 1e-6
    )
    assert math.hypot(*expected) == pytest.approx(2)


def test_none_is_the_default_of_the_original():
    vertices, _ = boxes()
    eye = [0.0, 1.0, -2.0]
    assert torch.equal(nr.look_at(vertices, eye, None, None), nr.look_at(vertices, eye))
    assert torch.equal(nr.look(vertices, eye, None, None), nr.look(vertices, eye, [0, 0, 1]))
    camera = (intrinsics(1), torch.eye(3)[None], torch.ones(1, 3))
    expected = nr.projection(vertices, *camera, torch.zeros(1, 5), 1)
    assert torch.equal(nr.projection(vertices, *camera, None, 1), expected)


def test_a_background_is_a_colour_or_one_for_each_image():
    vertices, faces = boxes(2)
    renderer = nr.Renderer(camera_mode="look_at", image_size=16)
    renderer.background_color = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    rgb = renderer(vertices, faces, cubes(2))[0]
    expected = torch.tensor(renderer.background_color, dtype=torch.float32)
    torch.testing.assert_close(rgb[:, :, 0, 0], expected)
    renderer.background_color = 0.5
    with pytest.raises(
        ValueError, match=r"background_color must have shape \[3\] or \[2, 3\], got"
    ):
        renderer(vertices, faces, cubes(2))
