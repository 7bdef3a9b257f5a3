"""Wavefront OBJ files: a reader of our own for geometry and material colours, and a writer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.checks import FLOATS, INTEGERS, REDUCED_FLOATS, check_tensor
from nr3d.geometry.mesh import LoadedMesh
from nr3d.geometry.mtl import GREY, find_materials

Integers = NDArray[np.int64]


def load_obj(path: Path | str) -> LoadedMesh:
    """Read the triangles and material colours of an OBJ file.

    Polygons become fans (v0, v_i+1, v_i+2); texture and normal indices, lines, points, groups and
    curves are passed over, and so are faces with two corners: modelling programs write loose edges
    that way. Vertices that no face uses stay. A face has the colour `Kd` of the last `usemtl`
    before it, grey where that material is unknown.

    Args:
        path: The file; material files are looked up relative to it, a missing one is warned about.

    Returns:
        Vertices [V, 3], faces [F, 3] and face_colors [F, 3], None where no material is known.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no OBJ, has no faces, or a line is damaged: too few numbers, NaN
            or infinite coordinates, an index that points at no vertex, a file that breaks off
            inside a face. The message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_mesh: {path} not found")
    data = path.read_bytes()
    if b"\0" in data:
        raise ValueError(f"load_mesh: {path} must be an OBJ file, got binary data")
    lines = _join_continued(data.splitlines())
    found = _sort_lines(lines)
    if not found.vertices or not found.faces:
        missing = "no face (f)" if found.vertices else "no vertex (v)"
        raise ValueError(
            f"load_mesh: {path} must be an OBJ file with vertices and faces, got {missing} line "
            f"in {len(lines)} lines"
        )
    breaks_off = not data.endswith((b"\n", b"\r")) and found.face_lines[-1] == len(lines)
    if breaks_off and len(found.faces[-1].split()) < 3:
        wanted = "f must have three corners at the end of the file"
        raise _line_error(path, len(lines), wanted, found.faces[-1])
    vertices = _parse_vertices(found, path)
    faces, line_of_face = _parse_faces(found, path)
    colors = find_materials(path, found.libraries)
    return LoadedMesh(
        torch.from_numpy(vertices), torch.from_numpy(faces), _colors(found, colors, line_of_face)
    )


def save_obj(path: Path | str, vertices: Tensor, faces: Tensor) -> None:
    """Write a mesh as an OBJ file; float32 coordinates survive exactly.

    Args:
        path: The file, overwritten where it exists.
        vertices: [V, 3], any float dtype and device.
        faces: Vertex indices. [F, 3], int32 or int64

    Raises:
        TypeError: If a dtype is another.
        ValueError: If a shape does not fit, a coordinate is NaN or infinite, or an index points at
            no vertex.
        OSError: If the file cannot be written.
    """
    dtypes = (*FLOATS, *REDUCED_FLOATS)
    check_tensor("save_obj", "vertices", vertices, shape=("V", 3), dtypes=dtypes)
    check_tensor("save_obj", "faces", faces, shape=("F", 3), dtypes=INTEGERS)
    if not bool(torch.isfinite(vertices).all()):
        raise ValueError("save_obj: vertices must be finite, got NaN or infinity")
    wrong = faces[(faces < 0) | (faces >= len(vertices))]
    if len(wrong) > 0:
        raise ValueError(
            f"save_obj: faces must hold vertex indices inside [0, {len(vertices)}), "
            f"got {int(wrong[0])}"
        )
    rows = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices.detach().double().tolist()]
    rows += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    Path(path).write_text("\n".join(rows) + "\n", encoding="ascii")


@dataclass
class _Lines:
    """The lines of a file by kind, each with its number; materials by index."""

    vertices: list[bytes] = field(default_factory=list)
    vertex_lines: list[int] = field(default_factory=list)
    faces: list[bytes] = field(default_factory=list)
    face_lines: list[int] = field(default_factory=list)
    vertices_before_face: list[int] = field(default_factory=list)
    material_of_face: list[int] = field(default_factory=list)
    materials: list[bytes] = field(default_factory=list)
    libraries: list[bytes] = field(default_factory=list)


def _join_continued(lines: list[bytes]) -> list[bytes]:
    """Append lines to those before them that end in a backslash; line numbers stay."""
    for i in range(len(lines) - 1, 0, -1):
        if lines[i - 1].endswith(b"\\"):
            lines[i - 1] = lines[i - 1][:-1] + b" " + lines[i]
            lines[i] = b""
    return lines


