"""Shaded views: brightness tells the side, masks measure area, up is up."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nr3d.geometry.camera import eye_from_angles
from nr3d.renderer.shading import normals_towards, render_views, shade_faces

CUBE = torch.tensor([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
QUADS = torch.tensor(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)
FACES = torch.cat([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
WHITE = torch.ones(12, 3)


def eyes(*azimuths: float, elevation: float = 0.0) -> Tensor:
    return eye_from_angles(2.732, elevation, torch.tensor(azimuths, dtype=torch.float32))


def test_each_side_of_a_box_has_its_own_brightness() -> None:
    images = render_views(CUBE, FACES, WHITE, eyes(0, 90, 180, 270), image_size=16)
    middle = images[:, 0, 8, 8].tolist()
    top = int(render_views(CUBE, FACES, WHITE, eyes(0, elevation=89.0), image_size=16)[0, 0, 8, 8])
    assert len({*middle, top}) == 5
    assert top == max(*middle, top)
    assert min(abs(a - b) for a in middle for b in middle if a != b) >= 10


def test_winding_does_not_change_the_picture() -> None:
    turned = FACES.clone()
    turned[::2] = turned[::2].flip(1)
    views = eyes(20, elevation=30.0)
    assert torch.equal(
        render_views(CUBE, FACES, WHITE, views), render_views(CUBE, turned, WHITE, views)
    )


def test_mask_is_the_covered_area_and_the_background_black() -> None:
    square = torch.tensor([[-0.3, -0.3, 0.0], [0.3, -0.3, 0.0], [0.3, 0.3, 0.0], [-0.3, 0.3, 0.0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    image = render_views(square, faces, torch.ones(2, 3), eyes(0), image_size=64)[0]
    side = 0.6 / (2.732 * math.tan(math.radians(15))) * 32
    measured = math.sqrt(float(image[3].double().sum()) / 255)
    assert abs(measured - side) < 0.25  # a quarter of a pixel is one sample
    assert (image[:3].amax(dim=0) <= image[3]).all()
    assert image[:, 0, 0].tolist() == [0, 0, 0, 0]


def test_up_is_up_and_colours_are_the_faces_own() -> None:
    low = CUBE * torch.tensor([0.6, 0.2, 0.6]) - torch.tensor([0.0, 0.3, 0.0])
    colors = torch.tensor([[1.0, 0.0, 0.0]]).repeat(12, 1)
    image = render_views(low, FACES, colors, eyes(0), image_size=32)[0]
    rows = image[3].float().sum(dim=1)
    assert rows[:16].sum() == 0 and rows[16:].sum() > 0
    assert image[0].any() and not image[1:3].any()


def test_views_in_groups_are_the_same_views() -> None:
    views = eyes(0, 15, 30, 45, 60, elevation=30.0)
    whole = render_views(CUBE, FACES, WHITE, views, image_size=16)
    assert torch.equal(whole, render_views(CUBE, FACES, WHITE, views, image_size=16, max_values=1))


def test_normals_look_at_the_eye() -> None:
    views = eyes(30, 200, elevation=30.0)
    normals = normals_towards(CUBE, FACES, views)
    to_eye = views[:, None] - CUBE[FACES].mean(dim=1)
    assert ((normals * to_eye).sum(dim=-1) >= 0).all()
    flat = normals_towards(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), views)
    assert not flat.any()


def test_bad_arguments() -> None:
    index = torch.zeros(1, 2, 2, dtype=torch.int32)
    normals = torch.zeros(1, 12, 3)
    with pytest.raises(TypeError, match="shade_faces: face_index must be int32 or int64"):
        shade_faces(index.float(), face_normals=normals, face_colors=WHITE)
    with pytest.raises(ValueError, match=r"face_normals must have shape \[1, 12, 3\], got \[2, "):
        shade_faces(index, face_normals=normals.repeat(2, 1, 1), face_colors=WHITE)
    with pytest.raises(ValueError, match=r"face_colors must have shape \[F, 3\], got \[12\]"):
        shade_faces(index, face_normals=normals, face_colors=WHITE[:, 0])
    with pytest.raises(ValueError, match=r"render_views: vertices must have shape \[V, 3\]"):
        render_views(CUBE[None], FACES, WHITE, eyes(0))
    with pytest.raises(ValueError, match="image_size must be at least 1, got 0"):
        render_views(CUBE, FACES, WHITE, eyes(0), image_size=0)
    with pytest.raises(ValueError, match="supersampling must be at least 1, got 0"):
        render_views(CUBE, FACES, WHITE, eyes(0), supersampling=0)
