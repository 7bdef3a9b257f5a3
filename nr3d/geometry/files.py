"""Mesh files of any supported kind."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nr3d.checks import FLOATS, check_range, check_tensor
from nr3d.geometry.mesh import LoadedMesh as LoadedMesh
from nr3d.geometry.obj import load_obj
from nr3d.geometry.scenes import load_scene

SUFFIXES = (".obj", ".glb", ".gltf", ".ply", ".stl")


def load_mesh(path: Path | str, *, textures: bool = False) -> LoadedMesh:
    """Read the triangles and colours of an OBJ, GLB, glTF, PLY or STL file.

    The transforms of a scene are applied and its parts become one mesh. Face colours are those of
    materials or faces; vertex colours and textures are averaged over each face. Edges and vertices
    may have any number of faces. See `load_obj` for OBJ files.

    Of a glTF material the base colour, its image and how that is repeated are read. Colours are
    taken as they are written: none is converted from linear to sRGB. Vertex colours are multiplied
    with a base colour, but not with an image, as glTF would have it: they are lost there.

    Args:
        path: The file; its suffix says what it is.
        textures: Whether to read texture coordinates and images too. Without, images may be
            missing.

    Returns:
        The mesh, without texture coordinates and images unless `textures` is set.

    Raises:
        FileNotFoundError: If there is no such file, or with `textures` if one that it names is not
            there.
        ValueError: If the suffix is unknown, the file is damaged or empty, or it holds NaN or
            infinite coordinates. With `textures`, also if an image is damaged or a file that it
            names lies outside its folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"load_mesh: path must end in {', '.join(SUFFIXES)}, got {path}")
    if suffix == ".obj":
        return load_obj(path, textures=textures)
    if not path.is_file():
        raise FileNotFoundError(f"load_mesh: {path} not found")
    return load_scene(path, textures=textures)


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
