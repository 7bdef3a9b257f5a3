"""Texture cubes: the recorded import and export, and what is mended in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry.mesh import LoadedMesh, Material
from nr3d.geometry.texture_cubes import atlas_from_cubes, average_colors, cubes_from_texture

Truth = Callable[[str], dict[str, np.ndarray]]
NAMES = {"REPEAT": "repeat", "MIRRORED_REPEAT": "mirror", "CLAMP_TO_EDGE": "clamp"}


def textured(uvs: Tensor, image: Tensor, **fields: Any) -> LoadedMesh:
    """Make a mesh whose faces all have one image."""
    count = len(uvs)
    faces = torch.arange(3 * count).view(count, 3)
    fields = {"face_material": torch.zeros(count, dtype=torch.int64)} | fields
    clamp = fields.pop("clamp", False)
    materials = (Material("a", (0.0, 0.0, 1.0), image, clamp=clamp),)
    return LoadedMesh(torch.rand(3 * count, 3), faces, uvs=uvs, materials=materials, **fields)


@pytest.mark.parametrize("wrap", list(NAMES))
@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize(("bilinear", "size"), [(1, 2), (1, 4), (0, 3)])
def test_import_equals_the_recorded_cubes(
    truth: Truth, wrap: str, where: str, bilinear: int, size: int
) -> None:
    recorded = truth("aux_load_textures")
    image = (
        torch.from_numpy(recorded["image"]).flip(0).permute(2, 0, 1)
    )  # recorded bottom row first
    face_material = torch.from_numpy(recorded["is_update"]).long() - 1  # -1: not of this image
    mesh = textured(torch.from_numpy(recorded[f"uv_{where}"]), image, face_material=face_material)
    cubes = cubes_from_texture(mesh, size, wrap=NAMES[wrap], bilinear=bool(bilinear))
    expected = recorded[f"tex_{wrap}_bilinear{bilinear}_{where}_ts{size}"]
    assert cubes.dtype == torch.float32
    np.testing.assert_allclose(cubes.numpy(), expected, rtol=0, atol=2e-6)  # uv times pixels


@pytest.mark.parametrize("bilinear", [True, False])
def test_border_is_black_outside_and_the_image_inside(truth: Truth, bilinear: bool) -> None:
    recorded = truth("aux_load_textures")
    image = torch.from_numpy(recorded["image"]).flip(0).permute(2, 0, 1)
    inside = textured(torch.from_numpy(recorded["uv_inside"]), image)
    options = {"bilinear": bilinear}
    expected = cubes_from_texture(inside, 4, wrap="clamp", **options)
    assert torch.equal(cubes_from_texture(inside, 4, wrap="border", **options), expected)
    uvs = torch.tensor([[[0.5, 0.5], [2.5, 0.5], [0.5, -1.5]]])
    cubes = cubes_from_texture(textured(uvs, torch.ones(3, 5, 5)), 3, wrap="border", **options)
    assert cubes[0, 2, 0, 0].tolist() == [1, 1, 1]  # corner 0
    assert cubes[0, 0, 2, 0].tolist() == [0, 0, 0] == cubes[0, 0, 0, 2].tolist()
    assert cubes[0, 1, 1, 0].tolist() == [0, 0, 0]  # u = 1.5


@pytest.mark.parametrize("wrap", ["repeat", "mirror", "clamp", "border"])
@pytest.mark.parametrize("size", [2, 3, 4, 6, 7])
def test_zero_and_one_stay_where_they_are(wrap: str, size: int) -> None:
    image = torch.linspace(0, 1, 4).expand(3, 4, 4)  # dark on the left, bright on the right
    uvs = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]])
    before = uvs.clone()
    cubes = cubes_from_texture(textured(uvs, image), size, wrap=wrap)
    last = size - 1
    corners = [cubes[0, last, 0, 0, 0], cubes[0, 0, last, 0, 0], cubes[0, 0, 0, last, 0]]
    assert torch.stack(corners).tolist() == [0, 1, 1]
    steps = torch.arange(size)
    on_face = steps[:, None, None] + steps[:, None] + steps == last
    torch.testing.assert_close(cubes[1][on_face], torch.ones_like(cubes[1][on_face]))
    assert torch.equal(uvs, before)


@pytest.mark.parametrize("wrap", ["repeat", "mirror", "clamp", "border"])
@pytest.mark.parametrize("bilinear", [True, False])
def test_an_image_of_one_pixel_is_one_colour(wrap: str, bilinear: bool) -> None:
    image = torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1)
    uvs = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    mesh = textured(uvs, image)
    cubes = cubes_from_texture(mesh, 2, wrap=wrap, bilinear=bilinear)
    for corner in (cubes[0, 1, 0, 0], cubes[0, 0, 1, 0], cubes[0, 0, 0, 1]):
        assert torch.equal(corner, image.flatten())
    averages = average_colors(mesh)
    assert averages is not None
    torch.testing.assert_close(averages, image.view(1, 3))


def test_a_face_in_another_tile_repeats_the_whole_image() -> None:
    image, first = torch.rand(3, 6, 5), torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    for shift in (1.0, -1.0, 5.0):
        moved = cubes_from_texture(textured(first + shift, image))
        torch.testing.assert_close(moved, cubes_from_texture(textured(first, image)))


def test_a_clamped_material_does_not_repeat() -> None:
    uvs, image = torch.rand(5, 3, 2) * 4 - 2, torch.rand(3, 6, 5)
    clamped = cubes_from_texture(textured(uvs, image), wrap="clamp")
    assert torch.equal(cubes_from_texture(textured(uvs, image, clamp=True)), clamped)
    assert not torch.equal(cubes_from_texture(textured(uvs, image)), clamped)


def test_orientation_of_the_image() -> None:
    image = torch.zeros(3, 8, 8)
    image[0, 0, -1] = 1.0  # red: the upper right pixel
    uvs = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]])
    cubes = cubes_from_texture(textured(uvs, image), 2)
    assert cubes[0, 0, 1, 0].tolist() == [1, 0, 0]
    assert cubes[0, 1, 0, 0].tolist() == [0, 0, 0] == cubes[0, 0, 0, 1].tolist()


def test_faces_without_image_have_their_plain_colour() -> None:
    mesh = textured(torch.rand(2, 3, 2), torch.rand(3, 2, 2), face_material=torch.tensor([-1, -1]))
    assert cubes_from_texture(mesh, 2).unique().tolist() == [0.5]
    vertices, faces = torch.rand(3, 3), torch.tensor([[0, 1, 2]])
    blue = LoadedMesh(
        vertices,
        faces,
        materials=(Material("a", (0.0, 0.0, 1.0), torch.rand(3, 2, 2)),),
        face_material=torch.tensor([0]),
    )
    assert cubes_from_texture(blue, 2)[0, 1, 0, 0].tolist() == [0, 0, 1]  # an image, but no uvs
    green = LoadedMesh(vertices, faces, face_colors=torch.tensor([[0.0, 1.0, 0.0]]))
    assert cubes_from_texture(green, 2)[0, 1, 1, 1].tolist() == [0, 1, 0]
    colors = torch.rand(3, 3)
    cubes = cubes_from_texture(LoadedMesh(vertices, faces, vertex_colors=colors), 3)
    torch.testing.assert_close(cubes[0, 0, 2, 0], colors[1])
    torch.testing.assert_close(cubes[0, 1, 0, 1], (colors[0] + colors[2]) / 2)


def test_export_equals_the_recorded_atlas(truth: Truth) -> None:
    recorded = truth("aux_create_texture_image")
    image, uvs = atlas_from_cubes(torch.from_numpy(recorded["textures"]))
    np.testing.assert_allclose(uvs.numpy(), recorded["uv"], rtol=0, atol=1e-6)
    expected = recorded["image"].transpose(2, 0, 1).copy()
    expected[:, :16, 16:] = 0.0  # tiles 7 and 8 of 7 faces: recorded from beyond the texels
    np.testing.assert_allclose(image.numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("count", "shape"), [(1, (16, 16)), (2, (16, 32)), (5, (32, 48))])
def test_atlas_is_as_large_as_it_must_be(count: int, shape: tuple[int, int]) -> None:
    cubes = torch.rand(count, 3, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    image, uvs = atlas_from_cubes(cubes)
    assert image.shape == (3, *shape) and uvs.shape == (count, 3, 2)
    assert image.dtype == uvs.dtype == torch.float64
    assert bool(((image >= 0) & (image <= 1)).all())
    (gradient,) = torch.autograd.grad(image.sum(), cubes)
    assert bool((gradient[:, 2, 0, 0] > 0).all())


@pytest.mark.parametrize(
    ("cubes", "message"),
    [
        (torch.rand(2, 2, 2, 3), r"cubes must have shape \[F, T, T, T, 3\], got \[2, 2, 2, 3\]"),
        (torch.rand(0, 2, 2, 2, 3), r"with F >= 1 and T >= 2, got \[0, 2, 2, 2, 3\]"),
        (torch.rand(2, 1, 1, 1, 3), r"with F >= 1 and T >= 2, got \[2, 1, 1, 1, 3\]"),
        (torch.rand(2, 3, 2, 2, 3), r"with F >= 1 and T >= 2, got \[2, 3, 2, 2, 3\]"),
    ],
)
def test_unfit_cubes_are_refused(cubes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"^atlas_from_cubes: .*{message}"):
        atlas_from_cubes(cubes)


def test_unfit_settings_are_refused() -> None:
    mesh = textured(torch.rand(1, 3, 2), torch.rand(3, 2, 2))
    with pytest.raises(ValueError, match="^cubes_from_texture: texture_size must be at least 2"):
        cubes_from_texture(mesh, 1)
    with pytest.raises(ValueError, match="wrap must be one of repeat, .*, got 'repaet'; did you"):
        cubes_from_texture(mesh, 2, wrap="repaet")
