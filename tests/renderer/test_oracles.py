"""What is known without any renderer: areas, a disc, a letter, published numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, icosphere
from nr3d.renderer import NeuralRenderer, kato_edges, rasterize
from tests.renderer.implementations import NATIVE, REFERENCE

both = pytest.mark.parametrize("implementation", [NATIVE, REFERENCE], ids=["native", "reference"])


@pytest.mark.parametrize("corners", [3, 5, 8])
def test_a_polygon_covers_its_area(corners):
    size, radius = 512, 0.83
    angles = 0.3 + 2 * math.pi * torch.arange(corners, dtype=torch.float64) / corners
    rim = torch.stack([radius * angles.cos(), radius * angles.sin()], -1)
    centre = torch.zeros(1, 2, dtype=torch.float64)
    flat = torch.cat([torch.cat([centre, rim]), torch.full((corners + 1, 1), 3.0)], -1)
    fan = torch.tensor([[0, 1 + k, 1 + (k + 1) % corners] for k in range(corners)])
    fragments = rasterize(flat[None], fan, image_size=size, fill_back=False)
    covered = (fragments.face_index >= 0).sum().item() * (2 / size) ** 2
    area = corners / 2 * radius**2 * math.sin(2 * math.pi / corners)
    # Errors at the border are independent: about sqrt(border pixels) / 2 pixels, here times 3.
    border = 2 * corners * radius * math.sin(math.pi / corners) * size / 2
    assert abs(covered - area) < 1.5 * math.sqrt(border) * (2 / size) ** 2
    assert fragments.depth[fragments.face_index >= 0].sub(3).abs().max() < 1e-12


def test_a_sphere_covers_its_disc():
    vertices, faces = icosphere(4)
    distance, radius, half_angle, size = 3.0, 0.5, 20.0, 256
    renderer = NeuralRenderer(image_size=size, viewing_angle=half_angle, anti_aliasing=False)
    mesh = Mesh(radius * vertices[None].double(), faces)
    eyes = torch.tensor([[[0, 0, -distance], [0, distance, 1e-3], [2, 1, 2]]]).double()
    eyes = distance * eyes / eyes.norm(dim=-1, keepdim=True)
    covered = renderer.silhouettes(mesh, eyes).mean((2, 3)) * 4
    rim = math.tan(math.asin(radius / distance)) / math.tan(math.radians(half_angle))
    # 5,120 flat faces inside the sphere: its outline has edges of about 0.07 radius and
    # lacks up to 0.3 % of the disc; border pixels add 0.2 %.
    assert covered == pytest.approx(torch.full((1, 3), math.pi * rim**2).double(), rel=5e-3)


LETTER = """
........
.#####..
.#......
.####...
.#......
.#......
.#......
........
"""


def letter() -> Tensor:
    rows = LETTER.split()
    return torch.tensor([[float(c == "#") for c in row] for row in rows])


def letter_mesh() -> Mesh:
    """One square per letter pixel in the plane z = 0, as one reads it when looking along +z."""
    vertices, faces = [], []
    for row, column in letter().nonzero().tolist():
        x, y, first = 2 * column / 8 - 1, 1 - 2 * row / 8, len(vertices)
        vertices += [[x, y, 0.0], [x + 0.25, y, 0.0], [x + 0.25, y - 0.25, 0.0], [x, y - 0.25, 0.0]]
        faces += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    return Mesh(torch.tensor([vertices]), torch.tensor(faces))


@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_a_letter_is_neither_mirrored_nor_upside_down(anti_aliasing):
    renderer = NeuralRenderer(image_size=8, perspective=False, anti_aliasing=anti_aliasing)
    front, back = torch.tensor([0.0, 0.0, -2.0]), torch.tensor([0.0, 0.0, 2.0])
    eyes = torch.stack([front, back])[None]
    images = renderer.silhouettes(letter_mesh(), eyes)
    assert torch.equal(images[0, 0], letter())
    assert torch.equal(images[0, 1], letter().flip(1))


def test_a_quarter_view_moves_the_letter_where_it_should_be():
    # An eye on +x looks along -x; the camera frame is left-handed, so +z lies to its right.
    renderer = NeuralRenderer(image_size=8, perspective=False, anti_aliasing=False)
    mesh = letter_mesh()
    turned = Mesh(mesh.vertices[..., [2, 1, 0]], mesh.faces)  # x becomes z
    images = renderer.silhouettes(turned, torch.tensor([[[2.0, 0, 0], [-2.0, 0, 0]]]))
    assert torch.equal(images[0, 0], letter())
    assert torch.equal(images[0, 1], letter().flip(1))


@pytest.mark.parametrize("fill_back", [True, False])
def test_only_backs_of_an_outward_mesh_are_seen(fill_back):
    # The camera frame is left-handed, so faces that are counter-clockwise from outside in a
    # right-handed world show their backs: the near side needs fill_back.
    vertices, faces = icosphere(2)
    points = torch.stack([vertices[:, 0], vertices[:, 1], vertices[:, 2] + 3], -1)[None] * 0.5
    fragments = rasterize(points, faces, image_size=64, fill_back=fill_back)
    seen = fragments.face_index[fragments.face_index >= 0]
    assert len(seen) > 0
    assert bool((seen >= len(faces)).all()) == fill_back
    centre = fragments.depth[0, 32, 32].item()
    assert centre == pytest.approx(1.0 if fill_back else 2.0, abs=0.02)


def gradient_of(implementation, corners, size, row, column, grad, eps):  # type: ignore[no-untyped-def]
    """Kato's gradient of one silhouette pixel with respect to one triangle at depth 1. [3, 2]"""
    rasterize_op, kato_gradient = implementation
    vertices = torch.tensor([[[x, y, 1.0] for x, y in corners]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2]])
    face_index = rasterize_op(vertices, faces, image_size=size)[0]
    image = (face_index >= 0).double()[:, None]
    grad_image = torch.zeros_like(image)
    grad_image[0, 0, row, column] = grad
    return kato_gradient(vertices, faces, face_index, image, grad_image, eps=eps)[0, :, :2]


