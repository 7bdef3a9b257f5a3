"""Mesh files that trimesh reads: GLB, glTF, PLY and STL."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.geometry.gltf_wraps import check_gltf, number_materials, take_number
from nr3d.geometry.linked_files import linked_file
from nr3d.geometry.mesh import LoadedMesh, Material
from nr3d.geometry.mtl import GREY
from nr3d.geometry.texture_cubes import average_colors
from nr3d.geometry.texture_images import texture_from_image


def load_scene(path: Path, *, textures: bool) -> LoadedMesh:
    """Apply the transforms of a scene and make one mesh of its parts; see `load_mesh`."""
    import trimesh  # slow to import, and needed for few files

    files: Any = _FilesBeside(path)
    suffix = path.suffix[1:].lower()
    wraps: list[str] = []
    if suffix == "gltf":
        check_gltf(path)
    try:
        with np.errstate(all="ignore"):  # infinite coordinates are found below
            source: Any = path
            if textures and suffix in ("glb", "gltf"):
                content, wraps = number_materials(path)
                source = io.BytesIO(content)
            scene = trimesh.load_scene(source, suffix, process=False, resolver=files)
            parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
            for part in parts:
                _color_by_vertices(part, scene.geometry[part.metadata["name"]].visual)
    except Exception as error:  # trimesh raises whatever its parsers stumble over
        if files.failures:
            raise files.failures[0] from error
        wanted = suffix.upper()
        raise ValueError(f"load_mesh: {path} must be a {wanted} file, got {error!r}") from error
    if textures and files.failures:
        raise files.failures[0]
    parts = [part for part in parts if len(part.faces) > 0]
    if not parts:
        raise ValueError(f"load_mesh: {path} must hold faces, got none")
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    with np.errstate(over="ignore"):
        vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
    faces = np.concatenate([part.faces + start for part, start in zip(parts, offsets, strict=True)])
    _check_scene(path, vertices, faces)
    materials, face_material = _find_materials(parts, wraps, textures=textures)
    mesh = LoadedMesh(
        torch.from_numpy(vertices),
        torch.from_numpy(faces.astype(np.int64)),
        face_colors=_face_colors(parts),
        uvs=_find_uvs(path, parts) if textures else None,
        materials=materials,
        face_material=face_material,
        vertex_colors=_vertex_colors(parts),
    )
    has_images = any(material.texture is not None for material in materials)
    return replace(mesh, face_colors=average_colors(mesh)) if has_images else mesh


class _FilesBeside:
    """Give trimesh the files that a scene names, if they lie beside it; remember what failed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.failures: list[Exception] = []

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)

    def get(self, name: str) -> bytes:
        if name == "model.gltf":  # where trimesh looks if this file is no glTF: another mesh
            raise FileNotFoundError(name)
        folder = self._path.parent
        try:
            place = f"file named by {self._path}"
            path = linked_file(folder, name, beside=folder, place=place)
            if not path.is_file():  # glTF writes a space as %20
                path = linked_file(folder, unquote(name), beside=folder, place=place)
            if not path.is_file():
                raise FileNotFoundError(f"load_mesh: {path} named by {self._path} not found")
            return path.read_bytes()
        except Exception as error:
            self.failures.append(error)
            raise


def _check_scene(path: Path, vertices: Any, faces: Any) -> None:
    if not np.isfinite(vertices).all():
        row = int(np.flatnonzero(~np.isfinite(vertices).all(axis=1))[0])
        raise ValueError(
            f"load_mesh: {path} must hold finite coordinates, got {vertices[row].tolist()} "
            f"at vertex {row}"
        )
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(
            f"load_mesh: {path} must hold vertex indices inside [0, {len(vertices)}), "
            f"got {faces.min()} to {faces.max()}"
        )


def _color_by_vertices(part: Any, visual: Any) -> None:
    """Give a part with vertex colours and a material without image the product of both."""
    import trimesh

    colors = getattr(visual, "vertex_attributes", {}).get("color")
    if colors is None or _image(part.visual.material) is not None:
        return
    largest = np.iinfo(colors.dtype).max if colors.dtype.kind == "u" else 1
    factor = np.asarray(part.visual.material.main_color)[:3] / 255.0
    product = colors[:, :3] / largest * factor
    part.visual = trimesh.visual.ColorVisuals(mesh=part, vertex_colors=product)


