"""Splits that somebody else made: lists of objects for training, validation and testing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nr3d.data.format import SPLITS

MAX_NAMED = 3
Splits = dict[str, list[str]]
"""Split to its objects, each `synset/model`."""


def read_list(path: Path) -> list[str]:
    """Read one name a line; empty lines do not count.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"list {path} not found")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"list {path} must be text in UTF-8, got {error}; copy it again"
        ) from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def read_splits(path: Path) -> Splits:
    """Read the splits of all classes.

    Three layouts are known:
    `{"train": {SYNSET: {MODEL: [views]} or [MODEL, ...]}}` in JSON (Mesh R-CNN, PyTorch3D; every
    object has all its views in our datasets, so lists of views are not used);
    `[{"taxonomy_id": SYNSET, "train": [MODEL, ...]}]` in JSON (Pix2Vox);
    columns `synsetId`, `modelId`, `split` in CSV (ShapeNet's own).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has another layout.
    """
    if not path.is_file():
        raise FileNotFoundError(f"split list {path} not found")
    try:
        text = path.read_text(encoding="utf-8")
        found = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"split list {path} must be one of the layouts that datasets/README.md names, got "
            f"{type(error).__name__}: {error}"
        ) from error
    if not any(found.values()):
        raise ValueError(f"split list {path} must name objects of {', '.join(SPLITS)}, got none")
    return found


def split_of_each(path: Path, splits: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Give the split of each object as an index into `SPLITS`.

    Raises:
        ValueError: An object is in two splits, or twice in one.
    """
    found: dict[str, int] = {}
    shared: list[str] = []
    for number, split in enumerate(SPLITS):
        for name in splits.get(split, ()):
            if name in found:
                shared.append(f"{name} ({SPLITS[found[name]]} and {split})")
            found[name] = number
    if shared:
        named = ", ".join(shared[:MAX_NAMED])
        raise ValueError(
            f"split list {path} must name each object once, got {len(shared)} that splits share: "
            f"{named}; take them out of all splits but one"
        )
    return found


def without_shared(splits: Splits) -> tuple[Splits, int]:
    """Take objects that two splits share out of both; tell how many."""
    seen: dict[str, set[str]] = {}
    for split, names in splits.items():
        for name in names:
            seen.setdefault(name, set()).add(split)
    shared = {name for name, places in seen.items() if len(places) > 1}
    kept = {
        split: [name for name in names if name not in shared] for split, names in splits.items()
    }
    return kept, len(shared)


def first_of_each(each: Mapping[str, int], limit: int | None) -> list[tuple[str, int]]:
    """Give the first objects of each class and split, at most `limit`, by name; with their split.

    Args:
        each: `synset/model` (or a model, all of one class) to its split.
        limit: At least 1; None for all.
    """
    taken: Counter[tuple[str, int]] = Counter()
    chosen = []
    for name, split in sorted(each.items()):
        synset = name.rpartition("/")[0]
        taken[synset, split] += 1
        if limit is None or taken[synset, split] <= limit:
            chosen.append((name, split))
    return chosen


def _from_json(content: Any) -> Splits:
    if isinstance(content, list):
        return {
            split: [
                f"{entry['taxonomy_id']}/{model}" for entry in content for model in entry[split]
            ]
            for split in SPLITS
        }
    return {
        split: [
            f"{synset}/{model}"
            for synset, models in content.get(split, {}).items()
            for model in models
        ]
        for split in SPLITS
    }


def _from_csv(text: str) -> Splits:
    splits: Splits = {split: [] for split in SPLITS}
    for row in csv.DictReader(text.splitlines()):
        splits[row["split"]].append(f"{int(row['synsetId']):08d}/{row['modelId']}")
    return splits
