"""Files that a mesh file names: material files and images."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from nr3d.geometry.text_lines import cut_comment

_QUOTED = re.compile(rb"\"([^\"]+)\"\s*(?:#.*)?")


def plain_name(name: bytes) -> bytes:
    """Give a name of a text file without quotes or a comment behind it."""
    quoted = _QUOTED.fullmatch(name)
    return quoted[1].strip() if quoted else cut_comment(name).strip()


def linked_file(root: Path, name: str, *, beside: Path, place: str) -> Path:
    """Give the path of a file that another one names, which need not be there.

    Args:
        root: The folder of the mesh file; nothing outside it is read.
        name: As written; a backslash separates folders too.
        beside: The folder that `name` is relative to, `root` or inside it.
        place: What the file is and who names it, for the message.

    Raises:
        ValueError: If the name is absolute or leads out of `root`, also by a symbolic link.
    """
    relative = name.replace("\\", "/")
    inner = os.path.normpath(os.path.join(os.path.relpath(beside, root), relative))
    is_absolute = relative.startswith("/") or PureWindowsPath(name).drive != ""
    if is_absolute or inner.split(os.sep)[0] == os.pardir:
        raise ValueError(
            f"load_mesh: {place} must lie inside {root}, got {name!r}; "
            "copy it beside the mesh and name it without folders"
        )
    target = Path(os.path.realpath(root / inner))
    if not target.is_relative_to(os.path.realpath(root)):
        raise ValueError(
            f"load_mesh: {place} must lie inside {root}, got {name!r}, a link to {target}; "
            "copy it beside the mesh"
        )
    return root / inner


def decode_name(name: bytes) -> str:
    """Give a file name as the file system wants it, whatever its encoding."""
    return name.decode(errors="surrogateescape")