def _sort_lines(lines: list[bytes]) -> _Lines:
    found = _Lines()
    for number, line in enumerate(lines, start=1):
        words = line.split(None, 1)
        if not words:
            continue
        key, rest = words[0], words[1] if len(words) > 1 else b""
        if key == b"v":
            found.vertices.append(rest)
            found.vertex_lines.append(number)
        elif key == b"f":
            found.faces.append(rest)
            found.face_lines.append(number)
            found.vertices_before_face.append(len(found.vertices))
            found.material_of_face.append(len(found.materials) - 1)
        elif key == b"usemtl":
            found.materials.append(rest.strip())
        elif key == b"mtllib":
            found.libraries.append(rest.strip())
    return found


def _parse_vertices(found: _Lines, path: Path) -> NDArray[np.float32]:
    """Give the first three numbers of every `v` line. [V, 3]"""

    def numbers(line: bytes) -> list[float]:
        x, y, z = map(float, line.split()[:3])
        return [x, y, z]

    wanted = "v must be followed by three numbers"
    rows = _parse_each(numbers, found.vertices, found.vertex_lines, path, wanted)
    with np.errstate(over="ignore"):
        vertices = np.array(rows, dtype=np.float64).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(bad) > 0:
        raise _line_error(
            path,
            found.vertex_lines[bad[0]],
            "v must hold finite float32 numbers",
            found.vertices[bad[0]],
        )
    return vertices


def _parse_faces(found: _Lines, path: Path) -> tuple[Integers, Integers]:
    """Give the triangles [F, 3] and the `f` line that each comes from, counted from 0. [F]"""

    def corners(line: bytes) -> list[int]:
        indices = list(map(int, line.split()))
        if len(indices) < 2:
            raise ValueError
        return indices

    positions_only = re.sub(rb"/\S*", b"", b"\n".join(found.faces)).split(b"\n")
    wanted = "f must be followed by vertex indices"
    rows = _parse_each(corners, positions_only, found.face_lines, path, wanted)
    counts = np.array([len(row) for row in rows])
    index = np.array([i for row in rows for i in row])
    seen = np.repeat(np.array(found.vertices_before_face), counts)
    index = np.where(index < 0, index + seen, index - 1)  # -1 is the last vertex so far
    wrong = np.flatnonzero((index < 0) | (index >= len(found.vertices)))
    if len(wrong) > 0:
        line = int(np.repeat(np.arange(len(rows)), counts)[wrong[0]])
        wanted = f"f must point at vertices 1 to {len(found.vertices)}"
        raise _line_error(path, found.face_lines[line], wanted, found.faces[line])
    num_triangles = np.maximum(counts - 2, 0)
    line_of_face = np.repeat(np.arange(len(rows)), num_triangles)
    if len(line_of_face) == 0:
        raise ValueError(f"load_mesh: {path} must hold faces, got nothing but edges")
    starts = np.cumsum(num_triangles) - num_triangles
    place = np.arange(len(line_of_face)) - starts[line_of_face]
    first = (np.cumsum(counts) - counts)[line_of_face]
    return index[np.stack((first, first + place + 1, first + place + 2), axis=1)], line_of_face


def _parse_each(
    parse: Callable[[bytes], list[Any]],
    lines: list[bytes],
    numbers: list[int],
    path: Path,
    wanted: str,
) -> list[list[Any]]:
    """Parse every line; where one fails, say which."""
    rows = []
    for line in lines:
        try:
            rows.append(parse(line))
        except (ValueError, OverflowError):
            raise _line_error(path, numbers[len(rows)], wanted, line) from None
    return rows


def _line_error(path: Path, number: int, wanted: str, line: bytes) -> ValueError:
    text = line.decode(errors="replace")
    text = text if len(text) <= 60 else text[:57] + "..."
    return ValueError(f"load_mesh: {path}, line {number}: {wanted}, got {text!r}")


def _colors(
    found: _Lines, colors: dict[bytes, tuple[float, float, float]], line_of_face: Integers
) -> Tensor | None:
    """Give the colour of each face, or None where no face has a known material. [F, 3]"""
    material = np.array(found.material_of_face)[line_of_face]  # -1: before the first usemtl
    if not any(found.materials[i] in colors for i in np.unique(material) if i >= 0):
        return None
    table = [colors.get(name, GREY) for name in found.materials] + [GREY]
    return torch.tensor(table, dtype=torch.float32)[torch.from_numpy(material)]
