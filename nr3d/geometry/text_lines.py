"""Lines of text files that may hold anything, with the number of each for messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

MAX_LINE = 1 << 20  # bytes; a polygon with 100000 corners fits

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # what some editors put before UTF-8 text
_COMMENT = re.compile(rb"(?:^|\s)#")

T = TypeVar("T")


def read_lines(path: Path, *, kind: str) -> tuple[list[bytes], bool]:
    """Read the lines of a text file; no more than a part of a line that is too long is held.

    A byte order mark is no part of the first one.

    Args:
        path: The file.
        kind: What it should be, for messages: `OBJ`.

    Returns:
        The lines without their ends, and whether the last one has an end.

    Raises:
        ValueError: If the file is binary or a line is longer than `MAX_LINE` bytes.
    """
    lines: list[bytes] = []
    rest = b""
    with path.open("rb") as file:
        if file.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
            file.seek(0)
        while chunk := file.read(MAX_LINE):
            if b"\0" in chunk:
                raise ValueError(f"load_mesh: {path} must be an {kind} file, got binary data")
            data = rest + chunk
            end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1  # a last \r may want its \n
            found, rest = data[:end].splitlines(), data[end:]
            if max(len(rest), len(found[0]) if found else 0) > MAX_LINE:  # others fit in the chunk
                number = len(lines) + 1 + (len(found) if len(rest) > MAX_LINE else 0)
                raise ValueError(
                    f"load_mesh: {path}, line {number}: a line must have at most {MAX_LINE} bytes, "
                    "got more"
                )
            lines += found
    return lines + rest.splitlines(), not rest or rest.endswith(b"\r")


def cut_comment(line: bytes) -> bytes:
    """Give a line up to a `#` that begins a word; one inside a word belongs to a name."""
    found = _COMMENT.search(line) if b"#" in line else None
    return line[: found.start()] if found else line


def join_continued(lines: list[bytes]) -> list[bytes]:
    """Append lines to those before them that end in a backslash; line numbers stay.

    A comment ends with its line, whatever stands last there: often the path of a folder.
    """
    joined: list[bytes] = []
    parts: list[bytes] = []
    for line in lines:
        parts.append(line)
        if not line.endswith(b"\\") or cut_comment(line) != line:
            joined += _one_line(parts)
            parts = []
    return joined + _one_line(parts)


def parse_each(
    parse: Callable[[bytes], list[T]],
    lines: list[bytes],
    numbers: list[int],
    path: Path,
    wanted: str,
    *,
    shown: list[bytes] | None = None,
) -> list[list[T]]:
    """Parse every line; where one fails, say which, as it is in `shown` if the lines are not."""
    rows: list[list[T]] = []
    for line in lines:
        try:
            rows.append(parse(line))
        except (ValueError, OverflowError):
            place = len(rows)
            line = line if shown is None else shown[place]
            raise line_error(path, numbers[place], wanted, line) from None
    return rows


def line_error(path: Path, number: int, wanted: str, line: bytes) -> ValueError:
    """Make the error for a damaged line; long ones are shown in part."""
    text = line[:240].decode(errors="replace")
    text = text if len(text) <= 60 else text[:57] + "..."
    return ValueError(f"load_mesh: {path}, line {number}: {wanted}, got {text!r}")


def _one_line(parts: list[bytes]) -> list[bytes]:
    """Join the parts of one line and fill up with empty ones."""
    if len(parts) < 2:
        return parts
    whole = b" ".join([*(part[:-1] for part in parts[:-1]), parts[-1]])
    return [whole] + [b""] * (len(parts) - 1)
