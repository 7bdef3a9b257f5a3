"""The list of a closed benchmark: which objects, in which split, made from which bytes."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from nr3d.data.format import SPLITS

MAX_NAMED = 5


@dataclass(frozen=True)
class Entry:
    """One object of the list.

    Attributes:
        id: Unique name.
        category: Name of its category.
        family: Name of the first of its near copies, or its own.
        split: `train`, `val` or `test`.
        digest: `digest_of` the file of its geometry.
    """

    id: str
    category: str
    family: str
    split: str
    digest: str


COLUMNS = tuple(entry.name for entry in fields(Entry))


def digest_of(content: bytes) -> str:
    """Give the first 16 digits of a SHA-256 sum."""
    return hashlib.sha256(content).hexdigest()[:16]


def read_listing(path: Path) -> tuple[Entry, ...]:
    """Read a list: CSV with the columns of `Entry`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Other columns, an unknown split, an object twice, or a family in two splits.
    """
    if not path.is_file():
        raise FileNotFoundError(f"benchmark list {path} not found")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError(
            f"benchmark list {path} must begin with {','.join(COLUMNS)}, "
            f"got {','.join(rows[0]) if rows else 'nothing'}"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS) or row[COLUMNS.index("split")] not in SPLITS:
            raise ValueError(
                f"benchmark list {path}, line {number} must have {len(COLUMNS)} columns and the "
                f"split {', '.join(SPLITS)}, got {','.join(row)}"
            )
    entries = tuple(Entry(*row) for row in rows[1:])
    _check_unique(path, entries)
    return entries


def write_listing(path: Path, entries: Iterable[Entry]) -> None:
    """Write a list."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(entry) for entry in entries)


def _check_unique(path: Path, entries: Sequence[Entry]) -> None:
    seen: set[str] = set()
    splits: dict[str, str] = {}
    for entry in entries:
        if entry.id in seen:
            raise ValueError(
                f"benchmark list {path} must name each object once, got {entry.id} twice"
            )
        seen.add(entry.id)
        if splits.setdefault(entry.family, entry.split) != entry.split:
            raise ValueError(
                f"benchmark list {path} must keep a family in one split, got {entry.family} in "
                f"{splits[entry.family]} and, with {entry.id}, in {entry.split}"
            )


def check_against(
    place: str, found: Mapping[str, Entry], listed: Sequence[Entry], *, remedy: str
) -> None:
    """Check that what was found is what is listed.

    Args:
        place: What was looked at, for the message.
        found: Objects by id; what is empty in an entry is not compared.
        listed: What must be there.
        remedy: What to do if it is not.

    Raises:
        ValueError: Objects are missing, not listed, or differ; the message names the first.
    """
    ids = {entry.id for entry in listed}
    problems = [f"{id} is not listed" for id in found if id not in ids]
    for entry in listed:
        other = found.get(entry.id)
        if other is None:
            problems.append(f"{entry.id} is missing")
            continue
        for name in COLUMNS:
            actual, wanted = getattr(other, name), getattr(entry, name)
            if actual and actual != wanted:
                problems.append(f"{entry.id} has the {name} {actual}, listed is {wanted}")
    if problems:
        rest = len(problems) - MAX_NAMED
        more = f"; and {rest} more" if rest > 0 else ""
        raise ValueError(
            f"{place} must hold the {len(listed)} listed objects, got {len(problems)} differences: "
            f"{'; '.join(problems[:MAX_NAMED])}{more}; {remedy}"
        )
