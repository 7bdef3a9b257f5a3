"""The OBJ reader with textures: coordinates, materials, images, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from nr3d.geometry import load_mesh

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
TEXTURED = "mtllib a.mtl\n" + SQUARE + "vt 0 0\nvt 1\nvt 1 1 0\nusemtl a\n"
WriteFile = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write(text: str, name: str = "mesh.obj") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def red_image(tmp_path: Path) -> Path:
    Image.new("RGB", (3, 2), (255, 51, 0)).save(tmp_path / "red one.png")
    return tmp_path / "red one.png"


def test_textures_are_read(write: WriteFile, red_image: Path) -> None:
    options = "-clamp on -o 0.5 -s 2 3 1 -bm 1"
    write(f"newmtl a\nKd 0 0 1\nmap_Kd {options} red one.png\nnewmtl b\nKd 0 1 0\n", "a.mtl")
    faces = "f 1/1 2/2 3/-1\nf 1/3 2 3//1\nusemtl b\nf 1/1 2/2 3/3 4/1\nusemtl c\nf 1 2 3\n"
    mesh = load_mesh(write(TEXTURED + faces), textures=True)
    first, second = mesh.materials
    assert (first.name, first.diffuse, first.clamp) == ("a", (0.0, 0.0, 1.0), True)
    assert first.texture is not None and first.texture.shape == (3, 2, 3)
    torch.testing.assert_close(first.texture[:, 0, 0], torch.tensor([1.0, 0.2, 0.0]))
    assert (second.name, second.texture, second.clamp) == ("b", None, False)
    assert mesh.face_material is not None and mesh.uvs is not None
    assert mesh.face_material.tolist() == [0, 0, 1, 1, -1]
    assert mesh.uvs.tolist() == [
        [[0.5, 0], [2.5, 0], [2.5, 3]],
        [[2.5, 3], [0.5, 0], [0.5, 0]],  # without texture coordinates: (0, 0), then moved
        [[0, 0], [1, 0], [1, 1]],
        [[0, 0], [1, 1], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
    ]
    assert mesh.face_colors is not None
    red, green, grey = [1.0, 0.2, 0.0], [0.0, 1.0, 0.0], [0.5] * 3
    torch.testing.assert_close(
        mesh.face_colors, torch.tensor([red, red, green, green, grey]), rtol=0, atol=1e-6
    )


def test_without_textures_images_need_not_be_there(write: WriteFile) -> None:
    write("newmtl a\nKd 0 0 1\nmap_Kd /etc/none.png\n", "a.mtl")
    mesh = load_mesh(write(TEXTURED + "f 1/1 2/9 3/x\n"))
    assert mesh.uvs is None and mesh.materials[0].texture is None
    assert mesh.face_colors is not None and mesh.face_colors.tolist() == [[0, 0, 1]]


def test_images_of_unused_materials_need_not_be_there(write: WriteFile) -> None:
    write("newmtl a\nKd 0 0 1\nnewmtl b\nmap_Kd none.png\n", "a.mtl")
    mesh = load_mesh(write(TEXTURED + "f 1 2 3\n"), textures=True)
    assert len(mesh.materials) == 1 and mesh.uvs is not None


@pytest.mark.parametrize(
    ("texture", "face", "message"),
    [
        ("vt 0 0", "1/1 2/2 3/1", "line 6: f must point at texture coordinates 1 to 1, got '1/1"),
        ("vt 0 0", "1/0 2/1 3/1", "line 6: f must point at texture coordinates 1 to 1, got '1/0"),
        ("vt 0 0", "1/-2 2/1 3/1", "line 6: f must point at texture coordinates 1 to 1"),
        ("vt 0 0", "1/a 2/1 3/1", "line 6: f must hold whole numbers as texture indices, got '1/a"),
        ("vt 0 0", "1 2 3 /1", "line 6: f must hold whole numbers as texture indices"),
        ("vt 0 nan", "1/1 2/1 3/1", "line 5: vt must hold finite float32 numbers, got '0 nan'"),
        ("vt", "1/1 2/1 3/1", "line 5: vt must be followed by two numbers, got ''"),
    ],
)
def test_damaged_texture_coordinates_are_refused(
    write: WriteFile, texture: str, face: str, message: str
) -> None:
    path = write(f"{SQUARE}{texture}\nf {face}\n")
    with pytest.raises(ValueError, match=f"^load_mesh: .*mesh.obj, {message}"):
        load_mesh(path, textures=True)
    load_mesh(path)


def test_missing_material_file_is_an_error_with_textures(write: WriteFile) -> None:
    path = write("mtllib none.mtl\n" + SQUARE + "usemtl a\nf 1 2 3\n")
    with pytest.raises(FileNotFoundError, match="material file .*none.mtl of .*mesh.obj not found"):
        load_mesh(path, textures=True)


def test_missing_image_is_named_with_who_names_it(write: WriteFile) -> None:
    write("newmtl a\nmap_Kd none.png\n", "a.mtl")
    message = "^load_mesh: texture image .*none.png named by .*a.mtl, line 2 not found"
    with pytest.raises(FileNotFoundError, match=message):
        load_mesh(write(TEXTURED + "f 1/1 2/2 3/3\n"), textures=True)


@pytest.mark.parametrize(
    "name", ["../a.mtl", "/etc/a.mtl", "b/../../a.mtl", "C:\\a.mtl", "..\\a.mtl"]
)
def test_material_files_elsewhere_are_not_read(write: WriteFile, tmp_path: Path, name: str) -> None:
    write("newmtl a\nKd 1 0 0\n", "a.mtl")
    (tmp_path / "inner").mkdir()
    path = write(f"mtllib {name}\n{SQUARE}usemtl a\nf 1 2 3\n", "inner/mesh.obj")
    message = "load_mesh: material file named by .*mesh.obj must lie inside .*inner, got "
    with pytest.raises(ValueError, match=message):
        load_mesh(path, textures=True)
    with pytest.warns(UserWarning, match=message):
        assert load_mesh(path).face_colors is None
