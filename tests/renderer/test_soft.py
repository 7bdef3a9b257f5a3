"""Soft silhouettes: the native ops against plain torch, finite differences and known shapes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nr3d.renderer import reference_soft, soft_silhouettes
from tests.renderer.scenes import Scene, scenes, soup

# Both follow the formulas in one order without fused multiply-add; exponentials differ by two
# units of the last place, and sums over pixels are ordered differently.
TOLERANCE = 1e-10
LEAST_SHARE = 1e-10
SIGMAS = [1e-5, 1e-4, 1e-2, 1.0]
exhaustive = settings(max_examples=150, deadline=None, derandomize=True)


def both_ways(function, scene: Scene, dtype: torch.dtype = torch.float64, **options):
    """The images, and the gradient of the vertices for the scene's gradient of the images."""
    leaf = scene.vertices.detach().to(dtype, copy=True).requires_grad_()
    images = function(leaf, scene.faces, image_size=scene.size, **options)
    grad = torch.zeros_like(leaf)
    if images.requires_grad:  # else nothing is drawn
        (grad,) = torch.autograd.grad(images, leaf, scene.grad_image[:, 0].to(dtype))
    return images.detach(), grad


def check(scene: Scene, **options: float) -> Tensor:
    images, grad = both_ways(soft_silhouettes, scene, **options)
    expected, expected_grad = both_ways(
        reference_soft.soft_silhouettes, scene, least_share=LEAST_SHARE, **options
    )
    torch.testing.assert_close(images, expected, rtol=0, atol=TOLERANCE)
    scale = max(1.0, expected_grad.abs().max().item())
    torch.testing.assert_close(grad, expected_grad, rtol=0, atol=TOLERANCE * scale)
    return images


@exhaustive
@given(scene=scenes(), sigma=st.sampled_from(SIGMAS))
def test_hard_scenes_agree(scene, sigma):
    check(scene, sigma=sigma)


@exhaustive
@given(scene=scenes(), sigma=st.sampled_from(SIGMAS))
def test_corners_far_away_give_finite_images(scene, sigma):
    images, grad = both_ways(soft_silhouettes, scene, sigma=sigma)
    assert ((images >= 0) & (images <= 1)).all()
    assert grad.isfinite().all()


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("seed", range(2))
def test_soups_agree(seed, sigma):
    images = check(soup(60, seed=seed, num_meshes=2, size=0.1 + 0.4 * seed), sigma=sigma)
    assert images.max() > 0.9


@pytest.mark.parametrize("sigma", [1e-5, 1e-4, 1e-3])
def test_the_cut_changes_a_pixel_by_less_than_1e_10_a_face(sigma):
    scene = soup(100, seed=3, size=0.3)
    images, grad = both_ways(soft_silhouettes, scene, sigma=sigma)
    exact, exact_grad = both_ways(reference_soft.soft_silhouettes, scene, sigma=sigma)
    assert 0 < (images - exact).abs().max() < 100 * LEAST_SHARE
    # d D / d vertex <= 2 d / sigma D, with d = 4.8 sqrt(sigma) where D is cut, at each pixel
    bound = 48 * 48 * scene.grad_image.abs().max() * 9.6 / math.sqrt(sigma) * LEAST_SHARE
    assert (grad - exact_grad).abs().max() < bound


def test_single_precision_is_as_near_as_its_rounding():
    scene = soup(60, seed=4, num_meshes=2, size=0.3)
    images, grad = both_ways(soft_silhouettes, scene)
    single, single_grad = both_ways(soft_silhouettes, scene, torch.float32)
    assert single.dtype == torch.float32
    # d^2 / sigma is 1e4 times a distance with an error of 1e-7 times 2 d, d <= 0.05
    torch.testing.assert_close(single.double(), images, rtol=0, atol=5e-5)
    error = (single_grad.double() - grad).abs().max()
    assert error < 1e-4 * grad.abs().max()


@pytest.mark.parametrize("sigma", [1e-3, 1e-2])
@pytest.mark.parametrize("size", [12, (9, 14)])
def test_gradcheck(size, sigma):
    scene = soup(3, seed=5, size=0.6)

    def image(xy: Tensor) -> Tensor:
        vertices = torch.cat([xy, scene.vertices[..., 2:]], -1)
        return soft_silhouettes(vertices, scene.faces, image_size=size, sigma=sigma)

    assert torch.autograd.gradcheck(image, scene.vertices[..., :2].clone().requires_grad_())


def test_depths_get_no_gradient():
    _, grad = both_ways(soft_silhouettes, soup(20, seed=6))
    assert grad[..., :2].abs().max() > 0
    assert not grad[..., 2].any()


