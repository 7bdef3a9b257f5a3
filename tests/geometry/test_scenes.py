"""Colours, textures and linked files of scenes that trimesh reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from nr3d.geometry import icosphere, load_mesh
from nr3d.geometry.mesh_writer import save_mesh


def quad(image: Image.Image, **material: Any) -> Any:
    """Make a square with an image on it."""
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
    look = trimesh.visual.material.PBRMaterial(baseColorTexture=image, **material)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=look)
    return trimesh.Trimesh(vertices, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False)


def gltf_with_image(folder: Path, uri: str) -> Path:
    """Write a glTF file whose image is a file of its own."""
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(quad(Image.new("RGB", (2, 2)))))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "model.gltf"
    scene = json.loads(path.read_text())
    scene["images"] = [{"uri": uri}]
    path.write_text(json.dumps(scene))
    return path


def test_texture_coordinates_factor_and_average(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 4, 2))  # the upper half is blue
    quad(image, baseColorFactor=[255, 255, 51, 255]).export(tmp_path / "quad.glb")
    mesh = load_mesh(tmp_path / "quad.glb", textures=True)
    assert mesh.uvs is not None and mesh.face_material is not None
    assert mesh.uvs.tolist() == [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]]
    assert mesh.face_material.tolist() == [0, 0]
    texture = mesh.materials[0].texture
    assert texture is not None and texture[:, 3, 0].tolist() == [1, 0, 0]
    torch.testing.assert_close(texture[:, 0, 3], torch.tensor([0.0, 0.0, 0.2]))
    assert mesh.face_colors is not None
    red = mesh.face_colors[:, 0]
    torch.testing.assert_close(red + mesh.face_colors[:, 2] * 5, torch.ones(2))
    torch.testing.assert_close(red[1], 1 - red[0])  # the lower and the upper triangle
    assert 0.5 < float(red[0]) < 0.8
    plain = load_mesh(tmp_path / "quad.glb")
    assert plain.uvs is None and plain.materials[0].texture is None
    assert plain.face_colors is not None


def test_parts_with_and_without_vertex_colours_are_joined(tmp_path: Path) -> None:
    first, second = trimesh.creation.box(), trimesh.creation.box()
    colors = np.random.default_rng(0).integers(0, 255, (8, 4)).astype(np.uint8)
    first.visual.vertex_colors = colors
    trimesh.Scene([first, second]).export(tmp_path / "scene.glb")
    mesh = load_mesh(tmp_path / "scene.glb", textures=True)
    assert mesh.vertex_colors is not None and mesh.vertex_colors.shape == (16, 3)
    halves = mesh.vertex_colors[:8], mesh.vertex_colors[8:]  # trimesh may change the order
    grey, colored = sorted(halves, key=lambda half: float(half.std()))
    np.testing.assert_allclose(colored.numpy(), colors[:, :3] / 255, atol=1e-6)
    assert grey.unique().tolist() == [0.5]


def test_images_beside_a_scene_are_read(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (0, 255, 0)).save(tmp_path / "my image.png")
    mesh = load_mesh(gltf_with_image(tmp_path, "my%20image.png"), textures=True)
    texture = mesh.materials[0].texture
    assert texture is not None and texture.shape == (3, 2, 3)
    assert texture[:, 0, 0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("uri", ["../a.png", "%2e%2e/a.png", "/etc/a.png"])
def test_images_elsewhere_are_refused(tmp_path: Path, uri: str) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
    (tmp_path / "inner").mkdir()
    path = gltf_with_image(tmp_path / "inner", uri)
    message = "^load_mesh: file named by .*model.gltf must lie inside .*inner, got "
    with pytest.raises(ValueError, match=message):
        load_mesh(path, textures=True)
    assert load_mesh(path).materials[0].texture is None


def test_missing_linked_files_are_named(tmp_path: Path) -> None:
    path = gltf_with_image(tmp_path, "none.png")
    with pytest.raises(FileNotFoundError, match="load_mesh: .*none.png named by .*gltf not found"):
        load_mesh(path, textures=True)
    assert len(load_mesh(path).faces) == 2
    for each in tmp_path.glob("*.bin"):
        each.unlink()
    with pytest.raises(FileNotFoundError, match="load_mesh: .*bin named by .*gltf not found"):
        load_mesh(path)


def test_damaged_images_are_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        ValueError, match="load_mesh: .*model.gltf must be a GLTF file, got .*truncated"
    ):
        load_mesh(gltf_with_image(tmp_path, "a.png"), textures=True)


def test_texture_coordinates_must_be_finite(tmp_path: Path) -> None:
    vertices, faces = icosphere(0)
    uvs, image = torch.rand(20, 3, 2), torch.rand(3, 4, 4)
    uvs[7, 1, 0] = 0.123
    save_mesh(tmp_path / "mesh.glb", vertices, faces, uvs=uvs, image=image)
    content = (tmp_path / "mesh.glb").read_bytes()
    needle = np.float32(0.123).tobytes()
    assert content.count(needle) == 1
    (tmp_path / "mesh.glb").write_bytes(content.replace(needle, np.float32(np.nan).tobytes()))
    with pytest.raises(ValueError, match="mesh.glb must hold finite texture coordinates, got NaN"):
        load_mesh(tmp_path / "mesh.glb", textures=True)
