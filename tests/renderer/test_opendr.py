"""OpenDR's gradient: recorded numbers of the authors' functions, and cases computed by hand."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer, OpenDRRenderer, VertexColors, opendr_edges, rasterize
from tests.renderer.scenes import soup

RECORDED = ["figure_triangle16", "icosphere_silhouette", "two_triangles_silhouette"]
KINDS = {True: "grad_faces_xy_boundary", False: "grad_faces_xy_central"}


def gradient(vertices, faces, face_index, image, grad, **settings) -> Tensor:
    vertices = vertices.clone().requires_grad_()
    drawn = opendr_edges(image, vertices, faces=faces, face_index=face_index, **settings)
    drawn.backward(grad)
    assert vertices.grad is not None
    return vertices.grad


# Faces seen nearly edge-on: weights that are rounded otherwise, up to 6e-3 apart in the recorded
# kernels themselves, move the gradient by 5e-4 of its largest entry.
@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("boundary", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RECORDED)
def test_it_equals_the_authors_functions(truth, name, dtype, boundary, with_weights):
    arrays = truth(f"aux_opendr_{name}")
    size, corners = int(arrays["image_size"]), torch.from_numpy(arrays["faces"]).to(dtype)
    grad = torch.from_numpy(arrays["grad_image"])[..., 0].flip(1)[:, None].to(dtype)
    vertices = corners.reshape(1, -1, 3).expand(len(grad), -1, -1)
    faces = torch.arange(3 * len(corners)).view(-1, 3)
    seen = rasterize(vertices, faces, image_size=size, fill_back=False)
    alpha = (seen.face_index >= 0).to(dtype)[:, None]
    found = gradient(
        vertices,
        faces,
        seen.face_index,
        alpha,
        grad,
        boundary=boundary,
        weights=seen.weights if with_weights else None,
    )
    expected = torch.from_numpy(arrays[KINDS[boundary]])
    found = found.view(len(grad), -1, 3, 3)
    assert (found[..., 2] == 0).all()
    error = (found[..., :2].double() - expected).abs().max()
    assert error <= 2e-3 * expected.abs().max()


def slow_gradient(vertices, faces, face_index, weights, image, grad, boundary) -> Tensor:
    """The rules, pixel by pixel."""
    num_meshes, num_channels, height, width = image.shape
    out = torch.zeros_like(vertices)
    both = torch.cat((faces, faces.flip(1)))
    for m in range(num_meshes):

        def covered(i, j, m=m):
            inside = 0 <= i < height and 0 <= j < width
            return inside and int(face_index[m, i, j]) >= 0

        def outline(i, j, covered=covered):
            around = ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
            return covered(i, j) and not all(covered(*each) for each in around)

        for i, j in (face_index[m] >= 0).nonzero().tolist():
            corners = both[int(face_index[m, i, j])]
            for axis, (di, dj), scale in ((0, (0, 1), width / 2), (1, (-1, 0), height / 2)):
                ways = [(i + di, j + dj, 1), (i - di, j - dj, -1)]
                ways = [each for each in ways if 0 <= each[0] < height and 0 <= each[1] < width]
                steps = [(image[m, :, a, b] - image[m, :, i, j]) * s for a, b, s in ways]
                free = [s for s, (a, b, _) in zip(steps, ways, strict=True) if not outline(a, b)]
                if not boundary:
                    slope = sum(steps) / 2 if len(steps) == 2 else 0 * image[m, :, i, j]
                elif not steps:
                    slope = 0 * image[m, :, i, j]
                elif len(steps) == 1:
                    slope = 2 * steps[0]
                elif outline(i, j) or not free:
                    slope = steps[0] + steps[1]
                else:
                    slope = sum(free) / len(free)
                pull = -scale * (grad[m, :, i, j] * slope).sum()
                out[m, corners, axis] += weights[m, i, j] * pull
    return out


@pytest.mark.parametrize("boundary", [False, True])
@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_rules_written_out(boundary, num_channels, seed):
    scene = soup(4, seed=seed, num_meshes=2, size=0.9)
    size = (9, 12) if seed else (1, 7)
    seen = rasterize(scene.vertices, scene.faces, image_size=size)
    image = torch.rand(2, num_channels, *size, dtype=torch.float64)
    if num_channels == 1:
        image = (seen.face_index >= 0).double()[:, None]
    grad = torch.randn(image.shape, dtype=torch.float64)
    maps = (scene.vertices, scene.faces, seen.face_index)
    expected = slow_gradient(*maps, seen.weights, image, grad, boundary)
    for weights in (seen.weights, None):
        found = gradient(*maps, image, grad, boundary=boundary, weights=weights)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10 * expected.abs().max())


# A face over the whole image with the colour x^2 of column x: 0, 1, 4, 9. By hand, on a row:
# all pixels of a row with a neighbour outside the frame are outline (one row: all of them).
COLUMNS = torch.tensor([0.0, 1.0, 4.0, 9.0], dtype=torch.float64)
FRAME_CASES = [
    # rows, boundary, pixel, slope along the row
    (1, True, (0, 0), 2 * (1 - 0)),  # the frame: twice the one difference
    (1, True, (0, 3), 2 * (9 - 4)),
    (1, True, (0, 1), 4 - 0),  # outline, for there is no row above
    (5, True, (0, 2), 9 - 1),
    (5, True, (2, 0), 2 * (1 - 0)),
    (5, True, (2, 1), 4 - 1),  # column 0 is outline: the difference to column 2 alone
    (5, True, (2, 2), 4 - 1),  # column 3 is outline
    (1, False, (0, 0), 0),
    (1, False, (0, 3), 0),
    (1, False, (0, 1), (4 - 0) / 2),
    (5, False, (2, 2), (9 - 1) / 2),
]


@pytest.mark.parametrize(("rows", "boundary", "pixel", "slope"), FRAME_CASES)
def test_the_frame_by_hand(rows, boundary, pixel, slope):
    vertices = torch.tensor([[[-9.0, -9, 2], [9, -9, 2], [0, 20, 2]]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2]])
    image = COLUMNS.expand(1, 1, rows, 4).contiguous()
    grad = torch.zeros_like(image)
    grad[0, 0, pixel[0], pixel[1]] = 1
    seen = rasterize(vertices, faces, image_size=(rows, 4))
    assert (seen.face_index >= 0).all()
    found = gradient(vertices, faces, seen.face_index, image, grad, boundary=boundary)
    # All corners together move the pixel itself: 4 / 2 pixels for one unit of NDC.
    assert found[0, :, 0].sum() == pytest.approx(-slope * 4 / 2, abs=1e-12)
    assert found[0, :, 1].abs().max() < 1e-12


@pytest.mark.parametrize("columns", [3, 4])
def test_a_strip_of_three_has_no_free_neighbour(columns):
    """Between two outline pixels the whole difference counts, as on the outline itself."""
    vertices = torch.tensor([[[-9.0, -9, 2], [9, -9, 2], [0, 20, 2]]], dtype=torch.float64)
    image = COLUMNS[:columns].expand(1, 1, 3, columns).contiguous()
    faces, grad = torch.tensor([[0, 1, 2]]), torch.zeros_like(image)
    grad[0, 0, 1, 1] = 1
    seen = rasterize(vertices, faces, image_size=(3, columns))
    found = gradient(vertices, faces, seen.face_index, image, grad)
    slope = {3: 4 - 0, 4: 4 - 1}[columns]
    assert found[0, :, 0].sum() == pytest.approx(-slope * columns / 2)


def test_the_gradient_is_linear_and_reaches_the_image():
    scene = soup(6, seed=5)
    seen = rasterize(scene.vertices, scene.faces, image_size=20)
    image = torch.rand(1, 3, 20, 20, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(1, 3, 20, 20, dtype=torch.float64)
    maps = (scene.vertices, scene.faces, seen.face_index)
    first = gradient(*maps, image, grad)
    assert torch.equal(image.grad, grad)
    torch.testing.assert_close(gradient(*maps, image, -2 * grad), -2 * first)


def test_threads_and_layouts_change_no_bit():
    sphere, faces = icosphere(2)
    vertices = (sphere * 0.6 + torch.tensor([0, 0, 3.0])).expand(8, -1, -1)
    seen = rasterize(vertices, faces, image_size=96)
    image, grad = torch.rand(8, 3, 96, 96), torch.randn(8, 3, 96, 96)
    first = gradient(vertices, faces, seen.face_index, image, grad)
    torch.set_num_threads(3)
    assert torch.equal(first, gradient(vertices, faces, seen.face_index, image, grad))
    turned = image.mT.contiguous().mT, grad.mT.contiguous().mT
    assert torch.equal(first, gradient(vertices, faces, seen.face_index.clone(), *turned))


def test_the_renderer_draws_what_kato_draws():
    sphere, faces = icosphere(2)
    mesh, eyes = Mesh(sphere[None] * 0.5, faces), eye_from_angles(2.7, 30.0, torch.tensor([[0.0]]))
    colors = VertexColors((sphere[None] + 1) / 2)
    for anti_aliasing in (False, True):
        settings = {"image_size": (24, 30), "anti_aliasing": anti_aliasing}
        kato, opendr = NeuralRenderer(**settings), OpenDRRenderer(**settings)
        assert torch.equal(kato.silhouettes(mesh, eyes), opendr.silhouettes(mesh, eyes))
        assert torch.equal(kato.colors(mesh, eyes, colors), opendr.colors(mesh, eyes, colors))


def test_depth_is_refused():
    sphere, faces = icosphere(1)
    mesh, eyes = Mesh(sphere[None], faces), torch.tensor([[[0.0, 0.0, -3.0]]])
    renderer = OpenDRRenderer(image_size=8)
    message = "outputs must be one of colors, silhouettes, normals, got 'depth'"
    with pytest.raises(ValueError, match=re.escape(f"OpenDRRenderer: {message}")):
        renderer.depth(mesh, eyes)
    with pytest.raises(ValueError, match=re.escape(message)):
        renderer.render(mesh, eyes, outputs=("colors", "depth"))


VERTICES = torch.tensor([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0.5, 0.5, 2]]])
GOOD = {
    "image": torch.ones(1, 1, 8, 8),
    "vertices": VERTICES,
    "faces": torch.tensor([[0, 1, 2]]),
    "face_index": torch.zeros(1, 8, 8, dtype=torch.int32),
}


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"image": torch.ones(1, 8, 8)}, ValueError, "image must have shape [1, C, 8, 8]"),
        ({"image": GOOD["image"].double()}, TypeError, "image must be float32, got float64"),
        ({"face_index": GOOD["face_index"].long()}, TypeError, "face_index must be int32"),
        ({"face_index": GOOD["face_index"] + 2}, ValueError, "inside [-1, 2), got 2 at [0, 0, 0]"),
        ({"faces": torch.tensor([[0, 1, 3]])}, ValueError, "inside [0, 3), got 3 at [0, 2]"),
        ({"vertices": VERTICES * float("nan")}, ValueError, "vertices must be finite, got nan"),
        ({"weights": torch.ones(1, 8, 8)}, ValueError, "weights must have shape [1, 8, 8, 3]"),
    ],
)
def test_bad_input(wrong, kind, message):
    given = {**GOOD, **wrong}
    given["vertices"] = given["vertices"].clone().requires_grad_()
    with pytest.raises(kind, match=re.escape("opendr_edges: ")) as caught:
        opendr_edges(given.pop("image"), given.pop("vertices"), **given).sum().backward()
    assert message in str(caught.value)