TRIANGLE = torch.tensor([[-0.5, -0.5, 2], [0.5, -0.5, 2], [-0.5, 0.5, 2]], dtype=torch.float64)
FACES = torch.tensor([[0, 1, 2]])


def test_a_pixel_is_the_sigmoid_of_its_squared_distance():
    image = soft_silhouettes(TRIANGLE[None], FACES, image_size=8, sigma=0.05)
    # column 1 is 0.125 left of the edge at -0.5, column 2 as far right of it
    assert image[0, 4, 1].item() == pytest.approx(1 / (1 + math.exp(0.125**2 / 0.05)), abs=1e-12)
    assert image[0, 4, 2].item() == pytest.approx(1 / (1 + math.exp(-(0.125**2) / 0.05)), abs=1e-12)
    # the bottom left pixel is nearest to a corner
    squared = 2 * 0.375**2
    assert image[0, 7, 0].item() == pytest.approx(1 / (1 + math.exp(squared / 0.05)), abs=1e-12)


def test_distances_of_a_rectangle_are_those_of_its_height():
    tall = TRIANGLE.clone()
    tall[:, 0] /= 2  # the same triangle in square pixels
    wide = soft_silhouettes(tall[None], FACES, image_size=(8, 16), sigma=0.01)
    square = soft_silhouettes(TRIANGLE[None], FACES, image_size=8, sigma=0.01)
    torch.testing.assert_close(wide[..., 4:12], square)


def test_two_faces_leave_the_product_of_what_each_leaves():
    scene = soup(2, seed=7, size=0.8)
    both, first, second = (
        soft_silhouettes(scene.vertices, faces, image_size=16, sigma=1e-2)
        for faces in (scene.faces, scene.faces[:1], scene.faces[1:])
    )
    torch.testing.assert_close(1 - both, (1 - first) * (1 - second))


def test_both_windings_count_alike():
    scene = soup(20, seed=8)
    image, grad = both_ways(soft_silhouettes, scene)
    other = Scene(**{**vars(scene), "faces": scene.faces.flip(1)})
    flipped, flipped_grad = both_ways(soft_silhouettes, other)
    torch.testing.assert_close(flipped, image)
    torch.testing.assert_close(flipped_grad, grad)


@pytest.mark.parametrize(
    ("depths", "is_drawn"),
    [
        ((1.0, 2.0, 3.0), True),
        ((0.1, 2.0, 3.0), False),  # near
        ((-1.0, 2.0, 3.0), False),
        ((99.0, 100.0, 200.0), True),
        ((100.0, 100.0, 200.0), False),  # far
    ],
)
def test_near_and_far_leave_out_whole_faces(depths, is_drawn):
    vertices = TRIANGLE.clone()
    vertices[:, 2] = torch.tensor(depths, dtype=torch.float64)
    assert bool(soft_silhouettes(vertices[None], FACES, image_size=8).any()) == is_drawn


def test_a_face_without_area_is_not_drawn():
    line = TRIANGLE.clone()
    line[2] = (line[0] + line[1]) / 2
    for faces in (FACES, torch.tensor([[0, 1, 1]])):
        assert not soft_silhouettes(line[None], faces, image_size=8, sigma=1.0).any()


def test_a_small_sigma_gives_the_hard_silhouette():
    image = soft_silhouettes(TRIANGLE[None], FACES, image_size=9, sigma=1e-12)
    x = (2 * torch.arange(9, dtype=torch.float64) + 1 - 9) / 9
    hard = (x[None] > -0.5) & (x.flip(0)[:, None] > -0.5) & (x[None] + x.flip(0)[:, None] < 0)
    outline = (x[None] + x.flip(0)[:, None]).abs() < 1e-9
    assert torch.equal(image[0].round()[~outline], hard.double()[~outline])


def test_anti_aliasing_is_the_mean_of_four():
    scene = soup(20, seed=9)
    fine = soft_silhouettes(scene.vertices, scene.faces, image_size=(20, 32))
    image = soft_silhouettes(scene.vertices, scene.faces, image_size=(10, 16), anti_aliasing=True)
    assert torch.equal(image, avg_pool2d(fine, 2))


def test_descent_moves_a_triangle_that_is_out_of_sight_of_its_target():
    offset = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    target = soft_silhouettes(TRIANGLE[None], FACES, image_size=32, sigma=1e-2)
    optimizer = torch.optim.Adam([offset], lr=0.05)
    with torch.no_grad():
        offset += torch.tensor([0.6, 0.5])
    for _ in range(100):
        optimizer.zero_grad()
        moved = torch.cat([TRIANGLE[:, :2] + offset, TRIANGLE[:, 2:]], 1)
        image = soft_silhouettes(moved[None], FACES, image_size=32, sigma=1e-2)
        (image - target).square().sum().backward()
        optimizer.step()
    assert offset.abs().max() < 0.01
