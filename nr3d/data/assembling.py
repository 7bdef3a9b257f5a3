"""Put finished objects together whose source says to which split they belong."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nr3d.data.format import FLAGS, SPLITS, Header, ObjectRecord
from nr3d.data.hollow import HOLLOW_FROM, hollow_share
from nr3d.data.writer import RecordCache, write_dataset

COPIES_FROM = 0.25
"""Share of a split from which its being in another split is no accident of the source."""


def assemble(path: str | Path, cache: RecordCache, ids: Sequence[str], *, header: Header) -> int:
    """Write kept objects, with their own splits, one at a time, and drop the cache.

    Flags and facts for the card are measured here. ShapeNet holds some models twice under two
    names, so objects with the same images in two splits are counted and warned about.

    Args:
        path: The dataset.
        cache: Holds all of `ids`.
        ids: The objects in the order of the file.
        header: Attributes of the file.

    Returns:
        Number of objects.

    Raises:
        ValueError: A quarter of a split or more is in another split, too.
    """
    facts = _measure(cache, ids)
    copies = facts.copies()
    if copies:
        warnings.warn(
            f"{path}: {copies} objects have the same images as one of another split", stacklevel=2
        )
    card = {**header.card, "same images in two splits": str(copies), **facts.of_voxels()}
    records = _flagged(cache, ids, facts.flags)
    num_objects = write_dataset(path, header=replace(header, card=card), records=records)
    cache.remove()
    return num_objects


@dataclass
class _Facts:
    """What is measured object by object."""

    flags: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    occupancy: list[float] = field(default_factory=list)
    digests: list[dict[bytes, int]] = field(default_factory=lambda: [{} for _ in SPLITS])

    def add(self, record: ObjectRecord) -> None:
        seen = self.digests[record.split]
        digest = hashlib.blake2b(record.images.tobytes(), digest_size=16).digest()
        seen[digest] = seen.get(digest, 0) + 1
        share = 0.0
        if record.voxels is not None:
            share = _hollow(record.voxels)
            self.shares.append(share)
            self.occupancy.append(float(record.voxels.mean()))
        self.flags.append(FLAGS["hollow"] if share >= HOLLOW_FROM else 0)

    def copies(self) -> int:
        """Count the objects of each split that an earlier one has, too."""
        total = 0
        for second, first in ((1, 0), (2, 0), (2, 1)):
            here, there = self.digests[second], self.digests[first]
            shared = sum(count for digest, count in here.items() if digest in there)
            size = min(sum(here.values()), sum(there.values()))
            if shared and shared >= COPIES_FROM * size:
                raise ValueError(
                    f"split {SPLITS[second]} must hold other objects than {SPLITS[first]}, got "
                    f"{shared} with the same images; check which file is which"
                )
            total += shared
        return total

    def of_voxels(self) -> dict[str, str]:
        if not self.shares:
            return {"voxels": "none in the source"}
        return {
            "hollow": f"{sum(flag & 1 for flag in self.flags)} of {len(self.flags)} objects "
            f"(hidden empty space at least {HOLLOW_FROM:.0%} of hidden and occupied)",
            "mean hollow share": f"{np.mean(self.shares):.3f}",
            "mean occupancy": f"{np.mean(self.occupancy):.3f}",
        }


def _measure(cache: RecordCache, ids: Sequence[str]) -> _Facts:
    facts = _Facts()
    for id in ids:
        record = cache.load(id)
        assert record is not None, id
        facts.add(record)
    return facts


def _flagged(
    cache: RecordCache, ids: Sequence[str], flags: Sequence[int]
) -> Iterator[ObjectRecord]:
    for id, flag in zip(ids, flags, strict=True):
        record = cache.load(id)
        assert record is not None, id
        yield replace(record, flags=flag)


def _hollow(voxels: NDArray[np.bool_]) -> float:
    return float(hollow_share(torch.from_numpy(voxels)[None])[0])
