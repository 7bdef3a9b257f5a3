"""The native ops against the same in plain torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nr3d.renderer import kato_silhouettes, reference
from tests.renderer.implementations import native_kato_gradient, native_rasterize
from tests.renderer.scenes import Scene, scenes, soup

# Both follow the formulas in one order without fused multiply-add, so that they round alike; sums
# over pixels are ordered differently, which costs a few units in the last place.
TOLERANCE = 1e-10

exhaustive = settings(max_examples=150, deadline=None, derandomize=True)


def draw_both(scene: Scene) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    arguments = {"image_size": scene.size, "fill_back": scene.fill_back}
    native = native_rasterize(scene.vertices, scene.faces, **arguments)
    expected = reference.rasterize(scene.vertices, scene.faces, **arguments)
    return native, expected


def check_forward(scene: Scene) -> Tensor:
    native, expected = draw_both(scene)
    assert torch.equal(native[0], expected[0])
    torch.testing.assert_close(native[1], expected[1], rtol=TOLERANCE, atol=TOLERANCE)
    torch.testing.assert_close(native[2], expected[2], rtol=TOLERANCE, atol=TOLERANCE)
    return native[0]


def check_backward(scene: Scene, face_index: Tensor, eps: float) -> None:
    arguments = (scene.vertices, scene.faces, face_index, scene.maps(face_index), scene.grad_image)
    native = native_kato_gradient(*arguments, eps=eps)
    expected = reference.kato_gradient(*arguments, eps=eps)
    scale = max(1.0, expected.abs().max().item())  # single entries may cancel
    torch.testing.assert_close(native, expected, rtol=0, atol=TOLERANCE * scale)


def check_silhouettes(scene: Scene, factor: int) -> None:
    """One operation against drawing, edging and pooling one after the other."""
    height, width = scene.size
    settings = {"image_size": (factor * height, factor * width), "fill_back": scene.fill_back}
    face_index = reference.rasterize(scene.vertices, scene.faces, **settings)[0]
    image = (face_index >= 0).double()[:, None]
    grad_image = scene.grad_image[:, :1]
    apart = grad_image.repeat_interleave(factor, 2).repeat_interleave(factor, 3) / factor**2
    expected = reference.kato_gradient(scene.vertices, scene.faces, face_index, image, apart)

    leaf = scene.vertices.clone().requires_grad_()
    native = kato_silhouettes(
        leaf,
        scene.faces,
        image_size=scene.size,
        anti_aliasing=factor == 2,
        fill_back=scene.fill_back,
    )
    native.backward(grad_image[:, 0])
    assert torch.equal(native, avg_pool2d(image, factor)[:, 0])
    scale = max(1.0, expected.abs().max().item())
    torch.testing.assert_close(leaf.grad, expected, rtol=0, atol=TOLERANCE * scale)


@exhaustive
@given(scene=scenes())
def test_hard_scenes_agree(scene):
    face_index = check_forward(scene)
    check_backward(scene, face_index, 1e-4)


@exhaustive
@given(scene=scenes(), factor=st.sampled_from([1, 2]))
def test_hard_silhouettes_agree(scene, factor):
    check_silhouettes(scene, factor)


@pytest.mark.parametrize("seed", range(4))
def test_soups_agree(seed):
    scene = soup(60, seed=seed, num_meshes=2, size=0.1 + 0.4 * seed)
    face_index = check_forward(scene)
    assert (face_index >= 0).any()
    check_backward(scene, face_index, 1e-3)
    check_silhouettes(scene, 1 + seed % 2)


def edge_distance(scene: Scene, mesh: int, row: int, column: int) -> float:
    """The distance in pixels from a pixel's centre to the nearest edge of any face."""
    height, width = scene.size
    size = torch.tensor([width, height])
    corners = reference.face_corners(scene.vertices, scene.faces, fill_back=False)[mesh, ..., :2]
    start = (corners * size + size - 1) / 2  # [F, 3, 2]
    along = start.roll(-1, 1) - start
    to_pixel = torch.tensor([column, height - 1 - row]) - start
    share = (to_pixel * along).sum(-1) / along.square().sum(-1).clamp(min=1e-30)
    nearest = share.clamp(0, 1)[..., None] * along
    return (to_pixel - nearest).norm(dim=-1).min().item()


