"""Images and colours of vertices in the recipes of mesh files: what is drawn, what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from nr3d.data.format import read_index
from nr3d.data.recipes import build
from nr3d.geometry import save_mesh

RED, GREEN, BLUE, YELLOW = (230, 0, 0), (0, 230, 0), (0, 0, 230), (230, 230, 0)

# A plate across x in [-1, 1]: the right half first, and vertices that no face uses.
PLATE_OBJ = """mtllib plate.mtl
v 50 50 50
v -1 0 0
v 0 0 0
v 1 0 0
v 99 0 0
v -1 2 0
v 0 2 0
v 1 2 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl right
f 3/1 4/2 8/3 7/4
usemtl left
f 2/1 3/2 7/3 6/4
"""
PLATE_MTL = """newmtl left
Kd 0.5 0.5 0.5
map_Kd left.png
newmtl right
Kd 0.2 0.2 0.2
map_Kd -clamp on images/right.png
"""


def write_image(path: Path, *, bottom: tuple[int, ...], top: tuple[int, ...]) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.empty((16, 16, 3), np.uint8)
    pixels[:8], pixels[8:] = top, bottom
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One category with one mesh; its two halves have different images."""
    root = tmp_path / "meshes"
    (root / "plate").mkdir(parents=True)
    (root / "plate/plate.obj").write_text(PLATE_OBJ)
    (root / "plate/plate.mtl").write_text(PLATE_MTL)
    write_image(root / "plate/left.png", bottom=RED, top=YELLOW)
    write_image(root / "plate/images/right.png", bottom=BLUE, top=GREEN)
    return root


def build_images(folder: Path, output: Path, *more: str) -> NDArray[np.uint8]:
    command = ["-i", str(folder), "-o", str(output), "--workers", "0", *more]
    with h5py.File(build("meshes", command)) as file:
        images: NDArray[np.uint8] = file["images"][0]
    return images


def hues(image: NDArray[np.uint8]) -> list[list[str]]:
    """Name the colours in the middles of the four quarters of the object: rows from the top."""
    rows, columns = (np.flatnonzero(image[3].any(axis=axis)) for axis in (1, 0))
    at = [
        [int(each[0] + share * np.ptp(each)) for share in (0.25, 0.75)] for each in (rows, columns)
    ]
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 0): "yellow"}
    found = [
        [tuple((image[:3, row, column] > 40).astype(int)) for column in at[1]] for row in at[0]
    ]
    return [[names.get(hue, str(hue)) for hue in row] for row in found]


