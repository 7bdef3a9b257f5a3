"""Files that a mesh file names stay in its folder, whatever way leads out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from nr3d.geometry import load_mesh
from nr3d.geometry.linked_files import linked_file

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n"


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """Make a folder with links to an image, a material file and the folder around it."""
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "out.png")
    (tmp_path / "out.mtl").write_text("newmtl a\nKd 1 0 0\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    for name, target in {"a.png": "../out.png", "b.mtl": "../out.mtl", "up": ".."}.items():
        (inner / name).symlink_to(target)
    return inner


@pytest.mark.parametrize("image", ["a.png", "up/out.png"])
def test_images_behind_links_that_leave_are_refused(inner: Path, image: str) -> None:
    (inner / "a.mtl").write_text(f"newmtl a\nmap_Kd {image}\n")
    (inner / "mesh.obj").write_text("mtllib a.mtl\n" + SQUARE)
    message = f"^load_mesh: image named by .*a.mtl, line 2 must lie inside .*inner, got '{image}'"
    with pytest.raises(ValueError, match=message + ", a link to .*out.png; copy it beside the m"):
        load_mesh(inner / "mesh.obj", textures=True)


@pytest.mark.parametrize("name", ["b.mtl", "up/out.mtl", "../out.mtl", "{folder}/out.mtl"])
def test_material_files_outside_are_refused(inner: Path, name: str) -> None:
    name = name.format(folder=inner.parent)
    (inner / "mesh.obj").write_text(f"mtllib {name}\n" + SQUARE)
    message = f"load_mesh: material file named by .*mesh.obj must lie inside .*inner, got '{name}'"
    with pytest.raises(ValueError, match="^" + message):
        load_mesh(inner / "mesh.obj", textures=True)
    with pytest.warns(UserWarning, match=message):
        assert load_mesh(inner / "mesh.obj").face_colors is None


def test_links_that_stay_are_followed(inner: Path) -> None:
    (inner / "sub").mkdir()
    (inner / "sub" / "red.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (inner / "c.mtl").symlink_to("sub/red.mtl")
    (inner / "mesh.obj").write_text("mtllib c.mtl\n" + SQUARE)
    outside = inner.parent / "link"
    outside.symlink_to(inner)  # a folder that is reached by a link is the mesh's own all the same
    for folder in (inner, outside):
        colors = load_mesh(folder / "mesh.obj", textures=True).face_colors
        assert colors is not None and colors.tolist() == [[1, 0, 0]]


def test_links_in_a_circle_lead_nowhere(inner: Path) -> None:
    (inner / "x").symlink_to("y")
    (inner / "y").symlink_to("x")
    assert not linked_file(inner, "x", beside=inner, place="it").is_file()
