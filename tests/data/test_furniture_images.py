"""Images in Sweet Home 3D archives: drawn, or named where they are missing or damaged."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe
from tests.data.test_textured_recipes import (
    BLUE,
    GREEN,
    PLATE_MTL,
    PLATE_OBJ,
    RED,
    YELLOW,
    hues,
)

furniture = load_recipe("furniture")

PLATE_CATALOGUE = """license=CC0
name#1=Table
model#1=/scopia/plate/plate.obj
icon#1=/scopia/plate/plate.png
"""


def png(*, bottom: tuple[int, ...], top: tuple[int, ...]) -> bytes:
    pixels = np.empty((16, 16, 3), np.uint8)
    pixels[:8], pixels[8:] = top, bottom
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_plate(path: Path, *, material: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an archive as the Debian package has them: images lie beside OBJ and MTL."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(furniture.CATALOGUE, PLATE_CATALOGUE)
        archive.writestr("scopia/plate/", b"")
        archive.writestr("scopia/plate/plate.obj", PLATE_OBJ)
        archive.writestr("scopia/plate/plate.mtl", material)
        archive.writestr("scopia/plate/left.png", png(bottom=RED, top=YELLOW))
        archive.writestr("scopia/plate/right.png", png(bottom=BLUE, top=GREEN))
        archive.writestr("scopia/other/left.png", b"another model's")
    return path


FLAT_MTL = PLATE_MTL.replace("images/", "")


def run(source: Path, output: Path) -> Path:
    return build("furniture", ["-i", str(source), "-o", str(output), "--workers", "0"])


def test_images_of_the_archive_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_plate(tmp_path / "a.sh3f", material=FLAT_MTL)
    with h5py.File(run(source, tmp_path / "f.h5")) as file:
        images = file["images"][0]
    assert hues(images[0]) == [["yellow", "green"], ["red", "blue"]]
    assert hues(images[12]) == [["green", "yellow"], ["blue", "red"]]
    assert "1 objects, 0 skipped, 0 warned about" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "gone.png",
            "texture image a.sh3f:scopia/plate/gone.png named by a.sh3f:scopia/plate/plate.mtl, "
            "line 6 not found; drawn without images",
        ),
        (
            "C:/wood/right.png",
            "image named by a.sh3f:scopia/plate/plate.mtl, line 6 must lie inside "
            "a.sh3f:scopia/plate, got 'C:/wood/right.png'; copy it beside the mesh and name it "
            "without folders; drawn without images",
        ),
        ("../other/left.png", "must lie inside a.sh3f:scopia/plate, got '../other/left.png'"),
    ],
)
def test_images_that_are_not_in_the_archive_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    material = FLAT_MTL.replace("right.png", name)
    source = write_plate(tmp_path / "a.sh3f", material=material)
    with h5py.File(run(source, tmp_path / "f.h5")) as file:
        image = file["images"][0, 0]
    assert image.any() and (image[0] == image[1]).all() and (image[0] == image[2]).all()
    printed = capsys.readouterr().err
    assert "warned about a/plate: load_mesh: " in printed and message in printed


def test_a_damaged_image_costs_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_plate(tmp_path / "a.sh3f", material=FLAT_MTL, method=zipfile.ZIP_STORED)
    content = source.read_bytes()
    image = png(bottom=BLUE, top=GREEN)
    source.write_bytes(content.replace(image, image[:-8] + bytes(8), 1))
    assert read_index(run(source, tmp_path / "f.h5")).ids == ("a/plate",)
    printed = capsys.readouterr().err
    assert f"warned about a/plate: furniture archive {source} must be whole, got a" in printed
    assert "damaged scopia/plate/right.png (Bad CRC-32" in printed
    assert "; load_mesh: texture image a.sh3f:scopia/plate/right.png named by" in printed
