"""GLB, PLY and OBJ files with colours: read by trimesh and by ourselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from nr3d.geometry import icosphere, load_mesh
from nr3d.geometry.mesh_writer import save_mesh
from nr3d.geometry.texture_cubes import atlas_from_cubes

BYTE = 1 / 255


def read_with_trimesh(path: Path) -> Any:
    return trimesh.load(path, force="mesh", process=False)


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".obj", ".GLB"])
def test_vertex_colours_survive(tmp_path: Path, suffix: str) -> None:
    vertices, faces = icosphere(2)
    colors, path = torch.rand(len(vertices), 3), tmp_path / f"mesh{suffix}"
    save_mesh(path, vertices.double(), faces.int(), vertex_colors=colors)
    mesh, other = load_mesh(path), read_with_trimesh(path)
    assert torch.equal(mesh.vertices, vertices) and torch.equal(mesh.faces, faces)
    assert mesh.vertex_colors is not None and mesh.face_colors is not None
    torch.testing.assert_close(mesh.vertex_colors, colors, rtol=0, atol=BYTE)
    torch.testing.assert_close(mesh.face_colors, colors[faces].mean(dim=1), rtol=0, atol=BYTE)
    assert np.array_equal(other.faces, faces.numpy())
    seen = np.asarray(other.visual.vertex_colors)[:, :3] / 255
    np.testing.assert_allclose(seen, colors.numpy(), rtol=0, atol=BYTE)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def read_scene(path: Path) -> Any:
    """Give the JSON of a GLB file: its first chunk."""
    content = path.read_bytes()
    return json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])


def test_eight_bits_of_vertex_colours_come_back_exactly_from_glb(tmp_path: Path) -> None:
    vertices, faces = icosphere(2)
    pixels = torch.arange(3 * len(vertices)).view(-1, 3) % 256
    save_mesh(tmp_path / "mesh.glb", vertices, faces, vertex_colors=pixels / 255)
    found = load_mesh(tmp_path / "mesh.glb").vertex_colors
    assert found is not None and torch.equal((found * 255).round().long(), pixels)
    seen = np.asarray(trimesh.load(tmp_path / "mesh.glb", force="mesh").visual.vertex_colors)
    assert np.array_equal(seen[:, :3], pixels.numpy()) and (seen[:, 3] == 255).all()


def test_materials_of_glb_are_matte_and_seen_from_both_sides(tmp_path: Path) -> None:
    vertices, faces = icosphere(0)
    save_mesh(tmp_path / "b.glb", vertices, faces, cubes=torch.rand(20, 2, 2, 2, 3))
    scene = read_scene(tmp_path / "b.glb")
    primitive = scene["meshes"][0]["primitives"][0]
    material = scene["materials"][primitive["material"]]
    look = material["pbrMetallicRoughness"] | material
    assert material["doubleSided"] is True
    assert (look["metallicFactor"], look["roughnessFactor"]) == (0.0, 1.0)
    assert "baseColorTexture" in look
    assert "COLOR_0" not in primitive["attributes"]


def test_vertex_colours_of_glb_are_bytes(tmp_path: Path) -> None:
    vertices, faces = icosphere(0)
    save_mesh(tmp_path / "a.glb", vertices, faces, vertex_colors=vertices.abs())
    scene = read_scene(tmp_path / "a.glb")
    accessor = scene["accessors"][scene["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    assert (accessor["componentType"], accessor["type"]) == (5121, "VEC4")  # bytes, RGBA
    assert accessor["normalized"] is True and accessor["count"] == len(vertices)


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_texture_survives(tmp_path: Path, suffix: str) -> None:
    vertices, faces = icosphere(1)
    cubes, path = torch.rand(len(faces), 3, 3, 3, 3), tmp_path / f"mesh{suffix}"
    save_mesh(path, vertices, faces, cubes=cubes)
    image, uvs = atlas_from_cubes(cubes)
    if suffix == ".glb":  # pixel i at (i + 0.5) / size, as viewers have it
        uvs = (uvs * (image.shape[1] - 1) + 0.5) / image.shape[1]
    mesh, other = load_mesh(path, textures=True), read_with_trimesh(path)
    assert torch.equal(mesh.vertices[mesh.faces], vertices[faces])
    assert mesh.materials[0].texture is not None and mesh.uvs is not None
    torch.testing.assert_close(mesh.materials[0].texture, image, rtol=0, atol=BYTE)
    torch.testing.assert_close(mesh.uvs, uvs, rtol=0, atol=1e-6)
    seen = other.visual.material
    seen = getattr(seen, "baseColorTexture", None) or seen.image
    pixels = np.asarray(seen.convert("RGB")).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(pixels, image.numpy(), rtol=0, atol=BYTE)
    np.testing.assert_allclose(other.visual.uv[other.faces], uvs.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".obj"])
def test_faces_have_the_average_of_their_texture(tmp_path: Path, suffix: str) -> None:
    vertices, faces = icosphere(1)
    colors = torch.rand(len(faces), 3)
    cubes = colors.view(-1, 1, 1, 1, 3).expand(-1, 4, 4, 4, 3)
    save_mesh(tmp_path / f"mesh{suffix}", vertices, faces, cubes=cubes)
    mesh = load_mesh(tmp_path / f"mesh{suffix}", textures=True)
    assert mesh.face_colors is not None
    torch.testing.assert_close(mesh.face_colors, colors, rtol=0, atol=BYTE)


def test_ply_has_the_texture_at_its_corners(tmp_path: Path) -> None:
    vertices, faces = icosphere(1)
    cubes = torch.rand(len(faces), 4, 4, 4, 3)
    save_mesh(tmp_path / "mesh.ply", vertices, faces, cubes=cubes)
    mesh = load_mesh(tmp_path / "mesh.ply")
    assert torch.equal(mesh.vertices[mesh.faces], vertices[faces])
    assert mesh.vertex_colors is not None
    corners = cubes[:, [3, 0, 0], [0, 3, 0], [0, 0, 3]]
    torch.testing.assert_close(mesh.vertex_colors[mesh.faces], corners, rtol=0, atol=BYTE)


def test_ply_takes_colours_where_viewers_have_them(tmp_path: Path) -> None:
    vertices, faces = torch.rand(3, 3), torch.tensor([[0, 1, 2]])
    image = torch.rand(3, 2, 4)
    uvs = torch.tensor([[[0.125, 0.25], [1.625, 0.75], [0.5, 0.0]]])  # pixel centres, and between
    save_mesh(tmp_path / "mesh.ply", vertices, faces, image=image, uvs=uvs)
    expected = [image[:, 1, 0], image[:, 0, 2], (image[:, 1, 1] + image[:, 1, 2]) / 2]
    found = load_mesh(tmp_path / "mesh.ply").vertex_colors
    assert found is not None
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=BYTE)


def test_a_mesh_without_colours_has_none(tmp_path: Path) -> None:
    vertices, faces = icosphere(0)
    for suffix in (".glb", ".ply", ".obj"):
        save_mesh(tmp_path / f"mesh{suffix}", vertices, faces)
        mesh = load_mesh(tmp_path / f"mesh{suffix}", textures=True)
        assert mesh.face_colors is None and mesh.vertex_colors is None and mesh.uvs is None
        assert torch.equal(mesh.vertices, vertices) and torch.equal(mesh.faces, faces)


def test_unfit_meshes_are_not_saved(tmp_path: Path) -> None:
    vertices, faces = icosphere(0)
    with pytest.raises(
        ValueError, match="^save_mesh: path must end in .obj, .glb, .ply, got .*stl"
    ):
        save_mesh(tmp_path / "mesh.stl", vertices, faces)
    with pytest.raises(ValueError, match=r"^save_mesh: faces must hold at least one face"):
        save_mesh(tmp_path / "mesh.glb", vertices, faces[:0])
    with pytest.raises(ValueError, match="^save_mesh: colours must be of one kind"):
        cubes = torch.rand(20, 2, 2, 2, 3)
        save_mesh(tmp_path / "mesh.glb", vertices, faces, cubes=cubes, vertex_colors=vertices)
    with pytest.raises(ValueError, match="^save_mesh: vertices must be finite"):
        save_mesh(tmp_path / "mesh.obj", vertices / 0, faces)
    assert list(tmp_path.iterdir()) == []
