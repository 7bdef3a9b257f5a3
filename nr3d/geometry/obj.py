"""Wavefront OBJ files: a reader of our own for geometry, materials and textures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.geometry.mesh import LoadedMesh, Material
from nr3d.geometry.mtl import DiffuseMap, find_materials, keys_of_names
from nr3d.geometry.obj_numbers import (
    ObjLines,
    Triangles,
    parse_triangles,
    parse_uvs,
    parse_vertices,
    sort_lines,
)
from nr3d.geometry.text_lines import join_continued, line_error, read_lines
from nr3d.geometry.texture_cubes import average_colors
from nr3d.geometry.texture_images import read_texture


def load_obj(path: Path | str, *, textures: bool = False) -> LoadedMesh:
    """Read the triangles, materials and, if asked for, textures of an OBJ file.

    Polygons become fans (v0, v_i+1, v_i+2); normal indices, lines, points, groups and curves are
    passed over, and so are faces with two corners: modelling programs write loose edges that way.
    Vertices that no face uses stay. A face has the last `usemtl` before it. Its colour is `Kd` of
    that material, grey where the material is unknown. Upper and lower case of keywords, comments
    behind a line and quotes around a file name make no difference.

    Args:
        path: The file; material files are looked up relative to it, images relative to those.
        textures: Whether to read texture coordinates and images too. Without, they may be damaged
            or missing, and a missing material file is warned about.

    Returns:
        The mesh. `vertex_colors` are there if every `v` line has six numbers. With `textures`,
        `uvs` are there if the file has `vt` lines, with the scale and offset of `map_Kd` applied; a
        corner without has (0, 0).

    Raises:
        FileNotFoundError: If there is no such file; with `textures`, if a material file or the
            image of a used material is not there.
        ValueError: If the file is no OBJ, has no faces, or a line is damaged: too few numbers, NaN
            or infinite coordinates, an index that points at nothing, more than a megabyte, a file
            that breaks off inside a face. The message names the line. With `textures`, also if a
            material file or image lies outside the folder of the OBJ, or an image is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_mesh: {path} not found")
    raw, is_ended = read_lines(path, kind="OBJ")
    lines = join_continued(raw)
    found = sort_lines(lines)
    _check_whole(found, path, len(lines), is_ended=is_ended)
    vertices, vertex_colors = parse_vertices(found.vertices, path)
    has_uvs = textures and len(found.uvs.lines) > 0
    triangles = parse_triangles(found, path, uvs=has_uvs)
    materials, maps, face_material = _find_used(found, path, triangles, textures=textures)
    faces = torch.from_numpy(triangles.faces)
    mesh = LoadedMesh(
        torch.from_numpy(vertices),
        faces,
        uvs=_place_uvs(found, path, triangles, maps, face_material) if has_uvs else None,
        materials=tuple(materials),
        face_material=face_material if materials else None,
        vertex_colors=None if vertex_colors is None else torch.from_numpy(vertex_colors),
    )
    return replace(mesh, face_colors=average_colors(mesh))


def _check_whole(found: ObjLines, path: Path, num_lines: int, *, is_ended: bool) -> None:
    if not found.vertices.lines or not found.faces:
        missing = "no face (f)" if found.vertices.lines else "no vertex (v)"
        raise ValueError(
            f"load_mesh: {path} must be an OBJ file with vertices and faces, got {missing} line "
            f"in {num_lines} lines"
        )
    breaks_off = not is_ended and found.face_numbers[-1] == num_lines
    if breaks_off and len(found.faces[-1].split()) < 3:
        wanted = "f must have three corners at the end of the file"
        raise line_error(path, num_lines, wanted, found.faces[-1])


def _find_used(
    found: ObjLines, path: Path, triangles: Triangles, *, textures: bool
) -> tuple[list[Material], list[DiffuseMap | None], Tensor]:
    """Give the known materials that triangles use, their maps, and who uses which. [F]"""
    known = find_materials(path, found.libraries, textures=textures)
    statement = np.array(found.material_of_face)[triangles.line]
    keys = keys_of_names(found.materials, known)
    place_of_name: dict[bytes, int] = {}
    place = np.full(len(found.materials) + 1, -1)  # the last row: before the first usemtl
    for i in np.unique(statement[statement >= 0]):
        key = keys.get(found.materials[i])
        if key is not None:
            place[i] = place_of_name.setdefault(key, len(place_of_name))
    maps = [known[name].map for name in place_of_name]
    images = {
        each.path: read_texture(each.path, place=each.place) for each in maps if each is not None
    }
    materials = [
        Material(
            name.decode(errors="replace"),
            known[name].diffuse,
            None if each is None else images[each.path],
            clamp=each is not None and each.clamp,
        )
        for name, each in zip(place_of_name, maps, strict=True)
    ]
    return materials, maps, torch.from_numpy(place[statement])


def _place_uvs(
    found: ObjLines,
    path: Path,
    triangles: Triangles,
    maps: list[DiffuseMap | None],
    face_material: Tensor,
) -> Tensor:
    """Give the texture coordinates of every corner as its material's map moves them. [F, 3, 2]"""
    assert triangles.uvs is not None
    table = np.concatenate((parse_uvs(found.uvs, path), np.zeros((1, 2), np.float32)))
    uvs = torch.from_numpy(table[triangles.uvs])  # -1: the row of zeros
    for i, each in enumerate(maps):
        if each is not None:
            moved = uvs[face_material == i] * torch.tensor(each.scale) + torch.tensor(each.offset)
            uvs[face_material == i] = moved
    return uvs
