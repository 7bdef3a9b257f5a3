"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(contents: dict[Path, bytes]) -> None:
    """Write files under other names first and rename them, in order, once all are complete.

    A failure leaves the files as they were before, unless it comes between two renamings; put the
    file that names the others last.

    Raises:
        OSError: If a file cannot be written.
    """
    parts = {path: path.with_name(path.name + ".part") for path in contents}
    try:
        for path, content in contents.items():
            parts[path].write_bytes(content)
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
