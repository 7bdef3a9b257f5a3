"""Lines of an OBJ file to arrays: coordinates, texture coordinates and triangles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nr3d.geometry.text_lines import cut_comment, line_error, parse_each

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

NO_UV = 1 << 62  # stands for a corner without texture coordinates; no file has as many


@dataclass
class Points:
    """The `v` or `vt` lines of a file, each with its number."""

    key: str
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass
class ObjLines:
    """The lines of a file by kind; for every `f` what stands before it."""

    vertices: Points = field(default_factory=lambda: Points("v"))
    uvs: Points = field(default_factory=lambda: Points("vt"))
    faces: list[bytes] = field(default_factory=list)
    face_numbers: list[int] = field(default_factory=list)
    vertices_before_face: list[int] = field(default_factory=list)
    uvs_before_face: list[int] = field(default_factory=list)
    material_of_face: list[int] = field(default_factory=list)  # -1: before the first usemtl
    materials: list[bytes] = field(default_factory=list)
    libraries: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Triangles:
    """What the `f` lines say.

    Attributes:
        faces: Vertex indices. [F, 3]
        line: The `f` line that each triangle comes from, counted from 0. [F]
        uvs: Indices of `vt` lines, -1 for corners without; None where not asked for. [F, 3]
    """

    faces: Integers
    line: Integers
    uvs: Integers | None


def sort_lines(lines: list[bytes]) -> ObjLines:
    """Keep the lines that say something about triangles, by kind.

    Comments behind names stay: a name may hold a `#` too.
    """
    found = ObjLines()
    for number, line in enumerate(lines, start=1):
        words = line.split(None, 1)
        if not words:
            continue
        key, rest = words[0].lower(), words[1] if len(words) > 1 else b""
        if key in (b"v", b"vt", b"f"):
            rest = cut_comment(rest)
        if key == b"v" or key == b"vt":
            points = found.vertices if key == b"v" else found.uvs
            points.lines.append(rest)
            points.numbers.append(number)
        elif key == b"f":
            found.faces.append(rest)
            found.face_numbers.append(number)
            found.vertices_before_face.append(len(found.vertices.lines))
            found.uvs_before_face.append(len(found.uvs.lines))
            found.material_of_face.append(len(found.materials) - 1)
        elif key == b"usemtl":
            found.materials.append(rest.strip())
        elif key == b"mtllib":
            found.libraries.append(rest.strip())
    return found


def parse_vertices(points: Points, path: Path) -> tuple[Floats, Floats | None]:
    """Give positions [V, 3] and the colours [V, 3] that follow them if every line has six numbers.

    Colours are clamped to [0, 1].
    """
    width = 6 if all(len(line.split(None, 6)) >= 6 for line in points.lines) else 3

    def numbers(line: bytes) -> list[float]:
        values = [float(word) for word in line.split(None, width)[:width]]
        if len(values) != width:
            raise ValueError
        return values

    count = "three" if width == 3 else "six"
    wanted = f"v must be followed by {count} numbers"
    values = _finite(parse_each(numbers, points.lines, points.numbers, path, wanted), points, path)
    return values[:, :3].copy(), values[:, 3:].clip(0.0, 1.0) if width == 6 else None


def parse_uvs(points: Points, path: Path) -> Floats:
    """Give the first two numbers of every `vt` line, v = 0 where there is one only. [n, 2]"""

    def numbers(line: bytes) -> list[float]:
        u, *v = map(float, line.split()[:2])
        return [u, *v] if v else [u, 0.0]

    wanted = "vt must be followed by two numbers"
    rows = parse_each(numbers, points.lines, points.numbers, path, wanted)
    return _finite(rows, points, path).reshape(-1, 2)


def parse_triangles(found: ObjLines, path: Path, *, uvs: bool) -> Triangles:
    """Cut polygons into fans (v0, v_i+1, v_i+2) and check every index."""

    def corners(line: bytes) -> list[int]:
        indices = [int(word) for word in line.split()]
        if len(indices) < 2:
            raise ValueError
        return indices

    numbers = found.face_numbers
    positions = re.sub(rb"/\S*", b"", b"\n".join(found.faces)).split(b"\n")
    wanted = "f must be followed by vertex indices"
    rows = parse_each(corners, positions, numbers, path, wanted, shown=found.faces)
    counts = np.array([len(row) for row in rows])
    index = _resolve(rows, counts, found, path, points=found.vertices)
    num_triangles = np.maximum(counts - 2, 0)
    line = np.repeat(np.arange(len(rows)), num_triangles)
    if len(line) == 0:
        raise ValueError(f"load_mesh: {path} must hold faces, got nothing but edges")
    place = np.arange(len(line)) - (np.cumsum(num_triangles) - num_triangles)[line]
    first = (np.cumsum(counts) - counts)[line]
    fan = np.stack((first, first + place + 1, first + place + 2), axis=1)
    if not uvs:
        return Triangles(index[fan], line, None)
    pattern, no_uv = re.compile(rb"[^\s/]+(?:/([^\s/]*))?\S*"), str(NO_UV).encode()
    texts = [pattern.sub(lambda match: match[1] or no_uv, text) for text in found.faces]
    wanted = "f must hold whole numbers as texture indices"
    rows = parse_each(corners, texts, numbers, path, wanted, shown=found.faces)
    return Triangles(index[fan], line, _resolve(rows, counts, found, path, points=found.uvs)[fan])


def _resolve(
    rows: list[list[int]], counts: Integers, found: ObjLines, path: Path, *, points: Points
) -> Integers:
    """Count all indices of `f` lines from 0, backward ones too; -1 for corners that have none."""
    is_vertex = points.key == "v"
    seen = np.array(found.vertices_before_face if is_vertex else found.uvs_before_face)
    index = np.array([i for row in rows for i in row])
    is_missing = index == NO_UV
    index = np.where(index < 0, index + np.repeat(seen, counts), index - 1)  # -1: the last so far
    wrong = np.flatnonzero(((index < 0) | (index >= len(points.lines))) & ~is_missing)
    if len(wrong) > 0:
        line = int(np.repeat(np.arange(len(rows)), counts)[wrong[0]])
        noun = "vertices" if is_vertex else "texture coordinates"
        wanted = f"f must point at {noun} 1 to {len(points.lines)}"
        raise line_error(path, found.face_numbers[line], wanted, found.faces[line])
    return np.where(is_missing, -1, index).astype(np.int64)


def _finite(rows: list[list[float]], points: Points, path: Path) -> Floats:
    with np.errstate(over="ignore"):
        values = np.array(rows, dtype=np.float64).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(rows), -1)).all(axis=1))
    if len(bad) > 0:
        wanted = f"{points.key} must hold finite float32 numbers"
        raise line_error(path, points.numbers[bad[0]], wanted, points.lines[bad[0]])
    return values