def test_each_half_shows_its_own_image(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = build_images(folder, tmp_path / "m.h5")
    assert "1 objects, 0 skipped, 0 warned about" in capsys.readouterr().out
    assert hues(images[0]) == [["yellow", "green"], ["red", "blue"]]
    assert hues(images[12]) == [["green", "yellow"], ["blue", "red"]]  # from behind
    assert read_index(tmp_path / "m.h5").header.card["warned about"] == "0"


def test_a_turned_mesh_keeps_its_images(folder: Path, tmp_path: Path) -> None:
    path = folder / "plate/plate.obj"
    lines = [line.split() for line in path.read_text().splitlines()]
    lying = [["v", x[1], "0", x[2]] if x[0] == "v" else x for x in lines]  # y becomes z
    path.write_text("\n".join(" ".join(line) for line in lying))
    images = build_images(folder, tmp_path / "m.h5", "--up", "z")
    assert hues(images[0]) == [["yellow", "green"], ["red", "blue"]]


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_vertices_keep_their_colours(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "meshes/a").mkdir(parents=True)
    vertices = torch.tensor([[9.0, 9, 9], [-1, 0, 0], [7, 7, 7], [1, 0, 0], [1, 2, 0], [-1, 2, 0]])
    faces = torch.tensor([[4, 5, 1], [3, 4, 1]])
    colors = torch.zeros(6, 3)
    colors[[1, 5], 0] = colors[[3, 4], 2] = 1.0  # red on the left, blue on the right
    path = tmp_path / f"meshes/a/a{suffix}"
    save_mesh(path, vertices, faces, vertex_colors=colors)
    image = build_images(tmp_path / "meshes", tmp_path / "m.h5")[0].astype(int)
    row = image[:3, 32][:, np.flatnonzero(image[3, 32] == 255)]
    assert not row[1].any()
    assert (np.diff(row[0]) < 0).all() and (np.diff(row[2]) > 0).all()  # blended, not averaged
    assert row[0, 0] > 9 * row[2, 0] and row[2, -1] > 9 * row[0, -1]


def test_images_inside_a_glb_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "meshes/a").mkdir(parents=True)
    vertices = torch.tensor([[-1.0, 0, 0], [1, 0, 0], [1, 2, 0], [-1, 2, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    uvs = (vertices[faces][..., :2] + torch.tensor([1.0, 0.0])) / 2
    image = torch.zeros(3, 16, 16)
    image[0, :, :8] = image[2, :, 8:] = 1.0
    image[1, :8, :8] = 1.0
    save_mesh(tmp_path / "meshes/a/a.glb", vertices, faces, uvs=uvs, image=image)
    images = build_images(tmp_path / "meshes", tmp_path / "m.h5")
    assert hues(images[0]) == [["yellow", "blue"], ["red", "blue"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gone", "texture image {}/images/right.png named by {}/plate.mtl, line 6 not found"),
        ("damaged", "{}/images/right.png must be an image, got UnidentifiedImageError"),
        ("outside", "image named by {}/plate.mtl, line 6 must lie inside {}, got '../right.png'"),
        ("no coordinates", "{}/plate.obj must have texture coordinates for the images of its"),
        ("no material", "material file {}/plate.mtl of {}/plate.obj not found"),
    ],
)
def test_a_missing_image_is_named_and_costs_no_mesh(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    plate = folder / "plate"
    if change == "gone":
        (plate / "images/right.png").unlink()
    elif change == "damaged":
        (plate / "images/right.png").write_bytes(b"no image")
    elif change == "outside":
        (plate / "plate.mtl").write_text(PLATE_MTL.replace("images/", "../"))
    elif change == "no coordinates":
        (plate / "plate.obj").write_text(re.sub(r"vt.*\n|/[1-4]", "", PLATE_OBJ))
    else:
        (plate / "plate.mtl").unlink()
    path = tmp_path / "m.h5"
    image = build_images(folder, path)[0].astype(int)
    printed = capsys.readouterr()
    assert "1 objects, 0 skipped, 1 warned about" in printed.out
    message = message.replace("{}", str(plate))
    prefix = "" if change == "no coordinates" else "load_mesh: "
    assert f"warned about plate/plate.obj: {prefix}{message}" in printed.err
    assert printed.err.count(message) == 1 and "; drawn without images" in printed.err
    assert read_index(path).header.card["warned about"] == "1"
    rows, columns = np.nonzero(image[3] == 255)
    seen = image[:3, rows, columns]
    assert (seen == seen[0]).all()  # grey, as the materials say
    left, right = (seen[0][half] for half in (columns < 31, columns > 32))
    brighter = 1.0 if change == "no material" else 2.5  # Kd 0.5 and 0.2
    np.testing.assert_allclose(left.mean() / right.mean(), brighter, rtol=0.03)  # 8 bits of 20


def test_a_mesh_with_more_wrong_than_its_images_is_skipped(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plate/worse.obj").write_text(PLATE_OBJ.replace("f 3/1", "f 33/1"))
    (folder / "plate/left.png").unlink()
    build_images(folder, tmp_path / "m.h5")
    printed = capsys.readouterr()
    assert "1 objects, 1 skipped, 1 warned about" in printed.out
    assert f"skipped plate/worse.obj: load_mesh: {folder}/plate/worse.obj, line 1" in printed.err
    assert "warned about plate/worse.obj" not in printed.err


def test_workers_tell_what_is_missing_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plate/left.png").unlink()
    build_images(folder, tmp_path / "m.h5", "--workers", "1")
    assert "warned about plate/plate.obj: load_mesh: texture image" in capsys.readouterr().err