@pytest.mark.parametrize(("snap", "most_moved"), [(False, 0), (True, 1000)])
def test_single_precision_moves_only_pixels_on_an_edge(snap, most_moved):
    moved = covered = 0
    for seed in range(8):
        scene = soup(150, seed=100 + seed, num_meshes=2, size=0.05 + 0.1 * seed, snap=snap)
        expected = native_rasterize(scene.vertices, scene.faces, image_size=scene.size)[0]
        native = native_rasterize(scene.vertices.float(), scene.faces, image_size=scene.size)[0]
        different = (native != expected).nonzero().tolist()
        for mesh, row, column in different:
            assert edge_distance(scene, mesh, row, column) < 1e-4
        moved += len(different)
        covered += int((expected >= 0).sum())
    assert covered > 20_000
    # Rounding reaches 2^-24 of 48 px: no pixel of a random soup, and of a snapped one some whose
    # centre an edge meets (824 of 22,000).
    assert moved <= most_moved
    assert (moved > 0) == snap


def test_single_precision_gives_the_same_gradient():
    scene = soup(60, seed=7, num_meshes=2)
    face_index = native_rasterize(scene.vertices, scene.faces, image_size=scene.size)[0]
    arguments = (scene.faces, face_index)
    maps = (scene.maps(face_index), scene.grad_image)
    expected = reference.kato_gradient(scene.vertices, *arguments, *maps)
    native = native_kato_gradient(
        scene.vertices.float(), *arguments, *(one.float() for one in maps)
    )
    # The pull of a pixel at distance t has a relative error of 6e-8 * 48 px / t; the largest pulls
    # have t of about 1e-2 px.
    error = (native.double() - expected).abs().max()
    assert error <= 2e-3 * expected.abs().max()


def test_a_corner_on_a_pixel_centre_ends_its_line():
    # The line through the corner leaves the face exactly there; a crossing computed from another
    # corner misses it by a rounding and takes a pixel too many or too few.
    size, num_meshes = 8, 500
    vertices = torch.rand(num_meshes, 3, 3, dtype=torch.float64) * 2 - 1
    vertices[:, 2, :2] = (2 * torch.randint(0, size, (num_meshes, 2)).double() + 1 - size) / size
    vertices[..., 2] = 2
    faces = torch.tensor([[0, 1, 2]])
    grad_image = torch.randn(num_meshes, 1, size, size, dtype=torch.float64)
    image = torch.empty(num_meshes, 0, size, size)
    scene = Scene(vertices, faces, (size, size), image, grad_image, fill_back=True)
    face_index = check_forward(scene)
    check_backward(scene, face_index, 1e-4)


def test_the_color_beyond_an_edge_counts_where_its_row_is_empty():
    """The lower row has neither a face nor a gradient, yet the face's pixel may take its color."""
    vertices = torch.tensor([[[0.0, 0, 1], [1, 0, 1], [0, 1, 1]]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2]])
    face_index = torch.tensor([[[-1, 0], [-1, -1]]], dtype=torch.int32)
    image = torch.tensor([[[[0.9, 0.7], [0.4, 0.1]]]], dtype=torch.float64)
    grad_image = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]], dtype=torch.float64)
    arguments = (vertices, faces, face_index, image, grad_image)
    native = native_kato_gradient(*arguments, eps=1e-4)
    expected = reference.kato_gradient(*arguments, eps=1e-4)
    assert expected[0, 0, 1] < 0
    torch.testing.assert_close(native, expected)
