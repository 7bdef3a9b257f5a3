"""What trimesh does not read of glTF files: how images go on, and whether the JSON is one."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

_REPEAT = 10497
_NAMES = {_REPEAT: "repeat", 33648: "mirror", 33071: "clamp"}


def check_gltf(path: Path) -> None:
    """Check that a file is the JSON of a scene: trimesh takes another file where it is not.

    Raises:
        ValueError: If it is something else.
    """
    content = path.read_bytes()
    got = ""
    try:
        tree = json.loads(content.decode())
        if not isinstance(tree, dict) or "meshes" not in tree:
            got = "JSON without 'meshes'"
    except (ValueError, RecursionError) as error:
        got = f"no JSON ({error})"
    if content[:4] == b"glTF":
        got = "a binary one; name it .glb"
    if got:
        raise ValueError(f"load_mesh: {path} must be a GLTF file, got {got}")


def number_materials(path: Path) -> tuple[bytes, list[str]]:
    """Read a GLB or glTF file and write the number of each material before its name.

    Names need not be unique, and nothing else of a material comes back from trimesh unchanged.

    Returns:
        The file, and the wrap of each material's image: `repeat`, `mirror` or `clamp`.

    Raises:
        Exception: Whatever a damaged file makes Python stumble over.

    Source: glTF 2.0 specification, binary glTF layout and samplers.
    """
    content = path.read_bytes()
    is_binary = content[:4] == b"glTF"
    end = 20 + int.from_bytes(content[12:16], "little")  # of the first chunk, which is JSON
    tree = json.loads(content[20:end] if is_binary else content)
    wraps = []
    for number, material in enumerate(tree.get("materials", [])):
        wraps.append(_wrap(path, tree, material))
        material["name"] = f"{number} {material.get('name', '')}"
    text = json.dumps(tree).encode()
    if not is_binary:
        return text, wraps
    text += b" " * (-len(text) % 4)
    sizes = 20 + len(text) + len(content[end:]), len(text)
    total, first = (size.to_bytes(4, "little") for size in sizes)
    return content[:8] + total + first + content[16:20] + text + content[end:], wraps


def take_number(name: str, wraps: list[str]) -> tuple[str, str]:
    """Give the name that a material had and the wrap of its image."""
    number, _, rest = name.partition(" ")
    return (rest, wraps[int(number)]) if wraps and number.isdecimal() else (name, "repeat")


def _wrap(path: Path, tree: Any, material: Any) -> str:
    texture = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
    if texture is None:
        return "repeat"
    index = tree["textures"][texture["index"]].get("sampler")
    sampler = {} if index is None else tree["samplers"][index]
    u, v = (_NAMES[sampler.get(key, _REPEAT)] for key in ("wrapS", "wrapT"))
    if u != v:
        warnings.warn(
            f"load_mesh: {path} wraps an image by {u} along u and by {v} along v; "
            f"{u} is taken for both",
            stacklevel=2,
        )
    return u
