"""Sweet Home 3D archives: catalogue, categories, rotation, licences, and damage."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe
from tests.data.test_meshes_recipe import BOX_OBJ

furniture = load_recipe("furniture")

CATALOGUE = """# a comment
! another
id=Some#Library
license=Creative Commons \\
    Attribution \u00a9 Someone
name#1=Tall lamp
tags#1=Light, \\u00c9lite
model#1=/models/lamp/lamp.obj
creator#1=Ren\\u00e9
name#2=Lying lamp
tags#2=
model#2=/models/lamp/lamp.obj
modelRotation#2=1 0 0 0 0 -1 0 1 0
creator#2=Somebody
name#3=Grand piano
tags#3=Music
model#3=/models/piano/piano.obj
name#10=Oak chair
tags#10=Seat
model#10=/models/chair/chair.obj
"""


@pytest.fixture
def make_archive(tmp_path: Path) -> Callable[..., Path]:
    def make(catalogue: str | None = CATALOGUE, *, lamp: str = BOX_OBJ) -> Path:
        path = tmp_path / "Tiny.sh3f"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            if catalogue is not None:
                archive.writestr(furniture.CATALOGUE, catalogue.encode("iso-8859-1"))
            archive.writestr("models/lamp/lamp.obj", lamp)
            archive.writestr("models/lamp/box.mtl", "newmtl red\nKd 0 0 1\n")
            archive.writestr("models/chair/chair.obj", BOX_OBJ + "f 1 2\nf 3/1 4/1 \r\n")
            archive.writestr("models/chair/box.mtl", "newmtl red\nKd 1 0 0\n")
            archive.writestr("models/lamp/lamp.png", b"the catalogue's icon, not read")
        return path

    return make


def run(source: Path, output: Path, *more: str) -> Path:
    return build("furniture", ["-i", str(source), "-o", str(output), "--workers", "0", *more])


def test_archive_becomes_a_dataset(make_archive: Callable[..., Path], tmp_path: Path) -> None:
    path = run(make_archive().parent, tmp_path / "f.h5")
    index = read_index(path)
    assert index.ids == ("Tiny/lamp", "Tiny/lamp-1", "Tiny/chair")
    names = [index.header.categories[number] for number in index.category]
    assert names == ["lamp", "lamp", "seat"]
    assert index.header.licence == "Creative Commons Attribution \u00a9 Someone"
    assert index.header.card["models of no category, dropped"] == "1"
    with h5py.File(path) as file:
        assert file["creator"].asstr()[:2].tolist() == ["Ren\u00e9", "Somebody"]
        assert file["licence"].asstr()[0] == index.header.licence
        images, voxels = file["images"][:], file["voxels"][:]
    assert images[0, :, 2].any() and not images[0, :, :2].any()  # the material is blue
    extent = [np.ptp(np.argwhere(grid), axis=0).argmax() for grid in voxels[:2]]
    assert extent == [1, 2]


def test_missing_materials_are_grey(
    make_archive: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = make_archive(lamp=BOX_OBJ.replace("box.mtl", "gone.mtl"))
    with h5py.File(run(archive, tmp_path / "f.h5")) as file:
        pixel = file["images"][0, 0, :, 32, 32]
    assert pixel[3] == 255 and pixel[0] == pixel[1] == pixel[2] > 0
    assert (
        "warned about Tiny/lamp: load_mesh: material file Tiny.sh3f:models/lamp/gone.mtl of "
        "Tiny.sh3f:models/lamp/lamp.obj not found; its colours are lost; drawn without images\n"
    ) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "tags", "category"),
    [
        ("Desk lamp", [], "lamp"),
        ("Glass door cabinet", ["Cupboard"], "cabinet"),
        ("Chair with cushion", ["Seat"], "seat"),
        ("Table fan", ["Appliance"], "appliance"),
        ("Table tennis bat", ["Game"], None),
        ("Seat Leon", ["Car"], "vehicle"),
        ("Renault Scenic", ["Car"], "vehicle"),
        ("Bended coconut tree", ["Outdoor"], "plant"),
        ("Window blind", ["Venetian"], None),
        ("TV 16:9", ["Electronics"], "display"),
        ("Double door with panes", ["Adjustable"], "opening"),
        ("Plate, glass and cutlery", ["Fork"], None),
        ("Female", ["Human"], None),
        ("", [], None),
    ],
)
def test_categories(name: str, tags: list[str], category: str | None) -> None:
    assert furniture.category_of(name, tags) == category


def test_no_word_has_two_categories() -> None:
    words = " ".join([*furniture.CATEGORIES.values(), furniture.OTHER_THINGS]).split()
    assert sorted(words) == sorted(set(words))


def test_broken_models_are_named_by_archive(
    make_archive: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(make_archive(lamp="v 0 0 0\nf 1 2 3\n"), tmp_path / "f.h5")
    assert "Tiny/lamp: load_mesh: Tiny.sh3f:models/lamp/lamp.obj" in capsys.readouterr().err


def test_properties() -> None:
    text = "a = 1\n  b=x\\ty\n#c=2\nd=one \\\n   two\\\\\ne\\=f=\\u20ac\nempty=\n"
    expected = {"a": "1", "b": "x\ty", "d": "one two\\", "e=f": "€", "empty": ""}
    assert furniture.parse_properties(text) == expected


def test_missing_source(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="not found; run apt-get install sweethome3d-"):
            run(source, tmp_path / "f.h5")
    with pytest.raises(FileNotFoundError, match="furniture archive .*gone.sh3f not found"):
        furniture.read_archive(tmp_path / "gone.sh3f")


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_no_zip_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.sh3f").write_bytes(content)
    with pytest.raises(ValueError, match="a.sh3f must be a whole zip file, got a truncated or"):
        run(tmp_path, tmp_path / "f.h5")


def test_truncated_archive(make_archive: Callable[..., Path], tmp_path: Path) -> None:
    path = make_archive()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="must be a whole zip file"):
        run(path, tmp_path / "f.h5")


def test_damaged_members(
    make_archive: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_archive()
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("models/chair/chair.obj").header_offset + 60
        catalogue = archive.getinfo(furniture.CATALOGUE).header_offset + 100
    content = bytearray(path.read_bytes())
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    run(path, tmp_path / "f.h5")
    assert "got a damaged models/chair/chair.obj" in capsys.readouterr().err.replace("\n", " ")
    content[catalogue : catalogue + 20] = b"\xff" * 20
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be whole, got a damaged catalogue"):
        run(path, tmp_path / "f.h5")


@pytest.mark.parametrize(
    ("catalogue", "message"),
    [
        (None, "must hold PluginFurnitureCatalog.properties, got none; it is no Sweet Home 3D"),
        ("id=x\n", "must list at least one model, got none"),
        ("name#1=Lamp\nmodel#1=/../lamp.obj\n", "keep its models inside, got model#1 = ../lamp"),
        (
            "name#1=Lamp\nmodel#1=/lamp.obj\nmodelRotation#1=1 0 0\n",
            "modelRotation#1 must be 9 numbers, got '1 0 0'",
        ),
        (
            "name#1=Lamp\nmodel#1=/lamp.obj\nmodelRotation#1=up\n",
            "modelRotation#1 must be 9 numbers, got 'up'",
        ),
        ("name#1=Lamp\nmodel#1=/lamp.obj\n", "must hold lamp.obj, got no such member"),
    ],
)
def test_unusable_catalogues(
    make_archive: Callable[..., Path], tmp_path: Path, catalogue: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(make_archive(catalogue), tmp_path / "f.h5")
