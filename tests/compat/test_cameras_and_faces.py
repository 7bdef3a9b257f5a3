"""Cameras, lighting and gathers under their old names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nr3d.compat import neural_renderer as nr


def close(value, expected, atol=1e-5):
    torch.testing.assert_close(value, torch.from_numpy(expected), rtol=1e-5, atol=atol)


def test_the_recorded_cameras(truth):
    case = truth("aux_camera")
    vertices = torch.from_numpy(case["vertices"])
    names = ("eye", "at", "up", "direction", "K", "R", "t", "dist_coeffs")
    eye, at, up, direction, K, R, t, dist_coeffs = (torch.from_numpy(case[n]) for n in names)
    close(nr.look_at(vertices, case["look_at_default_eye"].tolist()), case["look_at_default"])
    close(nr.look_at(vertices, eye, at, up), case["look_at_batched"])
    close(nr.look(vertices, eye, direction, up), case["look_batched"])
    close(nr.look(vertices, case["eye"], direction), case["look_batched_default_up"])
    seen = torch.from_numpy(case["perspective_in"])
    for angle in (15, 30, 45):
        close(nr.perspective(seen, float(angle)), case[f"perspective_{angle}"])
    close(nr.perspective(seen, torch.full((len(seen),), 15.0)), case["perspective_15"])
    size = float(case["orig_size"])
    close(nr.projection(vertices, K, R, t, dist_coeffs, size), case["projection"])
    close(nr.projection(vertices, K, R, t, dist_coeffs * 0, size), case["projection_nodist"])


def test_the_recorded_points_from_angles(truth):
    case = truth("aux_camera")
    angles = [case[f"gpa_{name}"] for name in ("distance", "elevation", "azimuth")]
    expected = case["get_points_from_angles"]
    close(nr.get_points_from_angles(*map(torch.from_numpy, angles)), expected)
    np.testing.assert_allclose(nr.get_points_from_angles(*angles), expected, atol=1e-5)
    point = nr.get_points_from_angles(*(float(values[3]) for values in angles))
    assert isinstance(point, tuple)
    np.testing.assert_allclose(point, expected[3], atol=1e-5)
    turned = nr.get_points_from_angles(2.0, math.radians(30), math.radians(60), degrees=False)
    np.testing.assert_allclose(turned, nr.get_points_from_angles(2.0, 30, 60))


def test_a_point_on_the_axis_of_a_calibrated_camera_has_a_gradient():
    point = torch.tensor([[[0.0, 0.0, 2.0]]], requires_grad=True)
    K = torch.eye(3)[None] * torch.tensor([100.0, 100.0, 1.0])
    settings = (torch.eye(3)[None], torch.zeros(1, 1, 3), torch.full((1, 5), 0.1), 64)
    nr.projection(point, K, *settings).sum().backward()
    assert point.grad.isfinite().all()


def test_the_recorded_lighting(truth):
    case = truth("aux_lighting")
    faces, textures = (torch.from_numpy(case[name]) for name in ("faces", "textures"))
    before = textures.clone()
    close(nr.lighting(faces, textures), case["out_default"])
    custom = nr.lighting(
        faces,
        textures,
        float(case["custom_intensity_ambient"]),
        float(case["custom_intensity_directional"]),
        torch.from_numpy(case["color_ambient"]),
        torch.from_numpy(case["color_directional"]),
        torch.from_numpy(case["direction"]),
    )
    close(custom, case["out_custom"])
    assert torch.equal(textures, before)  # nothing is lit in place


def test_lighting_of_three_faces_takes_the_right_axis():
    faces = torch.randn(1, 3, 3, 3)
    textures = torch.ones(1, 3, 2, 2, 2, 3)
    alone = [nr.lighting(faces[:, f : f + 1], textures[:, :1]) for f in range(3)]
    torch.testing.assert_close(nr.lighting(faces, textures), torch.cat(alone, dim=1))


def test_gather_and_cross():
    vertices = torch.randn(2, 5, 3, requires_grad=True)
    faces = torch.tensor([[[0, 1, 2], [2, 3, 4]], [[4, 3, 2], [0, 0, 1]]], dtype=torch.int32)
    corners = nr.vertices_to_faces(vertices, faces)
    assert torch.equal(corners[1, 0, 2], vertices[1, 2])
    corners.sum().backward()
    assert vertices.grad[1, 0, 0] == 2
    a, b = torch.randn(3, 3), torch.randn(3, 3)
    assert torch.equal(nr.cross(a, b)[1], torch.linalg.cross(a[1], b[1]))


def test_an_index_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"vertex indices inside \[0, 4\), got 0 to 4"):
        nr.vertices_to_faces(torch.zeros(1, 4, 3), torch.tensor([[[0, 1, 4]]]))


def test_eps_of_projection_is_added_to_the_depth():
    points = torch.tensor([[[0.3, 0.2, 0.0], [0.3, 0.2, -3.0]]], dtype=torch.float64)
    K = torch.tensor([[[100.0, 0, 30], [0, 100.0, 34], [0, 0, 1]]])
    camera = (K, torch.eye(3)[None], torch.tensor([[[0.0, 0.0, 1.0]]]), None, 64)
    for eps in (1e-9, 0.1, -0.2, 0):
        depth = torch.tensor([1.0, -2.0], dtype=torch.float64)
        u, v = 100 * 0.3 / (depth + eps) + 30, 64 - (100 * 0.2 / (depth + eps) + 34)
        expected = torch.stack(((u - 32) / 32, (v - 32) / 32, depth), dim=-1)[None]
        torch.testing.assert_close(nr.projection(points, *camera, eps=eps), expected)
        torch.testing.assert_close(nr.projection(points, *camera, torch.tensor(eps)), expected)


def test_points_from_angles_take_whole_numbers_and_mixtures():
    azimuth = np.arange(3) * 15
    expected = np.array([nr.get_points_from_angles(2.7, 30, float(a)) for a in azimuth])
    for points in (
        nr.get_points_from_angles(np.ones(3) * 2.7, np.ones(3) * 30, azimuth),
        nr.get_points_from_angles(2.7, np.array([30.0, 30, 30]), azimuth),
        nr.get_points_from_angles(2.7, 30, azimuth),
        nr.get_points_from_angles(np.float32(2.7), 30, azimuth.tolist()),
    ):
        assert isinstance(points, np.ndarray)
        np.testing.assert_allclose(points, expected, atol=1e-6)
    whole = torch.from_numpy(azimuth)
    for points in (
        nr.get_points_from_angles(torch.full((3,), 2.7), torch.tensor(30), whole),
        nr.get_points_from_angles(2.7, 30, whole),
        nr.get_points_from_angles(2.7, np.full(3, 30), whole),
    ):
        close(points.double(), expected)
    wholes = (torch.tensor([2, 2]), torch.tensor([30, 30]), torch.tensor([0, 45]))
    points = nr.get_points_from_angles(*wholes)
    assert points.dtype == torch.float32
    close(points[1].double(), np.array(nr.get_points_from_angles(2, 30, 45)))
    radians = nr.get_points_from_angles(2, np.array([0, 1]), 0, degrees=False)
    np.testing.assert_allclose(radians[1], [0, 2 * math.sin(1), -2 * math.cos(1)], atol=1e-9)


def test_points_from_angles_learn_with_numbers_beside():
    azimuth = torch.tensor([10.0, 20.0], requires_grad=True)
    nr.get_points_from_angles(2.7, 30, azimuth).sum().backward()
    assert (azimuth.grad != 0).all()
