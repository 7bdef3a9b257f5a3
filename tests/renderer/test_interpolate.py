"""Values of the vertices at every pixel: what they mean, and the same in plain torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere, perspective
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.rasterize import rasterize

SIZE = (30, 41)


def sphere(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """A sphere in front of the camera, in the camera frame and projected, and its faces."""
    vertices, faces = icosphere(2)
    points = (vertices.to(dtype) * 0.8 + torch.tensor([0.1, -0.2, 2.0], dtype=dtype))[None]
    return points, perspective(points), faces


@pytest.mark.parametrize("winding", [1, -1])
def test_positions_lie_where_the_pixels_look(winding):
    """A point of the surface, projected, falls on the pixel it is seen at. Both windings."""
    points, vertices, faces = sphere()
    faces = faces if winding > 0 else faces.flip(1)
    fragments = rasterize(vertices, faces, image_size=SIZE)
    seen = interpolate_vertices(points, fragments, vertices=vertices, faces=faces)
    assert seen.shape == (1, 3, *SIZE)
    covered = fragments.face_index[0] >= 0
    assert covered.sum() > 100
    x, y, z = perspective(seen.flatten(2).mT)[0].unflatten(0, SIZE).unbind(-1)
    rows, columns = torch.meshgrid(*(torch.arange(size).double() for size in SIZE), indexing="ij")
    centres = (2 * columns + 1 - SIZE[1]) / SIZE[1], -(2 * rows + 1 - SIZE[0]) / SIZE[0]
    torch.testing.assert_close(x[covered], centres[0][covered], rtol=0, atol=1e-12)
    torch.testing.assert_close(y[covered], centres[1][covered], rtol=0, atol=1e-12)
    torch.testing.assert_close(z[covered], fragments.depth[0][covered], rtol=0, atol=1e-12)
    assert (seen[:, :, ~covered] == 0).all()


def test_a_constant_stays_one_and_pixels_share_out_their_gradient():
    _, vertices, faces = sphere()
    fragments = rasterize(vertices, faces, image_size=SIZE)
    values = torch.ones(1, vertices.shape[1], 2, dtype=torch.float64, requires_grad=True)
    image = interpolate_vertices(values, fragments, vertices=vertices, faces=faces)
    covered = (fragments.face_index >= 0).double()
    torch.testing.assert_close(image.detach(), covered[:, None].expand(-1, 2, -1, -1))
    image.sum().backward()
    torch.testing.assert_close(values.grad.sum((0, 1)), covered.sum().expand(2))


def test_no_gradient_flows_to_the_vertices():
    _, vertices, faces = sphere()
    vertices.requires_grad_()
    fragments = rasterize(vertices, faces, image_size=SIZE)
    assert fragments.depth.requires_grad
    values = torch.rand(1, vertices.shape[1], 3, dtype=torch.float64)
    image = interpolate_vertices(values, fragments, vertices=vertices, faces=faces)
    assert not image.requires_grad


@pytest.mark.parametrize(("depth", "is_between"), [(1.0, True), (0.05, True), (-1.0, False)])
def test_values_leave_their_range_on_faces_that_reach_behind_the_camera(depth, is_between):
    points = [[0.0, -0.8, depth], [0.8, 0.6, 2.0], [-0.8, 0.6, 2.0]]
    vertices, faces = torch.tensor([points], dtype=torch.float64), torch.tensor([[0, 1, 2]])
    fragments = rasterize(vertices, faces, image_size=SIZE)
    assert (fragments.face_index == 0).sum() > 100
    values = torch.tensor([[[0.0], [1.0], [0.0]]], dtype=torch.float64)
    image = interpolate_vertices(values, fragments, vertices=vertices, faces=faces)
    assert (-1e-12 <= image.min() and image.max() <= 1 + 1e-12) == is_between
    assert image.isfinite().all()
