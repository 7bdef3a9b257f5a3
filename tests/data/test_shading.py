"""Shaded views: brightness tells the side, masks measure area, up is up."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from nr3d.geometry.camera import eye_from_angles
from nr3d.renderer import FaceColors, Fragments, ImageTexture, Materials, VertexColors
from nr3d.renderer.shading import VALUES_PER_PIXEL, face_brightness, normals_towards, render_views

CUBE = torch.tensor([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
QUADS = torch.tensor(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)
FACES = torch.cat([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
WHITE = FaceColors(torch.ones(1, 12, 3))
SQUARE = torch.tensor([[-0.3, -0.3, 0.0], [0.3, -0.3, 0.0], [0.3, 0.3, 0.0], [-0.3, 0.3, 0.0]])
SQUARE_FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])
SQUARE_UVS = (SQUARE[SQUARE_FACES][..., :2] / 0.6 + 0.5).contiguous()
WHITE_SQUARE = FaceColors(torch.ones(1, 2, 3))


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
    image = render_views(SQUARE, SQUARE_FACES, WHITE_SQUARE, eyes(0), image_size=64)[0]
    side = 0.6 / (2.732 * math.tan(math.radians(15))) * 32
    measured = math.sqrt(float(image[3].double().sum()) / 255)
    assert abs(measured - side) < 0.25  # a quarter of a pixel is one sample
    assert (image[:3].amax(dim=0) <= image[3]).all()
    assert image[:, 0, 0].tolist() == [0, 0, 0, 0]


def test_up_is_up_and_colours_are_the_faces_own() -> None:
    low = CUBE * torch.tensor([0.6, 0.2, 0.6]) - torch.tensor([0.0, 0.3, 0.0])
    red = FaceColors(torch.tensor([1.0, 0.0, 0.0]).repeat(1, 12, 1))
    image = render_views(low, FACES, red, eyes(0), image_size=32)[0]
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


def test_images_are_drawn_as_bright_as_their_face() -> None:
    image = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(0))
    textures = ImageTexture(image[None], SQUARE_UVS, wrap="clamp")
    drawn = render_views(SQUARE, SQUARE_FACES, textures, eyes(0, 180), image_size=64).float()
    white = render_views(SQUARE, SQUARE_FACES, WHITE_SQUARE, eyes(0, 180), image_size=64).float()
    assert torch.equal(drawn[:, 3], white[:, 3])
    near, far = slice(20, 24), slice(40, 44)  # up to half a texel from the border: one colour
    for view, (left, right) in enumerate(((0, 1), (1, 0))):  # seen from behind it is mirrored
        for row, rows in enumerate((near, far)):
            for texel, columns in ((left, near), (right, far)):
                expected = image[:, row, texel, None, None] * white[view, :3, rows, columns]
                found = drawn[view, :3, rows, columns]
                torch.testing.assert_close(found, expected, atol=1, rtol=0)  # both are rounded


def test_vertices_have_colours() -> None:
    colors = torch.tensor([[[1.0, 0, 0], [0, 0, 1.0], [0, 0, 1.0], [1.0, 0, 0]]])
    image = render_views(SQUARE, SQUARE_FACES, VertexColors(colors), eyes(0), image_size=64)[0]
    left, right = image[:3, 32, 22].float(), image[:3, 32, 41].float()
    assert left[0] > 5 * left[2] > 0 and right[2] > 5 * right[0] > 0
    assert not image[1].any()


def test_views_of_images_in_groups_are_the_same_views() -> None:
    views = eyes(0, 15, 30, 45, 60, elevation=30.0)
    images = [torch.rand(3, 4, 4), torch.rand(3, 2, 8)]
    textures = Materials(
        WHITE_SQUARE.values, images, ["repeat", "clamp"], torch.arange(2), SQUARE_UVS
    )
    whole, parts = (
        render_views(SQUARE, SQUARE_FACES, textures, views, image_size=16, max_values=limit)
        for limit in (10**9, 1)
    )
    assert torch.equal(whole, parts)


class Counting(FaceColors):
    """Notes how many views are coloured at once."""

    groups: ClassVar[list[int]] = []

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        self.groups.append(num_views)
        return super().colors(fragments, vertices=vertices, faces=faces, num_views=num_views)


def test_groups_are_as_large_as_the_memory_for_a_texture_allows() -> None:
    views = eyes(0, 15, 30, 45, 60)
    two = 2 * (VALUES_PER_PIXEL * 32 * 32 + 12 * 2 + 6 * 4)
    for limit, groups in ((two, [2, 2, 1]), (two - 1, [1] * 5), (10**9, [5])):
        Counting.groups.clear()
        counting = Counting(WHITE_SQUARE.values)
        sizes = {"image_size": 16, "supersampling": 2, "max_values": limit}
        render_views(SQUARE, SQUARE_FACES, counting, views, **sizes)
        assert Counting.groups == groups


def test_bad_arguments() -> None:
    index = torch.zeros(1, 2, 2, dtype=torch.int32)
    normals = torch.zeros(1, 12, 3)
    with pytest.raises(TypeError, match="face_brightness: face_index must be int32 or int64"):
        face_brightness(index.float(), normals)
    with pytest.raises(ValueError, match=r"face_index must have shape \[M, H, W\], got \[1, 2\]"):
        face_brightness(index[0, :1], normals)
    with pytest.raises(ValueError, match=r"face_normals must have shape \[1, F, 3\], got \[2, "):
        face_brightness(index, normals.repeat(2, 1, 1))
    with pytest.raises(TypeError, match="appearance must be an Appearance, got a Tensor; wrap"):
        render_views(CUBE, FACES, torch.ones(12, 3), eyes(0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"FaceColors: values must have shape \[B, 12, C\]"):
        render_views(CUBE, FACES, WHITE_SQUARE, eyes(0))
    with pytest.raises(ValueError, match=r"render_views: vertices must have shape \[V, 3\]"):
        render_views(CUBE[None], FACES, WHITE, eyes(0))
    with pytest.raises(ValueError, match="image_size must be at least 1, got 0"):
        render_views(CUBE, FACES, WHITE, eyes(0), image_size=0)
    with pytest.raises(ValueError, match="supersampling must be at least 1, got 0"):
        render_views(CUBE, FACES, WHITE, eyes(0), supersampling=0)
