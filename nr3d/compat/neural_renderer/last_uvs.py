"""Corners without texture coordinates, as the old library reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from nr3d.geometry.mesh import LoadedMesh
from nr3d.geometry.mtl import find_materials
from nr3d.geometry.obj_numbers import parse_triangles, parse_uvs, sort_lines
from nr3d.geometry.text_lines import join_continued, read_lines


def fill_missing_uvs(mesh: LoadedMesh, path: Path) -> LoadedMesh:
    """Give corners without `vt` the last one of the file.

    The old library looks them up at index -1; `nr3d.geometry.load_obj` leaves them at (0, 0).

    Args:
        mesh: What `nr3d.geometry.load_obj` read from the file, with textures.
        path: The file.
    """
    if mesh.uvs is None:
        return mesh
    found = sort_lines(join_continued(read_lines(path, kind="OBJ")[0]))
    is_missing = torch.from_numpy(parse_triangles(found, path, uvs=True).uvs) == -1  # [F, 3]
    if not is_missing.any():
        return mesh
    last = torch.from_numpy(parse_uvs(found.uvs, path)[-1])
    uvs = torch.where(is_missing[..., None], last, mesh.uvs)
    known = find_materials(path, found.libraries, textures=True)
    maps = {name.decode(errors="replace"): entry.map for name, entry in known.items()}
    for i, material in enumerate(mesh.materials):
        each = maps[material.name]
        if each is not None:
            assert mesh.face_material is not None  # there are materials
            is_moved = is_missing & (mesh.face_material == i)[:, None]
            uvs[is_moved] = last * torch.tensor(each.scale) + torch.tensor(each.offset)
    return replace(mesh, uvs=uvs)
