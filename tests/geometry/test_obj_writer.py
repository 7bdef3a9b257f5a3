"""The OBJ writer: what its files hold, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nr3d.geometry import icosphere, load_mesh, save_obj
from nr3d.geometry.texture_cubes import atlas_from_cubes, cubes_from_texture

TRIANGLE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1 / 3]])
FACE = torch.tensor([[0, 1, 2]])


def test_saved_mesh_comes_back_exactly(tmp_path: Path) -> None:
    vertices, faces = torch.randn(20, 3), torch.randint(0, 20, (30, 3), dtype=torch.int32)
    save_obj(tmp_path / "mesh.obj", vertices.requires_grad_(), faces)
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.obj"]
    mesh = load_mesh(tmp_path / "mesh.obj")
    assert torch.equal(mesh.vertices, vertices.detach()) and torch.equal(mesh.faces, faces.long())


@pytest.mark.parametrize(
    ("vertices", "faces", "kind", "message"),
    [
        (torch.zeros(1, 4, 3), torch.zeros(1, 3).long(), ValueError, r"shape \[V, 3\]"),
        (torch.zeros(4, 3), torch.zeros(0, 3).long(), ValueError, "faces must hold at least one f"),
        (torch.zeros(4, 3), torch.zeros(1, 3), TypeError, "faces must be int32 or int64"),
        (torch.full((4, 3), math.nan), torch.zeros(1, 3).long(), ValueError, "must be finite"),
        (torch.zeros(4, 3), torch.tensor([[0, 1, 4]]), ValueError, r"\[0, 4\), got 4"),
        (torch.zeros(4, 3), torch.tensor([[0, 1, -1]]), ValueError, r"\[0, 4\), got -1"),
    ],
)
def test_unfit_meshes_are_not_saved(
    tmp_path: Path,
    vertices: torch.Tensor,
    faces: torch.Tensor,
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=f"save_obj: .*{message}"):
        save_obj(tmp_path / "mesh.obj", vertices, faces)
    assert not (tmp_path / "mesh.obj").exists()


def test_textured_file_is_written_as_kato_does(tmp_path: Path) -> None:
    save_obj(tmp_path / "a b.obj", TRIANGLE, FACE, cubes=torch.rand(1, 2, 2, 2, 3), decimals=8)
    assert (tmp_path / "a b.obj").read_text() == (
        "# a b.obj\n#\n\nmtllib a b.mtl\n\n"
        "v 0.00000000 0.00000000 0.00000000\nv 1.00000000 0.00000000 0.00000000\n"
        "v 0.00000000 1.00000000 0.33333334\n\n"
        "vt 0.00000000 0.00000000\nvt 0.00000000 1.00000000\nvt 1.00000000 1.00000000\n\n"
        "usemtl material_1\nf 1/1 2/2 3/3\n\n"
    )
    assert (tmp_path / "a b.mtl").read_text() == "newmtl material_1\nmap_Kd a b.png\n"
    with Image.open(tmp_path / "a b.png") as image:
        assert image.size == (16, 16)
    assert len(list(tmp_path.iterdir())) == 3


def test_texture_cubes_survive_a_file(tmp_path: Path) -> None:
    vertices, faces = icosphere(1)
    cubes = torch.rand(len(faces), 4, 4, 4, 3)
    save_obj(tmp_path / "mesh.obj", vertices, faces.int(), cubes=cubes)
    mesh = load_mesh(tmp_path / "mesh.obj", textures=True)
    assert torch.equal(mesh.vertices, vertices) and torch.equal(mesh.faces, faces)
    image, uvs = atlas_from_cubes(cubes)
    assert mesh.materials[0].texture is not None and mesh.uvs is not None
    torch.testing.assert_close(mesh.materials[0].texture, image, rtol=0, atol=0.5 / 255 + 1e-6)
    torch.testing.assert_close(mesh.uvs, uvs, rtol=0, atol=1e-7)  # eight digits
    steps = torch.arange(4)
    on_face = steps[:, None, None] + steps[:, None] + steps == 3
    back = cubes_from_texture(mesh, 4)[:, on_face]
    # Texels lie on whole pixels of a tile, 5 apart; 1e-4: the atlas divides by a sum of 1 + 1e-5.
    torch.testing.assert_close(back, cubes[:, on_face], rtol=0, atol=0.5 / 255 + 1e-4)


def test_image_and_vertex_colours_survive_a_file(tmp_path: Path) -> None:
    image, uvs = torch.randint(0, 256, (3, 5, 4)) / 255, torch.rand(1, 3, 2)
    save_obj(tmp_path / "a.obj", TRIANGLE, FACE, image=image.half(), uvs=uvs)
    mesh = load_mesh(tmp_path / "a.obj", textures=True)
    assert mesh.materials[0].texture is not None and mesh.uvs is not None
    torch.testing.assert_close(mesh.materials[0].texture, image, rtol=0, atol=1e-6)
    torch.testing.assert_close(mesh.uvs, uvs, rtol=0, atol=1e-7)
    save_obj(tmp_path / "b.obj", TRIANGLE, FACE, vertex_colors=TRIANGLE * 1.5)
    mesh = load_mesh(tmp_path / "b.obj")
    assert mesh.vertex_colors is not None
    torch.testing.assert_close(mesh.vertex_colors, (TRIANGLE * 1.5).clamp(max=1))


CUBES, IMAGE, UVS = torch.rand(1, 2, 2, 2, 3), torch.rand(3, 2, 2), torch.rand(1, 3, 2)


@pytest.mark.parametrize(
    ("colors", "kind", "message"),
    [
        ({"uvs": UVS}, ValueError, "uvs and image must be given together, got one of them"),
        ({"image": IMAGE}, ValueError, "uvs and image must be given together, got one of them"),
        (
            {"cubes": CUBES, "vertex_colors": TRIANGLE},
            ValueError,
            "colours must be of one kind, got cubes and vertex_colors",
        ),
        ({"cubes": CUBES[:, :1]}, ValueError, r"cubes must have shape \[F, T, T, T, 3\] with"),
        ({"cubes": CUBES[:, :1, :1, :1]}, ValueError, r"T >= 2, got \[1, 1, 1, 1, 3\]"),
        ({"cubes": CUBES.expand(2, 2, 2, 2, 3)}, ValueError, r"cubes must have shape \[1, T"),
        ({"cubes": CUBES.long()}, TypeError, "cubes must be float32 or"),
        ({"cubes": CUBES / 0}, ValueError, "cubes must be finite, got NaN or infinity"),
        ({"image": IMAGE, "uvs": UVS[0]}, ValueError, r"uvs must have shape \[1, 3, 2\]"),
        ({"image": IMAGE[:2], "uvs": UVS}, ValueError, r"image must have shape \[3, h, w\]"),
        ({"image": IMAGE, "uvs": UVS * math.nan}, ValueError, "uvs must be finite"),
        ({"vertex_colors": TRIANGLE[:2]}, ValueError, r"vertex_colors must have shape \[3, 3\]"),
        ({"decimals": -1}, ValueError, "decimals must be at least 0, got -1"),
    ],
)
def test_unfit_colours_are_not_saved(
    tmp_path: Path, colors: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"^save_obj: .*{message}"):
        save_obj(tmp_path / "mesh.obj", TRIANGLE, FACE, **colors)
    assert list(tmp_path.iterdir()) == []


def test_a_textured_mesh_needs_names_for_three_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path of a textured mesh must end in .obj, got .*a.png"):
        save_obj(tmp_path / "a.png", TRIANGLE, FACE, cubes=CUBES)


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.obj"
    save_obj(path, TRIANGLE, FACE)
    before = path.read_bytes()

    def fail(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        save_obj(path, TRIANGLE + 1, FACE, cubes=CUBES)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
