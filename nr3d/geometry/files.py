"""Mesh files of any supported kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nr3d.checks import FLOATS, check_range, check_tensor
from nr3d.geometry.mesh import LoadedMesh as LoadedMesh
from nr3d.geometry.mtl import GREY
from nr3d.geometry.obj import load_obj

SUFFIXES = (".obj", ".glb", ".gltf", ".ply", ".stl")


def load_mesh(path: Path | str) -> LoadedMesh:
    """Read the triangles and colours of an OBJ, GLB, glTF, PLY or STL file.

    The transforms of a scene are applied and its parts become one mesh. Colours are those of
    materials or faces; vertex colours are averaged over each face; textures are not read. See
    `load_obj` for OBJ files.

    Args:
        path: The file; its suffix says what it is.

    Returns:
        Vertices [V, 3], faces [F, 3] and face_colors [F, 3], None where the file has no colours.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the suffix is unknown, the file is damaged or empty, or it holds NaN or
            infinite coordinates.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"load_mesh: path must end in {', '.join(SUFFIXES)}, got {path}")
    if suffix == ".obj":
        return load_obj(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_mesh: {path} not found")
    return _load_scene(path)


def normalize(vertices: Tensor, *, size: float = 1.0) -> Tensor:
    """Centre vertices by their bounding box and scale its longest side to `size`.

    Args:
        vertices: [V, 3]
        size: The new longest side, above 0.

    Returns:
        Centred at the origin, aspect kept. [V, 3]

    Raises:
        TypeError: If `vertices` is no float32 or float64 tensor.
        ValueError: If the shape is another, there is no vertex, the box has no finite extent, or
            `size` is not positive.

    Source: Kato et al. 2018 (with size 2, the normalization of the authors' OBJ reader).
    """
    check_tensor("normalize", "vertices", vertices, shape=("V", 3), dtypes=FLOATS)
    check_range("normalize", "size", size, above=0.0)
    if len(vertices) == 0:
        raise ValueError("normalize: vertices must hold at least one vertex, got [0, 3]")
    shifted = vertices - vertices.amin(dim=0)
    longest = shifted.max()
    if not bool(torch.isfinite(longest) & (longest > 0)):
        raise ValueError(
            f"normalize: vertices must span a finite box, got a longest side of {float(longest)}"
        )
    scaled = shifted / longest * size
    return scaled - scaled.amax(dim=0) / 2


def _load_scene(path: Path) -> LoadedMesh:
    """Read everything but OBJ through trimesh."""
    import trimesh  # slow to import, and needed for few files

    try:
        with np.errstate(all="ignore"):  # infinite coordinates are found below
            scene = trimesh.load_scene(path, process=False)
            parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    except Exception as error:  # trimesh raises whatever its parsers stumble over
        kind = path.suffix[1:].upper()
        raise ValueError(f"load_mesh: {path} must be a {kind} file, got {error!r}") from error
    parts = [part for part in parts if len(part.faces) > 0]
    if not parts:
        raise ValueError(f"load_mesh: {path} must hold faces, got none")
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
    faces = np.concatenate([part.faces + start for part, start in zip(parts, offsets, strict=True)])
    _check_scene(path, vertices, faces)
    return LoadedMesh(
        torch.from_numpy(vertices), torch.from_numpy(faces.astype(np.int64)), _scene_colors(parts)
    )


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


def _scene_colors(parts: list[Any]) -> Tensor | None:
    """Give one colour per face of all parts, grey for parts without; None where no part has any."""
    colors = [_part_colors(part) for part in parts]
    if all(color is None for color in colors):
        return None
    rows = [
        np.full((len(part.faces), 3), GREY) if color is None else color
        for part, color in zip(parts, colors, strict=True)
    ]
    return torch.from_numpy(np.concatenate(rows).astype(np.float32))


def _part_colors(part: Any) -> Any:
    """Give the colours of one part's faces in [0, 1], or None. [F, 3]"""
    visual = part.visual
    if visual.kind == "texture":
        color = np.asarray(visual.material.main_color)[:3]
        return np.broadcast_to(color / 255.0, (len(part.faces), 3))
    return np.asarray(visual.face_colors)[:, :3] / 255.0 if visual.defined else None
