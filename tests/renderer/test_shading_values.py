"""Values at pixels: interpolation, cubes, images, faces, depth; against loops over pixels."""

from __future__ import annotations

import math

import pytest
import torch

from nr3d.renderer import Fragments, rasterize
from nr3d.renderer.barycentric import perspective_weights
from nr3d.renderer.cubes import sample_cubes
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.uv import gather_faces, sample_uv

FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 2, 4]])
SIZE = (14, 18)


def scene(num_views: int = 2):
    """Two views of three faces, one of them seen from its back, at slanted depths."""
    generator = torch.Generator().manual_seed(4)
    corners = torch.tensor([[-0.9, -0.8], [0.7, -0.9], [0.8, 0.6], [-0.7, 0.9], [0.95, 0.95]])
    x_y = corners.double() + 0.05 * torch.rand(num_views, 5, 2, generator=generator).double()
    depth = 1 + 3 * torch.rand(num_views, 5, 1, generator=generator).double()
    vertices = torch.cat((x_y, depth), dim=-1)
    fragments = rasterize(vertices, FACES, image_size=SIZE)
    assert {0, 1, 5} <= set(fragments.face_index.unique().tolist())
    return vertices, fragments


def pixels_of(fragments: Fragments):
    return (fragments.face_index >= 0).nonzero().tolist()


def slow_weights(vertices, fragments, view, row, column):
    """Solve for the point of the face's plane in the scene that projects to the pixel."""
    height, width = fragments.face_index.shape[1:]
    x, y = (2 * column + 1 - width) / width, (height - 1 - 2 * row) / height
    face = int(fragments.face_index[view, row, column]) % len(FACES)
    corners = vertices[view, FACES[face]]
    points = torch.cat((corners[:, :2] * corners[:, 2:], corners[:, 2:]), dim=1)
    ray = torch.tensor([x, y, 1.0], dtype=torch.float64)
    weights = torch.linalg.solve(points.T, ray)
    return face, weights / weights.sum()


def test_weights_are_those_of_the_scene():
    vertices, fragments = scene()
    weights = perspective_weights(fragments, vertices, FACES)
    for view, row, column in pixels_of(fragments):
        _, expected = slow_weights(vertices, fragments, view, row, column)
        torch.testing.assert_close(weights[view, row, column], expected)
    assert (weights[fragments.face_index < 0] == 0).all()


@pytest.mark.parametrize("rows", [1, 2])
def test_vertices_are_interpolated(rows):
    vertices, fragments = scene()
    values = torch.rand(rows, 5, 4, dtype=torch.float64, requires_grad=True)
    image = interpolate_vertices(values, fragments, vertices=vertices, faces=FACES)
    for view, row, column in pixels_of(fragments)[::7]:
        face, weights = slow_weights(vertices, fragments, view, row, column)
        expected = weights @ values[view % rows, FACES[face]]
        torch.testing.assert_close(image[view, :, row, column], expected)
    assert (image.permute(0, 2, 3, 1)[fragments.face_index < 0] == 0).all()

    def draw(values):
        return interpolate_vertices(values, fragments, vertices=vertices, faces=FACES)

    assert torch.autograd.gradcheck(draw, values)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_cubes_are_looked_up(size):
    vertices, fragments = scene()
    cubes = torch.rand(2, 3, size, size, size, 3, dtype=torch.float64, requires_grad=True)
    image = sample_cubes(cubes, fragments, vertices=vertices, faces=FACES, eps=1e-3)
    for view, row, column in pixels_of(fragments)[::11]:
        face, weights = slow_weights(vertices, fragments, view, row, column)
        at = (weights * (size - 1)).clamp(0, max(size - 1 - 1e-3, 0))
        expected = torch.zeros(3, dtype=torch.float64)
        for bits in range(8):
            share, index = 1.0, []
            for k in range(3):
                low = math.floor(at[k])
                bit = bits >> k & 1
                share = share * (at[k] - low if bit else 1 - (at[k] - low))
                index.append(min(low + bit, size - 1))
            expected = expected + share * cubes[view, face, index[0], index[1], index[2]]
        torch.testing.assert_close(image[view, :, row, column], expected)

    def draw(cubes):
        return sample_cubes(cubes, fragments, vertices=vertices, faces=FACES)

    if size == 2:
        assert torch.autograd.gradcheck(draw, cubes)


def test_faces_give_their_values():
    _, fragments = scene()
    values = torch.rand(1, 3, 2, dtype=torch.float64)
    image = gather_faces(values, fragments)
    for view, row, column in pixels_of(fragments)[::5]:
        face = int(fragments.face_index[view, row, column]) % 3
        assert torch.equal(image[view, :, row, column], values[0, face])


def texel(image, column, row, wrap):
    height, width = image.shape[1:]

    def place(i, size):
        if wrap == "repeat":
            return i % size
        if wrap == "mirror":
            i %= 2 * size
            return i if i < size else 2 * size - 1 - i
        return min(max(i, 0), size - 1)

    if wrap == "border" and not (0 <= column < width and 0 <= row < height):
        return torch.zeros(image.shape[0], dtype=image.dtype)
    return image[:, place(row, height), place(column, width)]


@pytest.mark.parametrize("wrap", ["repeat", "mirror", "clamp", "border"])
def test_images_are_laid_over_faces(wrap):
    vertices, fragments = scene()
    image = torch.rand(1, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    uvs = (torch.rand(3, 3, 2, dtype=torch.float64) * 4 - 1.5).requires_grad_()
    drawn = sample_uv(image, uvs, fragments, vertices=vertices, faces=FACES, wrap=wrap)
    for view, row, column in pixels_of(fragments)[::9]:
        face, weights = slow_weights(vertices, fragments, view, row, column)
        u, v = weights @ uvs[face].detach()
        x, y = float(u) * 7 - 0.5, (1 - float(v)) * 5 - 0.5
        left, top = math.floor(x), math.floor(y)
        expected = torch.zeros(3, dtype=torch.float64)
        for j in (0, 1):
            for i in (0, 1):
                share = abs(1 - i - (x - left)) * abs(1 - j - (y - top))
                expected = expected + share * texel(image[0], left + i, top + j, wrap)
        torch.testing.assert_close(drawn[view, :, row, column], expected)

    def draw(image, uvs):
        return sample_uv(image, uvs, fragments, vertices=vertices, faces=FACES, wrap=wrap)

    assert torch.autograd.gradcheck(draw, (image, uvs))


def test_other_bad_input_is_named():
    vertices, fragments = scene()
    settings = {"vertices": vertices, "faces": FACES}
    with pytest.raises(ValueError, match="values must have 1 or 2 rows"):
        interpolate_vertices(torch.zeros(3, 5, 2).double(), fragments, **settings)
    with pytest.raises(ValueError, match="cubes must have three equal sides"):
        sample_cubes(torch.zeros(2, 3, 4, 4, 5, 3).double(), fragments, **settings)
    with pytest.raises(ValueError, match="did you mean mirror"):
        image, uvs = torch.zeros(1, 3, 4, 4).double(), torch.zeros(3, 3, 2)
        sample_uv(image, uvs, fragments, wrap="mirrored", **settings)
    with pytest.raises(ValueError, match=r"values must have shape \[2, F, C\]"):
        gather_faces(torch.zeros(3, 3, 1).double(), fragments)
