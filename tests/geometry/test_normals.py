"""Normals of faces and vertices."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import face_normals, icosphere, vertex_normals
from nr3d.renderer import rasterize


def test_the_front_is_what_the_renderer_draws_as_such():
    """Depth grows away from the viewer: a front faces towards smaller depth."""
    vertices = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2], [0.0, 0.5, 2]]])
    faces = torch.tensor([[0, 1, 2]])
    seen = rasterize(vertices, faces, image_size=8, fill_back=False).face_index
    assert (seen == 0).any()
    assert face_normals(vertices, faces).tolist() == [[[0.0, 0.0, -1.0]]]


def test_those_of_a_sphere_point_away_from_or_to_its_middle():
    vertices, faces = icosphere(3)
    normals = vertex_normals(vertices[None], faces)[0]
    cosine = (normals * vertices).sum(-1)
    assert cosine.abs().min() > 0.999
    assert len(cosine.sign().unique()) == 1
    torch.testing.assert_close(vertex_normals(vertices[None], faces.flip(1))[0], -normals)


def test_large_faces_count_more():
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0.1]]])
    faces = torch.tensor([[0, 1, 2], [0, 3, 1]])
    normal = vertex_normals(vertices, faces)[0, 0]
    torch.testing.assert_close(normal[1] / normal[2], torch.tensor(0.1))


def test_without_area_there_is_none_and_the_gradient_is_finite():
    vertices = torch.zeros(1, 4, 3, requires_grad=True)
    faces = torch.tensor([[0, 1, 2]])
    assert (face_normals(vertices, faces) == 0).all()
    normals = vertex_normals(vertices, faces)
    assert (normals == 0).all()
    normals.sum().backward()
    assert vertices.grad.isfinite().all()


@pytest.mark.parametrize("normals_of", [face_normals, vertex_normals])
def test_the_unit_of_length_does_not_matter(normals_of):
    vertices, faces = icosphere(2)
    expected = normals_of(vertices[None], faces)
    for exponent in (-50, -30, 30, 50):  # exact in floating point, so that the bits are the same
        assert torch.equal(normals_of(vertices[None] * 2.0**exponent, faces), expected)


@pytest.mark.parametrize("normals_of", [face_normals, vertex_normals])
@pytest.mark.parametrize("unit", [1e-37, 1e-30, 1e30, 1e38])
def test_squares_of_lengths_may_leave_float32(normals_of, unit):
    vertices, faces = icosphere(2)
    scaled = (vertices[None] * unit).requires_grad_()
    normals = normals_of(scaled, faces)
    torch.testing.assert_close(normals, normals_of(vertices[None], faces))
    normals[0, :, 0].mul(torch.arange(normals.shape[1])).sum().backward()
    if unit > 1e-37:  # gradients are as large as the unit is small
        assert scaled.grad.isfinite().all()


@pytest.mark.parametrize("normals_of", [face_normals, vertex_normals])
@pytest.mark.parametrize("faces", [[[0, 1, 2]], [[0, 1, 3], [3, 1, 0]]])
def test_what_cancels_or_is_collinear_sends_no_gradient(normals_of, faces):
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]]], requires_grad=True)
    normals_of(vertices, torch.tensor(faces)).sum().backward()
    assert (vertices.grad == 0).all()


def test_empty_meshes_have_none():
    vertices, faces = icosphere(0)
    assert face_normals(vertices[None], faces[:0]).shape == (1, 0, 3)
    assert (vertex_normals(vertices[None], faces[:0]) == 0).all()
    assert vertex_normals(vertices[None, :0], faces[:0]).shape == (1, 0, 3)
    assert face_normals(vertices[None][:0], faces).shape == (0, len(faces), 3)


def test_gradients():
    vertices = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[0, 1, 2], [2, 3, 4], [0, 4, 1]])
    assert torch.autograd.gradcheck(lambda v: face_normals(v, faces), vertices)
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), vertices)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"face_normals: vertices must have shape \[B, V, 3\]"):
        face_normals(torch.zeros(4, 3), torch.tensor([[0, 1, 2]]))
    with pytest.raises(TypeError, match="vertex_normals: faces must be int32 or int64"):
        vertex_normals(torch.zeros(1, 4, 3), torch.zeros(1, 3))
    for normals_of in (face_normals, vertex_normals):
        for wrong in (-1, 4):
            message = rf"{normals_of.__name__}: faces must hold vertex indices inside \[0, 4\), "
            with pytest.raises(ValueError, match=message + rf"got {wrong} at \[1, 2\]"):
                normals_of(torch.zeros(1, 4, 3), torch.tensor([[0, 1, 2], [0, 1, wrong]]))