def _find_materials(
    parts: list[Any], wraps: list[str], *, textures: bool
) -> tuple[tuple[Material, ...], Tensor | None]:
    """Give the materials of all parts, and which one each face has. [F]"""
    materials: list[Material] = []
    rows = []
    for part in parts:
        index = -1
        if part.visual.kind == "texture":
            index = len(materials)
            materials.append(_material(part.visual.material, wraps, textures=textures))
        rows.append(torch.full((len(part.faces),), index))
    return tuple(materials), torch.cat(rows) if materials else None


def _material(material: Any, wraps: list[str], *, textures: bool) -> Material:
    """Translate a material; its colour factor becomes a part of the image."""
    red, green, blue = (float(value) / 255.0 for value in material.main_color[:3])
    name, wrap = take_number(str(getattr(material, "name", None) or ""), wraps)
    image = _image(material)
    if not textures or image is None:
        return Material(name, (red, green, blue))
    texture = texture_from_image(image)
    if getattr(material, "baseColorFactor", None) is not None:
        texture = texture * torch.tensor([red, green, blue]).view(3, 1, 1)
    is_clamped, is_mirrored = wrap == "clamp", wrap == "mirror"
    return Material(name, (red, green, blue), texture, clamp=is_clamped, mirror=is_mirrored)


def _image(material: Any) -> Any:
    """Give the image of a physical material or of a simple one, or None."""
    if hasattr(material, "baseColorTexture"):
        return material.baseColorTexture
    return getattr(material, "image", None)


def _find_uvs(path: Path, parts: list[Any]) -> Tensor | None:
    """Give the texture coordinates of the corners, 0 for parts without. [F, 3, 2]"""
    rows = []
    for part in parts:
        uv = getattr(part.visual, "uv", None)
        found = np.zeros((len(part.vertices), 2)) if uv is None else np.asarray(uv)[:, :2]
        rows.append(found.astype(np.float32)[part.faces])
    uvs = np.concatenate(rows)
    if not np.isfinite(uvs).all():
        raise ValueError(f"load_mesh: {path} must hold finite texture coordinates, got NaN or more")
    has_any = any(getattr(part.visual, "uv", None) is not None for part in parts)
    return torch.from_numpy(uvs) if has_any else None


def _vertex_colors(parts: list[Any]) -> Tensor | None:
    """Give one colour per vertex of all parts, None where no part has any. [V, 3]"""
    if all(part.visual.kind != "vertex" for part in parts):
        return None
    rows = [
        _bytes_to_floats(part.visual.vertex_colors)
        if part.visual.kind == "vertex"
        else np.full((len(part.vertices), 3), GREY, np.float32)
        for part in parts
    ]
    return torch.from_numpy(np.concatenate(rows))


def _face_colors(parts: list[Any]) -> Tensor | None:
    """Give one colour per face of all parts, grey for parts without; None where no part has any."""
    colors = [_part_colors(part) for part in parts]
    if all(color is None for color in colors):
        return None
    rows = [
        np.full((len(part.faces), 3), GREY, np.float32) if color is None else color
        for part, color in zip(parts, colors, strict=True)
    ]
    return torch.from_numpy(np.concatenate(rows))


def _part_colors(part: Any) -> NDArray[np.float32] | None:
    """Give the colours of one part's faces, or None. [F, 3]"""
    visual = part.visual
    if visual.kind == "texture":
        color = _bytes_to_floats(np.asarray(visual.material.main_color)[None])
        return np.broadcast_to(color, (len(part.faces), 3))
    if visual.kind == "vertex":
        corners = _bytes_to_floats(visual.vertex_colors)[part.faces]
        averages: NDArray[np.float32] = corners.mean(axis=1, dtype=np.float32)
        return averages
    return _bytes_to_floats(visual.face_colors) if visual.defined else None


def _bytes_to_floats(colors: Any) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.asarray(colors)[:, :3].astype(np.float32)
    values /= 255.0
    return values
