"""Any folder of meshes: formats, colours, orientation, and what cannot be used."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import trimesh

from nr3d.data.format import read_index
from nr3d.data.recipes import build

BOX_OBJ = """mtllib box.mtl
v -1 0 -1
v 1 0 -1
v 1 4 -1
v -1 4 -1
v -1 0 1
v 1 0 1
v 1 4 1
v -1 4 1
usemtl red
f 1 4 3 2
f 5 6 7 8
f 1 2 6 5
f 4 8 7 3
f 1 5 8 4
f 2 3 7 6
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two categories: two boxes and a ball; a broken file and a text beside them."""
    root = tmp_path / "meshes"
    for name in ("ball", "box/deep", "empty"):
        (root / name).mkdir(parents=True)
    (root / "box/deep/red.obj").write_text(BOX_OBJ)
    (root / "box/deep/box.mtl").write_text("newmtl red\nKd 1 0 0\n")
    (root / "box/broken.obj").write_text("v 0 0 0\nf 1 2 3\n")
    (root / "box/flat.obj").write_text("v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n")
    (root / "box/noise.glb").write_bytes(b"glTF but no more")
    (root / "box/notes.txt").write_text("no mesh")
    trimesh.creation.box((4, 1, 1)).export(root / "box/long.stl")
    trimesh.creation.icosphere(subdivisions=2).export(root / "ball/ball.ply")
    return root


def arguments(folder: Path, output: Path, *more: str) -> list[str]:
    return ["-i", str(folder), "-o", str(output), "--workers", "0", *more]


def test_folder_becomes_a_dataset(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build("meshes", arguments(folder, tmp_path / "m.h5", "--licence", "CC0"))
    printed = capsys.readouterr()
    for name in ("box/broken.obj", "box/flat.obj", "box/noise.glb"):
        assert f"skipped {name}: " in printed.err
    assert "3 objects, 3 skipped" in printed.out
    index = read_index(path)
    assert index.header.categories == ("ball", "box") and index.header.licence == "CC0"
    assert index.ids == ("ball/ball.ply", "box/deep/red.obj", "box/long.stl")
    with h5py.File(path) as file:
        images, voxels = file["images"][:], file["voxels"][:]
    red = images[1]
    assert red[:, 0].any() and not red[:, 1:3].any()
    grey = images[0, :, :, 32, 32]
    assert (grey[:, 0] == grey[:, 1]).all() and grey[:, 3].min() == 255
    extent = [np.ptp(np.argwhere(grid), axis=0) for grid in voxels]
    assert extent[1].argmax() == 1 and extent[2].argmax() == 0
    build("meshes", ["-o", str(path), "--verify"])
    assert "3 objects are sound" in capsys.readouterr().out


def test_up_z_stands_the_object_up(folder: Path, tmp_path: Path) -> None:
    path = build("meshes", arguments(folder, tmp_path / "m.h5", "--up", "z"))
    with h5py.File(path) as file:
        extent = np.ptp(np.argwhere(file["voxels"][1]), axis=0)
    assert extent.argmax() == 2


def test_workers_make_the_same_file(folder: Path, tmp_path: Path) -> None:
    alone = build("meshes", arguments(folder, tmp_path / "a.h5"))
    helped = build("meshes", [*arguments(folder, tmp_path / "b.h5"), "--workers", "1"])
    with h5py.File(alone) as first, h5py.File(helped) as second:
        for name in first:
            np.testing.assert_array_equal(first[name][:], second[name][:])


def test_limit(folder: Path, tmp_path: Path) -> None:
    path = build("meshes", arguments(folder, tmp_path / "m.h5", "--limit", "1"))
    assert read_index(path).ids == ("ball/ball.ply",)


def test_unusable_folders(tmp_path: Path) -> None:
    output = tmp_path / "m.h5"
    with pytest.raises(FileNotFoundError, match="mesh folder .*nowhere not found; pass -i FOLDER"):
        build("meshes", arguments(tmp_path / "nowhere", output))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must have sub-folders .* got none; put each mesh into"):
        build("meshes", arguments(tmp_path / "empty", output))
    with pytest.raises(ValueError, match="-i must be the folder of meshes, got nothing"):
        build("meshes", ["-o", str(output)])
