"""Hashes that say what was scored: the objects and the weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

BLOCK = 1 << 20


def hash_of_names(names: Iterable[str]) -> str:
    """Give the SHA-256 of names, whatever their order: sorted, in UTF-8, each ended by a newline.

    `sort` and `sha256sum` (with LC_ALL=C) say the same of a list of names in a file.
    """
    text = "".join(f"{name}\n" for name in sorted(names, key=lambda name: name.encode("utf-8")))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def hash_of_file(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, as `sha256sum` does."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
