"""Materials of an MTL file."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nr3d.geometry.linked_files import decode_name, linked_file, plain_name
from nr3d.geometry.text_lines import cut_comment, line_error, read_lines

Color = tuple[float, float, float]

GREY: Color = (0.5, 0.5, 0.5)  # of a material without Kd (Kato et al. 2018)
# How many words follow each option of map_Kd; offset, scale and turbulence take one to three.
OPTIONS = {b"-mm": 2, b"-o": 3, b"-s": 3, b"-t": 3}
OPTIONS |= dict.fromkeys((b"-blendu", b"-blendv", b"-bm", b"-boost", b"-cc"), 1)
OPTIONS |= dict.fromkeys((b"-clamp", b"-imfchan", b"-texres", b"-type"), 1)


@dataclass(frozen=True)
class DiffuseMap:
    """A `map_Kd` line: the image is looked up at uv * scale + offset.

    Attributes:
        path: The image, which need not be there.
        place: File and line, for messages.
    """

    path: Path
    place: str
    clamp: bool = False
    offset: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)


@dataclass
class MtlEntry:
    """One material of an MTL file."""

    diffuse: Color = GREY
    map: DiffuseMap | None = None


def read_materials(path: Path, *, root: Path, textures: bool) -> dict[bytes, MtlEntry]:
    """Give the diffuse colour, clamped to [0, 1], and image of every material in an MTL file.

    A material without `Kd` is grey. Images are named but not read, and not looked at at all without
    `textures`; of the options, -o, -s and -clamp count and the others are passed over.

    Raises:
        ValueError: If a `Kd` line does not hold one or three numbers, a `map_Kd` line no usable
            file name; the message has its place.
    """
    materials: dict[bytes, MtlEntry] = {}
    name = None
    for number, line in enumerate(read_lines(path, kind="MTL")[0], start=1):
        words = line.split(None, 1)
        key = words[0].lower() if words else b""
        rest = words[1].strip() if len(words) > 1 else b""
        if key == b"newmtl":
            name = rest
            materials[name] = MtlEntry()
        elif key == b"kd" and name is not None:
            materials[name].diffuse = _color(cut_comment(rest), path, number)
        elif key == b"map_kd" and name is not None and textures:
            materials[name].map = _diffuse_map(rest, path, number, root)
    return materials


def keys_of_names(names: list[bytes], known: Iterable[bytes]) -> dict[bytes, bytes]:
    """Tell which known material each name means: one written alike, else but for a comment.

    So names with a `#` of their own, `Material #25`, stay apart.
    """
    keys = set(known)
    plain = {cut_comment(key): key for key in known}
    found = {name: name if name in keys else plain.get(cut_comment(name)) for name in names}
    return {name: key for name, key in found.items() if key is not None}


def find_materials(obj: Path, names: list[bytes], *, textures: bool) -> dict[bytes, MtlEntry]:
    """Read the files that `mtllib` lines of an OBJ name, relative to it.

    A line may name several files, or one whose name has spaces. One that is missing or lies outside
    the folder of the OBJ is an error with `textures`, and warned about without.
    """
    materials: dict[bytes, MtlEntry] = {}
    for name in names:
        for part in _split_names(obj, name):
            try:
                place = f"material file named by {obj}"
                path = linked_file(obj.parent, part, beside=obj.parent, place=place)
                if not os.path.isfile(path):
                    raise FileNotFoundError(
                        f"load_mesh: material file {path} of {obj} not found; its colours are lost"
                    )
            except (FileNotFoundError, ValueError) as error:
                if textures:
                    raise
                warnings.warn(str(error), stacklevel=2)
                continue
            materials.update(read_materials(path, root=obj.parent, textures=textures))
    return materials


def _split_names(obj: Path, name: bytes) -> list[str]:
    """Take a line as one name where that file is there, as several otherwise."""
    plain = plain_name(name)
    for each in (name, plain):
        if os.path.isfile(obj.parent / decode_name(each).replace("\\", "/")):
            return [decode_name(each)]
    return [decode_name(plain_name(part)) for part in plain.split()] or [""]


def _color(rest: bytes, path: Path, number: int) -> Color:
    try:
        values = [min(max(float(word), 0.0), 1.0) for word in rest.split()[:3]]
    except ValueError:
        values = []
    if len(values) == 1:  # green and blue default to red
        values *= 3
    if len(values) != 3 or any(math.isnan(value) for value in values):
        raise line_error(path, number, "Kd must be followed by three numbers", rest)
    return values[0], values[1], values[2]


def _diffuse_map(rest: bytes, path: Path, number: int, root: Path) -> DiffuseMap:
    options, name = _split_options(rest)
    if not os.path.isfile(path.parent / decode_name(name).replace("\\", "/")):
        name = plain_name(name)
    if not name:
        raise line_error(path, number, "map_Kd must name a file", rest)
    try:
        offset = [float(word) for word in options.get(b"-o", [])]
        scale = [float(word) for word in options.get(b"-s", [])]
    except ValueError:
        offset = scale = [math.nan]
    if not all(map(math.isfinite, offset + scale)):
        raise line_error(path, number, "-o and -s must be followed by finite numbers", rest)
    place = f"{path}, line {number}"
    return DiffuseMap(
        linked_file(root, decode_name(name), beside=path.parent, place=f"image named by {place}"),
        place,
        clamp=options.get(b"-clamp", [b""])[0].lower() == b"on",
        offset=_pair(offset, missing=0.0),
        scale=_pair(scale, missing=1.0),
    )


def _split_options(rest: bytes) -> tuple[dict[bytes, list[bytes]], bytes]:
    """Split what follows `map_Kd` into options and the file name, which may have spaces."""
    options: dict[bytes, list[bytes]] = {}
    words: list[bytes] = []  # of the last option
    wanted = 0
    while rest:
        head, *tail = rest.split(None, 1)
        option = head.lower()
        if option in OPTIONS:
            words = options[option] = []
            wanted = OPTIONS[option]
        elif tail and len(words) < wanted and (not words or wanted < 3 or _is_number(head)):
            words.append(head)  # never the last word, which is the name
        else:
            break
        rest = tail[0] if tail else b""
    return options, rest


def _pair(values: list[float], *, missing: float) -> tuple[float, float]:
    first, second, *_ = [*values, missing, missing]
    return first, second


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
