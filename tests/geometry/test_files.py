"""Mesh files that trimesh reads for us, and normalization."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from nr3d.geometry import load_mesh, normalize


@pytest.fixture
def box() -> Any:
    return trimesh.creation.box()


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".stl", ".STL"])
def test_shape_survives_every_format(tmp_path: Path, box: Any, suffix: str) -> None:
    path = tmp_path / f"box{suffix}"
    box.export(path, file_type=suffix[1:].lower())
    mesh = load_mesh(path)
    assert mesh.vertices.dtype == torch.float32 and mesh.faces.shape == (12, 3)
    assert mesh.face_colors is None
    corners = mesh.vertices[mesh.faces].numpy()
    np.testing.assert_allclose(corners, box.vertices[box.faces], atol=1e-7)


def test_scene_transforms_are_applied_and_parts_joined(tmp_path: Path, box: Any) -> None:
    red = box.copy()
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 0, 0, 255])
    red.visual = trimesh.visual.TextureVisuals(material=material)
    scene = trimesh.Scene()
    scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([5, 0, 0]))
    scene.add_geometry(red, transform=trimesh.transformations.scale_matrix(2.0))
    scene.export(tmp_path / "scene.glb")
    mesh = load_mesh(tmp_path / "scene.glb")
    assert mesh.face_colors is not None and mesh.face_colors.shape == (24, 3)
    is_red = (mesh.face_colors == torch.tensor([1.0, 0.0, 0.0])).all(dim=1)
    assert int(is_red.sum()) == 12
    assert mesh.face_colors[~is_red].unique().tolist() == [0.5]
    assert mesh.vertices[mesh.faces[is_red]].flatten(0, 1).amax(dim=0).tolist() == [1.0, 1.0, 1.0]
    assert mesh.vertices[mesh.faces[~is_red]].flatten(0, 1).amin(dim=0)[0] == 4.5


def test_vertex_colours_are_averaged_over_each_face(tmp_path: Path, box: Any) -> None:
    colors = np.random.default_rng(0).integers(0, 255, (8, 4)).astype(np.uint8)
    box.visual.vertex_colors = colors
    box.export(tmp_path / "box.ply")
    mesh = load_mesh(tmp_path / "box.ply")
    assert mesh.face_colors is not None
    expected = colors[box.faces][..., :3].mean(axis=1) / 255.0
    np.testing.assert_allclose(mesh.face_colors.numpy(), expected, atol=1 / 255)  # whole bytes


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".ply", ".stl"])
@pytest.mark.parametrize("content", [b"", b"no mesh at all", bytes(range(256))])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^load_mesh: .*broken\{suffix} must (be|hold)"):
        load_mesh(path)


@pytest.mark.parametrize("textures", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"no JSON \(Expecting value: line 1"),
        (b"no mesh", r"no JSON \(Expecting value: line 1"),
        (b"\xff\xfe", r"no JSON \('utf-8' codec"),
        (b"[" * 100_000, r"no JSON \("),
        (b"[1]", "JSON without 'meshes'"),
        (b'{"asset": {"version": "2.0"}}', "JSON without 'meshes'"),
        (b"glTF\2\0\0\0", "a binary one; name it .glb"),
    ],
)
def test_what_is_no_gltf_is_told(
    tmp_path: Path, content: bytes, message: str, textures: bool
) -> None:
    (tmp_path / "a.gltf").write_bytes(content)
    with pytest.raises(
        ValueError, match=f"^load_mesh: .*a.gltf must be a GLTF file, got {message}"
    ):
        load_mesh(tmp_path / "a.gltf", textures=textures)


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".stl"])
def test_truncated_files_are_refused(tmp_path: Path, box: Any, suffix: str) -> None:
    path = tmp_path / f"half{suffix}"
    box.export(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"^load_mesh: .*half\{suffix} must (be|hold)"):
        load_mesh(path)


def test_infinite_coordinates_are_refused(tmp_path: Path) -> None:
    loop = "outer loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 inf 0\nendloop"
    text = f"solid a\nfacet normal 0 0 1\n{loop}\nendfacet\nendsolid a\n"
    (tmp_path / "box.stl").write_text(text)
    with pytest.raises(
        ValueError, match=r"must hold finite coordinates, got \[0.*inf.*\] at vertex"
    ):
        load_mesh(tmp_path / "box.stl")


def test_point_clouds_are_refused(tmp_path: Path) -> None:
    trimesh.PointCloud(np.random.rand(5, 3)).export(tmp_path / "points.ply")
    with pytest.raises(ValueError, match="points.ply must hold faces, got none"):
        load_mesh(tmp_path / "points.ply")


def test_missing_and_unknown_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="load_mesh: .*none.glb not found"):
        load_mesh(tmp_path / "none.glb")
    with pytest.raises(ValueError, match=r"path must end in .obj, .*, got .*mesh.fbx"):
        load_mesh(tmp_path / "mesh.fbx")


def test_normalized_box_is_centred_and_as_large_as_asked() -> None:
    vertices = torch.rand(50, 3) * torch.tensor([1.0, 5.0, 2.0]) + 7.0
    fitted = normalize(vertices, size=1.5)
    low, high = fitted.amin(dim=0), fitted.amax(dim=0)
    torch.testing.assert_close(low, -high)
    torch.testing.assert_close((high - low).max(), torch.tensor(1.5))
    ratio = (high - low) / (vertices.amax(dim=0) - vertices.amin(dim=0))
    torch.testing.assert_close(ratio, ratio[:1].expand(3), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("vertices", "size", "message"),
    [
        (torch.zeros(0, 3), 1.0, r"at least one vertex, got \[0, 3\]"),
        (torch.ones(4, 3), 1.0, "must span a finite box, got a longest side of 0.0"),
        (torch.full((4, 3), math.nan), 1.0, "must span a finite box, got a longest side of nan"),
        (torch.rand(4, 3), 0.0, "size must be above 0, got 0.0"),
        (torch.rand(1, 4, 3), 1.0, r"vertices must have shape \[V, 3\], got \[1, 4, 3\]"),
    ],
)
def test_boxes_without_extent_are_refused(
    vertices: torch.Tensor, size: float, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^normalize: .*{message}"):
        normalize(vertices, size=size)