OUTSIDE = [(0.8, 0.8), (0.0, -0.5), (0.2, -0.4)]
INSIDE = [(0.8, 0.8), (-0.5, -0.8), (0.8, -0.8)]
WORKED = [
    (OUTSIDE, (25, 35, -1), 1e-4, [(1.672583, -0.260216), (1.419873, -1.642853), (0, 0)]),
    (OUTSIDE, (25, 35, -1), 1e-3, [(1.670069, -0.260155), (1.418061, -1.640427), (0, 0)]),
    (
        INSIDE,
        (40, 50, 1),
        1e-4,
        [(0.986429, 1.046296), (-1.034167, -0.104035), (3.000861, -1.551716)],
    ),
    (
        INSIDE,
        (40, 50, 1),
        1e-3,
        [(0.984635, 1.045312), (-1.033205, -0.103985), (2.992778, -1.549552)],
    ),
]


@both
@pytest.mark.parametrize(("corners", "pixel", "eps", "expected"), WORKED)
def test_the_authors_two_triangles(implementation, corners, pixel, eps, expected):
    grad = gradient_of(implementation, corners, 64, *pixel, eps)
    # Six decimals are given, computed in single precision.
    torch.testing.assert_close(grad, torch.tensor(expected).double(), rtol=0, atol=3e-6)


# The triangle of the published comparison of gradients. Descent directions, loss = sign * alpha.
FIGURE = [(-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)]
NOTHING = [(0, 0), (0, 0), (0, 0)]
ARROWS = [
    (1, 2, NOTHING),
    (1, 3, NOTHING),
    (1, 4, [(6.077, -1.871), (8.920, 2.138), (-1.124, 0.018)]),
    (1, 5, [(1.163, -2.162), (2.991, 1.854), (-1.498, -0.071)]),
    (-1, 2, [(-2.328, 0), (-2.991, 0), (0, 0)]),
    (-1, 3, [(-6.951, 0), (-8.920, 0), (0, 0)]),
    (-1, 4, NOTHING),
    (-1, 5, NOTHING),
]


@both
@pytest.mark.parametrize(("sign", "column", "expected"), ARROWS)
def test_the_published_arrows(implementation, sign, column, expected):
    grad = gradient_of(implementation, FIGURE, 16, 8, column, sign, 1e-3)
    # Three decimals are given.
    torch.testing.assert_close(-grad, torch.tensor(expected).double(), rtol=0, atol=6e-4)


def test_descent_moves_a_shape_onto_another():
    # Irregular, so that no edge runs through pixel centres, where the gradient has its poles.
    corners = [[-0.53, -0.47, 2], [0.12, -0.55, 2], [0.08, 0.13, 2], [-0.46, 0.02, 2]]
    shape, faces = torch.tensor([corners]), torch.tensor([[0, 1, 2], [0, 2, 3]])
    moved = rasterize(shape + torch.tensor([0.3, 0.2, 0]), faces, image_size=32)
    target = (moved.face_index >= 0).float()
    offset = torch.zeros(1, 1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([offset], lr=0.02)
    ious = []
    for _ in range(50):
        vertices = shape + torch.cat([offset, torch.zeros(1, 1, 1)], -1)
        face_index = rasterize(vertices, faces, image_size=32).face_index
        alpha = (face_index >= 0).float()[:, None]
        alpha = kato_edges(alpha, vertices, faces=faces, face_index=face_index)[:, 0]
        ious.append(((alpha * target).sum() / torch.maximum(alpha, target).sum()).item())
        optimizer.zero_grad()
        (alpha - target).square().sum().backward()
        optimizer.step()
    assert ious[0] < 0.25
    assert sum(ious[-10:]) / 10 > 0.8
