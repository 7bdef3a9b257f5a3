"""What a file knows of its colours becomes what gives a mesh its colours."""

from __future__ import annotations

from dataclasses import replace

import torch

from nr3d.geometry.mesh import LoadedMesh, Material
from nr3d.renderer import FaceColors, Materials, VertexColors, appearance_of

VERTICES = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 1]])
BARE = LoadedMesh(VERTICES, FACES)
COLORED = replace(BARE, face_colors=torch.rand(3, 3), vertex_colors=torch.rand(4, 3))
IMAGE = torch.rand(3, 2, 2)
MATERIALS = (
    Material("red", (1.0, 0.0, 0.0)),
    Material("wood", (0.5, 0.5, 0.5), IMAGE, clamp=True),
    Material("stone", (0.5, 0.5, 0.5), IMAGE / 2, mirror=True),
)
TEXTURED = replace(
    COLORED, uvs=torch.rand(3, 3, 2), materials=MATERIALS, face_material=torch.tensor([2, 0, 1])
)


def test_a_file_without_colours_is_grey() -> None:
    appearance = appearance_of(BARE)
    assert isinstance(appearance, FaceColors)
    assert torch.equal(appearance.values, torch.full((1, 3, 3), 0.7))


def test_images_belong_to_the_faces_of_their_material() -> None:
    appearance = appearance_of(TEXTURED)
    assert isinstance(appearance, Materials)
    assert appearance.face_image.tolist() == [1, -1, 0]
    assert appearance.wraps == ["clamp", "mirror"]
    assert appearance.images[0] is IMAGE and torch.equal(appearance.images[1], IMAGE / 2)
    assert appearance.uvs is TEXTURED.uvs
    assert torch.equal(appearance.face_colors[0], COLORED.face_colors)


def test_images_without_coordinates_cannot_be_laid_on() -> None:
    appearance = appearance_of(replace(TEXTURED, uvs=None, vertex_colors=None))
    assert isinstance(appearance, FaceColors)
    assert torch.equal(appearance.values[0], COLORED.face_colors)


def test_vertices_come_before_faces() -> None:
    appearance = appearance_of(COLORED)
    assert isinstance(appearance, VertexColors)
    assert torch.equal(appearance.values[0], COLORED.vertex_colors)


def test_materials_of_some_parts_are_not_lost_to_the_colours_of_vertices() -> None:
    red = replace(COLORED, materials=MATERIALS[:1])
    some = appearance_of(replace(red, face_material=torch.tensor([0, -1, 0])))
    assert isinstance(some, FaceColors) and torch.equal(some.values[0], COLORED.face_colors)
    for which in (0, -1):
        whole = appearance_of(replace(red, face_material=torch.full((3,), which)))
        assert isinstance(whole, VertexColors)
