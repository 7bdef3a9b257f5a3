"""Colours of the materials in an MTL file."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

Color = tuple[float, float, float]

GREY: Color = (0.5, 0.5, 0.5)  # of a material without Kd (Kato et al. 2018)


def read_materials(path: Path) -> dict[bytes, Color]:
    """Give the diffuse colour, clamped to [0, 1], of every material in an MTL file.

    Textures are not read; a material without `Kd` is grey.

    Raises:
        ValueError: If a `Kd` line does not hold one or three numbers; the message has its place.
    """
    colors: dict[bytes, Color] = {}
    name = None
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        key, _, rest = line.strip().partition(b" ")
        if key == b"newmtl":
            name = rest.strip()
            colors[name] = GREY
        elif key == b"Kd" and name is not None:
            colors[name] = _color(rest.split(), f"{path}, line {number}")
    return colors


def find_materials(obj: Path, names: list[bytes]) -> dict[bytes, Color]:
    """Read the files that `mtllib` lines of an OBJ name, relative to it; warn where one is missing.

    A line may name several files, or one whose name has spaces.
    """
    colors: dict[bytes, Color] = {}
    for name in names:
        whole, *others = (_beside(obj, part) for part in (name, *name.split()))
        for path in [whole] if whole.is_file() else others:
            if path.is_file():
                colors.update(read_materials(path))
            else:
                warnings.warn(
                    f"load_mesh: material file {path} of {obj} not found; its colours are lost",
                    stacklevel=2,
                )
    return colors


def _beside(obj: Path, name: bytes) -> Path:
    return obj.parent / name.decode(errors="surrogateescape").replace("\\", "/")


def _color(words: list[bytes], place: str) -> Color:
    try:
        values = [min(max(float(word), 0.0), 1.0) for word in words[:3]]
    except ValueError:
        values = []
    if len(values) == 1:  # green and blue default to red
        values *= 3
    if len(values) != 3 or any(math.isnan(value) for value in values):
        raise ValueError(
            f"load_mesh: {place}: Kd must be followed by three numbers, "
            f"got {b' '.join(words).decode(errors='replace')!r}"
        )
    return values[0], values[1], values[2]
