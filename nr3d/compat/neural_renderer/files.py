"""OBJ files in and out."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from nr3d import geometry
from nr3d.checks import check_choice
from nr3d.compat.neural_renderer.convert import default_device
from nr3d.compat.neural_renderer.last_uvs import fill_missing_uvs
from nr3d.geometry.texture_cubes import cubes_from_texture

WRAPS = {
    "REPEAT": "repeat",
    "MIRRORED_REPEAT": "mirror",
    "CLAMP_TO_EDGE": "clamp",
    "CLAMP_TO_BORDER": "border",
}


def load_obj(
    filename_obj: str | os.PathLike[str],
    normalization: bool = True,
    texture_size: int = 4,
    load_texture: bool = False,
    texture_wrapping: str = "REPEAT",
    use_bilinear: bool = True,
) -> tuple[Tensor, ...]:
    """Read an OBJ file, to the GPU if there is one.

    Args:
        filename_obj: The file.
        normalization: Centre the mesh and scale its longest side to [-1, 1].
        texture_size: T.
        load_texture: Read materials and images too. A corner without `vt` has the last one of the
            file.
        texture_wrapping: REPEAT, MIRRORED_REPEAT, CLAMP_TO_EDGE or CLAMP_TO_BORDER.
        use_bilinear: Interpolate between the pixels of images.

    Returns:
        Vertices [V, 3], faces [F, 3] (int32) and, with `load_texture`, texture cubes
        [F, T, T, T, 3].

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: A damaged file; textures are asked for and the file names no material; an
            unknown wrapping.
    """
    check_choice("load_obj", "texture_wrapping", texture_wrapping, WRAPS)
    mesh = geometry.load_obj(Path(filename_obj), textures=load_texture)
    if load_texture and not mesh.materials and not _names_materials(Path(filename_obj)):
        raise ValueError(f"load_obj: {filename_obj} must use materials to have textures, got none")
    vertices = geometry.normalize(mesh.vertices, size=2.0) if normalization else mesh.vertices
    device = default_device()
    found = (vertices.to(device), mesh.faces.to(device, torch.int32))
    if not load_texture:
        return found
    mesh = fill_missing_uvs(mesh, Path(filename_obj))
    wrap = WRAPS[texture_wrapping]
    cubes = cubes_from_texture(mesh, texture_size, wrap=wrap, bilinear=use_bilinear)
    return (*found, cubes.to(device))


def save_obj(
    filename: str | os.PathLike[str],
    vertices: Tensor,
    faces: Tensor,
    textures: Tensor | None = None,
) -> None:
    """Write vertices [V, 3], faces [F, 3] and, as an image, texture cubes [F, T, T, T, 3]."""
    if textures is not None and textures.dim() == 5 and textures.shape[1:4] == (1, 1, 1):
        textures = textures.expand(-1, 2, 2, 2, -1)  # one colour for the whole face
    geometry.save_obj(Path(filename), vertices, faces, cubes=textures, decimals=8)


def _names_materials(path: Path) -> bool:
    """Tell whether an OBJ file names a file of materials, used or not."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any(line.lower().startswith("mtllib") for line in lines)
