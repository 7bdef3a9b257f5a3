"""PyBullet's random objects, from wheels of exactly that layout."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe
from tests.data.test_meshes_recipe import BOX_OBJ

pybullet = load_recipe("pybullet")

URDF = '<robot><visual><material name="m"><color rgba="{} 1"/></material></visual></robot>'
LYING = BOX_OBJ.replace("mtllib box.mtl\n", "o convex_0\n")  # 2 x 4 x 2, its longest side along y
TALL = "".join(
    "v {0} {2} {1}\n".format(*line.split()[1:]) if line.startswith("v ") else f"{line}\n"
    for line in LYING.splitlines()
)
NAN = "mtllib 168.mtl\nv nan nan nan\nusemtl None\nf 1 1 1\n"


@pytest.fixture
def make_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a wheel of three objects and make the recipe expect it."""

    def make(*objects: str, name: str = "pybullet-1.whl", color: str = "0 0 1") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("pybullet-1.dist-info/METADATA", "Name: pybullet\n")
            for number, obj in enumerate(objects):
                stem = f"pybullet_data/random_urdfs/{number:03d}/{number:03d}"
                wheel.writestr(f"{stem}.obj", obj)
                wheel.writestr(f"{stem}.urdf", URDF.format(color))
                wheel.writestr(f"{stem}.mtl", "newmtl None\nKd 0.8 0.8 0.8\n")
        monkeypatch.setattr(pybullet, "NUM_OBJECTS", len(objects))
        monkeypatch.setattr(pybullet, "CONTENT", pybullet.content_sum(path))
        return path

    return make


def run(wheel: Path, output: Path, *more: str) -> Path:
    return build("pybullet", ["-i", str(wheel), "-o", str(output), "--workers", "0", *more])


def test_wheel_becomes_a_dataset(
    make_wheel: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run(make_wheel(TALL, NAN, LYING), tmp_path / "p.h5")
    index = read_index(path)
    assert index.ids == ("000", "002") and index.header.categories == ("object",)
    assert index.header.licence == "zlib"
    assert index.header.card["sha256 of the meshes"] == pybullet.CONTENT
    err = capsys.readouterr().err.replace("\n", " ")
    assert (
        "skipped 001: load_mesh: pybullet-1.whl:pybullet_data/random_urdfs/001.obj, line 2" in err
    )
    with h5py.File(path) as file:
        images, voxels = file["images"][:], file["voxels"][:]
        assert images.shape == (2, 24, 4, 64, 64) and voxels.shape == (2, 32, 32, 32)
    assert images[0, :, 2].any() and not images[0, :, :2].any()  # the colour of the URDF
    assert [np.ptp(np.argwhere(grid), axis=0).argmax() for grid in voxels] == [1, 2]  # z is up
    build("pybullet", ["-o", str(path), "--verify"])


def test_copies_share_a_split(make_wheel: Callable[..., Path], tmp_path: Path) -> None:
    turned = TALL.replace("v -1", "v -2").replace("v 1", "v 2")  # 4 x 2 x 4 lies on a flat side
    aside = "".join(
        "v {1} {0} {2}\n".format(*line.split()[1:]) if line.startswith("v ") else f"{line}\n"
        for line in turned.splitlines()
    )
    index = read_index(run(make_wheel(turned, LYING, aside), tmp_path / "p.h5"))
    assert index.split[0] == index.split[2]
    assert index.header.card["families of near copies"] == "2"


def test_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="-i must be the wheel, got nothing; run pip download --no-d"
    ):
        build("pybullet", ["-o", str(tmp_path / "p.h5")])
    with pytest.raises(
        FileNotFoundError, match="wheel .*a.whl not found; run pip download --no-deps"
    ):
        run(tmp_path / "a.whl", tmp_path / "p.h5")


def test_half_a_known_wheel(
    make_wheel: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheel = make_wheel(TALL)
    whole = wheel.read_bytes()
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    sums = {wheel.name: (md5, hashlib.sha256(whole).hexdigest())}
    monkeypatch.setattr(pybullet, "WHEELS", sums)
    build("pybullet", ["-i", str(wheel), "--verify"])
    assert "the 1 expected meshes are there" in capsys.readouterr().out
    wheel.write_bytes(whole[:-30])
    size = len(whole) - 30
    with pytest.raises(
        ValueError, match=rf"must have md5 {md5}, got \w+ \({size} bytes\); it may be"
    ):
        run(wheel, tmp_path / "p.h5")
    monkeypatch.setattr(pybullet, "WHEELS", {wheel.name: (md5, "0" * 64)})
    wheel.write_bytes(whole)
    with pytest.raises(ValueError, match="must have sha256 0000"):
        pybullet.check_wheel(wheel)


def test_damaged_wheels(make_wheel: Callable[..., Path], tmp_path: Path) -> None:
    wheel = make_wheel(TALL)
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-30])
    with pytest.raises(
        ValueError, match="must be a whole zip file, got a truncated or different one"
    ):
        run(wheel, tmp_path / "p.h5")
    with zipfile.ZipFile(make_wheel(TALL)) as archive:
        start = archive.getinfo("pybullet_data/random_urdfs/000/000.obj").header_offset + 90
    wheel.write_bytes(whole[:start] + b"\xff" * 20 + whole[start + 20 :])
    with pytest.raises(ValueError, match="must be whole, got a damaged pybullet_data/.*000.obj"):
        run(wheel, tmp_path / "p.h5")


def test_other_content(
    make_wheel: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(TALL, LYING)
    expected = pybullet.CONTENT
    make_wheel(TALL, TALL)
    monkeypatch.setattr(pybullet, "CONTENT", expected)
    with pytest.raises(
        ValueError, match=f"the meshes with sha256 {expected}, got .* version 3.2.7"
    ):
        run(wheel, tmp_path / "p.h5")
    monkeypatch.setattr(pybullet, "NUM_OBJECTS", 3)
    with pytest.raises(
        ValueError, match="must hold pybullet_data/random_urdfs/002/002.obj, got no"
    ):
        run(wheel, tmp_path / "p.h5")


@pytest.mark.parametrize("text", ["", '<color rgba="red"/>', '<color rgba="0 0 2 1"/>'])
def test_bad_colours(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"000.urdf must have a colour of four numbers in \[0, 1\]"
    ):
        pybullet.color_of(text, "000.urdf")


def test_known_sums_are_written_in_full() -> None:
    assert len(pybullet.CONTENT) == 64
    for md5, sha256 in pybullet.WHEELS.values():
        assert len(md5) == 32 and len(sha256) == 64
