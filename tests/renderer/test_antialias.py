"""Analytic anti-aliasing: the rule written out pair by pair, areas, and its true derivative."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import AntialiasRenderer, VertexColors, antialias, rasterize
from tests.renderer.scenes import soup

DOUBLE = torch.float64


def blend(vertices: Tensor, faces: Tensor, image: Tensor) -> Tensor:
    seen = rasterize(vertices.detach(), faces, image_size=tuple(image.shape[2:]))
    settings = {"face_index": seen.face_index, "depth": seen.depth}
    return antialias(image, vertices, faces=faces, **settings)


def silhouette(vertices: Tensor, faces: Tensor, size: int | tuple[int, int]) -> Tensor:
    seen = rasterize(vertices.detach(), faces, image_size=size)
    alpha = (seen.face_index >= 0).to(vertices)[:, None]
    settings = {"face_index": seen.face_index, "depth": seen.depth}
    return antialias(alpha, vertices, faces=faces, **settings)[:, 0]


def cross(o, p, q):
    return float((p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]))


def is_outline(points, faces, face, k):
    a, b, c = (faces[face][(k + i) % 3] for i in range(3))
    own = cross(points[a], points[b], points[c])
    for other in faces:
        if other is not faces[face] and a in other and b in other:
            (third,) = set(other) - {a, b}
            if cross(points[a], points[b], points[third]) * own < 0:
                return False
    return True


def slow_antialias(image: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    """One mesh; pixel coordinates with rows downwards."""
    _, _, height, width = image.shape
    seen = rasterize(vertices, faces, image_size=(height, width))
    index, depth, out = seen.face_index[0], seen.depth[0], image[0].clone()
    points = torch.stack(
        (
            (vertices[0, :, 0] * width + width - 1) / 2,
            (height - 1 - vertices[0, :, 1] * height) / 2,
        ),
        -1,
    )
    listed = [tuple(face) for face in faces.tolist()]
    pairs = [((i, j), (i, j + 1)) for i in range(height) for j in range(width - 1)]
    pairs += [((i, j), (i + 1, j)) for i in range(height - 1) for j in range(width)]
    for first, second in pairs:
        if index[first] == index[second]:
            continue
        near = [float(depth[p]) if index[p] >= 0 else float("inf") for p in (first, second)]
        a, b = (first, second) if near[0] <= near[1] else (second, first)
        u, v = (0, 1) if first[0] == second[0] else (1, 0)  # x or y of points
        at_a, at_b = (a[1], a[0]), (b[1], b[0])
        face = int(index[a]) % len(listed)
        for k in range(3):
            start, end = points[listed[face][k]], points[listed[face][(k + 1) % 3]]
            rise, run = end[v] - start[v], end[u] - start[u]
            if abs(rise) < abs(run) or rise == 0 or not is_outline(points, listed, face, k):
                continue
            tau = (at_a[v] - start[v]) / rise
            d = (start[u] + tau * run - at_a[u]) / (at_b[u] - at_a[u])
            if not (0 <= tau <= 1 and 0 <= d <= 1):
                continue
            w = 0.5 - d
            values = image[0, :, a[0], a[1]], image[0, :, b[0], b[1]]
            if w > 0:
                out[:, a[0], a[1]] += w * (values[1] - values[0])
            else:
                out[:, b[0], b[1]] += -w * (values[0] - values[1])
            break
    return out[None]


@pytest.mark.parametrize("seed", range(4))
def test_it_equals_the_rule_written_out(seed):
    scene = soup(5, seed=seed, size=0.8)
    image = torch.rand(1, 2, 13, 17, dtype=DOUBLE)
    expected = slow_antialias(image, scene.vertices, scene.faces)
    torch.testing.assert_close(blend(scene.vertices, scene.faces, image), expected)
    assert not torch.equal(expected, image)


def test_it_equals_the_rule_on_a_closed_mesh():
    sphere, faces = icosphere(1)
    vertices = (sphere.double() * torch.tensor([0.6, 0.7, 0.5]) + torch.tensor([0.03, 0.05, 3]))[
        None
    ]
    image = torch.rand(1, 1, 21, 21, dtype=DOUBLE)
    found = blend(vertices, faces, image)
    torch.testing.assert_close(found, slow_antialias(image, vertices, faces))
    changed = (found != image)[0, 0]
    seen = rasterize(vertices, faces, image_size=21).face_index[0] >= 0
    inside = seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1] & seen[1:-1, :-2] & seen[1:-1, 2:]
    assert changed.any()
    assert not (changed[1:-1, 1:-1] & inside).any()  # edges between its faces are no outlines


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.25, 0.5, 0.75, 0.99])
def test_a_vertical_edge_covers_a_pixel_little_by_little(shift):
    """A square with edges at x = 3 + shift pixels; the column sums to what it covers."""
    left, right, size = 3 + shift, 10.0, 16
    x0, x1 = (2 * left - size) / size, (2 * right - size) / size
    vertices = torch.tensor(
        [[[x0, -2.0, 2], [x1, -2, 2], [x1, 2, 2], [x0, 2, 2]]], dtype=DOUBLE, requires_grad=True
    )
    rows = silhouette(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), size)[0].sum(1)
    torch.testing.assert_close(rows, torch.full((size,), right - left, dtype=DOUBLE))
    if shift != 0.5:  # where the pixel that changes is another one
        rows.sum().backward()
        expected = torch.tensor([-1.0, 1, 1, -1]) * size * size / 4  # two corners an edge
        torch.testing.assert_close(vertices.grad[0, :, 0], expected.double())


# Measured 0.05 % and 0.2 %: what remains are corners, where a pair is crossed by no edge.
@pytest.mark.parametrize(("size", "tolerance"), [(128, 1e-3), (32, 5e-3)])
def test_the_image_sums_to_the_area(size, tolerance):
    generator = torch.Generator().manual_seed(3)
    ratios = []
    for _ in range(20):
        corners = torch.rand(3, 2, generator=generator, dtype=DOUBLE) * 1.8 - 0.9
        area = abs(cross(*corners)) / 2
        if area < 0.3:
            continue
        vertices = torch.cat((corners, torch.full((3, 1), 2.0, dtype=DOUBLE)), 1)[None]
        found = silhouette(vertices, torch.tensor([[0, 1, 2]]), size).sum() * 4 / size**2
        ratios.append(float(found) / area)
    assert len(ratios) > 5
    assert sum(ratios) / len(ratios) == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gradcheck_away_from_the_switches(seed):
    scene = soup(4, seed=seed, num_meshes=2, size=0.8)
    image = torch.rand(2, 2, 7, 9, dtype=DOUBLE, requires_grad=True)
    vertices = scene.vertices.clone().requires_grad_()
    assert gradcheck(lambda v, i: blend(v, scene.faces, i), (vertices, image))


def test_gradcheck_of_a_whole_rendering():
    sphere, faces = icosphere(1)
    mesh = (sphere.double() * torch.tensor([0.61, 0.72, 0.53]))[None].requires_grad_()
    eyes = eye_from_angles(2.7, torch.tensor([[25.0]]), torch.tensor([[15.0]])).double()
    colors = torch.rand(1, len(sphere), 3, dtype=DOUBLE, requires_grad=True)
    renderer = AntialiasRenderer(image_size=6)

    def silhouettes(vertices):
        return renderer.silhouettes(Mesh(vertices, faces), eyes)

    def painted(colors):
        return renderer.colors(Mesh(mesh.detach(), faces), eyes, VertexColors(colors))

    assert gradcheck(silhouettes, (mesh,))
    assert gradcheck(painted, (colors,))


def test_the_side_that_is_nearer_moves():
    """Of two squares that overlap, the nearer one's edge is blended, with the farther's colour."""
    near = torch.tensor([[-0.7, -2.0, 1], [0.3, -2, 1], [0.3, 2, 1], [-0.7, 2, 1]])
    far = torch.tensor([[-2.0, -2, 2], [2, -2, 2], [2, 2, 2], [-2, 2, 2]])
    vertices = torch.cat((far, near))[None].double().requires_grad_()
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    seen = rasterize(vertices.detach(), faces, image_size=10)
    image = torch.where(seen.face_index % 4 >= 2, 1.0, 0.25).double()[:, None]
    found = blend(vertices, faces, image)
    # The right edge is at pixel coordinate 6: on the centre, so half of the farther one shows.
    torch.testing.assert_close(found[0, 0, 4, 6], torch.tensor(0.625, dtype=DOUBLE))
    found.sum().backward()
    assert (vertices.grad[0, :4] == 0).all()
    assert (vertices.grad[0, 5:7, 0] > 0).all()
    assert (vertices.grad[..., 2] == 0).all()


def test_threads_change_no_bit_and_empty_meshes_are_drawn():
    sphere, faces = icosphere(2)
    vertices = (sphere * 0.6 + torch.tensor([0, 0, 3.0])).expand(8, -1, -1)
    image = torch.rand(8, 3, 64, 64)

    def gradient():
        moved = vertices.clone().requires_grad_()
        blend(moved, faces, image).square().sum().backward()
        return moved.grad

    first = gradient()
    torch.set_num_threads(3)
    assert torch.equal(first, gradient())
    nothing = torch.full((8, 64, 64), -1, dtype=torch.int32)
    empty = antialias(
        image, vertices, faces=faces[:0], face_index=nothing, depth=torch.ones(8, 64, 64)
    )
    assert torch.equal(empty, image)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"image": torch.ones(1, 8, 8)}, ValueError, "image must have shape [1, C, 8, 8]"),
        ({"depth": torch.ones(1, 8, 9)}, ValueError, "depth must have shape [1, 8, 8]"),
        ({"face_index": torch.zeros(1, 8, 8)}, TypeError, "face_index must be int32"),
        ({"faces": torch.tensor([[0, 1, 3]])}, ValueError, "inside [0, 3), got 3 at [0, 2]"),
        ({"vertices": torch.full((1, 3, 3), float("nan"))}, ValueError, "must be finite, got nan"),
    ],
)
def test_bad_input(wrong, kind, message):
    given = {
        "image": torch.ones(1, 1, 8, 8),
        "vertices": torch.tensor([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0.5, 0.5, 2]]]),
        "faces": torch.tensor([[0, 1, 2]]),
        "face_index": torch.zeros(1, 8, 8, dtype=torch.int32),
        "depth": torch.ones(1, 8, 8),
        **wrong,
    }
    with pytest.raises(kind, match=re.escape("antialias: ")) as caught:
        antialias(given.pop("image"), given.pop("vertices"), **given)
    assert message in str(caught.value)
