"""What every recipe does: make objects in parallel, put up with broken ones, go on after a kill."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nr3d.data.archives import state_of
from nr3d.data.assembling import assemble
from nr3d.data.format import FLAGS, Header, ObjectRecord
from nr3d.data.hollow import HOLLOW_FROM, hollow_share
from nr3d.data.partition import Partitioner, partition_by_name, partition_each
from nr3d.data.writer import RecordCache, write_dataset

MAX_REPORTED = 20
OF_THE_MACHINE = {
    getattr(errno, name) for name in "ENOSPC EDQUOT EMFILE ENFILE ENOMEM EROFS".split()
}
"""What fails for want of room or handles is no fault of the object."""


@dataclass(frozen=True)
class Job:
    """One object to make.

    Attributes:
        id: Unique name; also shown when the object cannot be used.
        category: Index into the categories.
        settings: What `make_record` of the recipe needs; plain values only. An object is made of
            the files and folders whose absolute paths are among them.
    """

    id: str
    category: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class BuildReport:
    """What came of a build.

    Attributes:
        num_objects: Objects in the file.
        skipped: Reason for each object that could not be used.
        warned: What is wrong with each of the others that the recipe warned about.
    """

    num_objects: int
    skipped: dict[str, str]
    warned: dict[str, str]


def build_dataset(
    path: str | Path,
    *,
    recipe: Path,
    jobs: Sequence[Job],
    header: Header,
    num_workers: int = 0,
    group_copies: bool = True,
    splits_given: bool = False,
    partition: Partitioner | None = None,
) -> BuildReport:
    """Make all objects with `make_record(job)` of the recipe file and write the dataset.

    A broken object (ValueError or OSError) is skipped and reported by name; so is what the recipe
    warns about while it makes an object that stays. Finished objects are kept beside the file until
    the end, so the same call goes on where a killed one stopped; it tries broken ones again, and
    makes those anew whose job is another one than it was, or whose files have changed.

    Args:
        path: The dataset.
        recipe: Python file that defines `make_record(job) -> ObjectRecord`; `split` and `flags`
            of what it gives are set here, but for `splits_given`.
        jobs: The objects; the file keeps their order.
        header: Attributes of the file; measured facts are added to its card.
        num_workers: Processes; 0 works in this one.
        group_copies: Whether near copies of one model must share a split.
        splits_given: Whether records come with the split of their source; copies are then counted
            and not moved, and memory does not grow with the number of objects.
        partition: Finds copies and gives splits in place of the common rule.

    Raises:
        ValueError: Not one object could be used, given splits are copies of each other, or what
            `partition` raises.
        OSError: The disk is full, or the machine lacks something else.
    """
    cache = RecordCache(path, settings=f"{header.recipe}; categories {header.categories}")
    cache.expect(_sources(jobs))
    _make_all(cache, recipe=recipe, jobs=jobs, num_workers=num_workers)
    skipped = _reasons(jobs, cache.rejection)
    ids = [job.id for job in jobs if job.id not in skipped]
    warned = _reasons([job for job in jobs if job.id not in skipped], cache.warning)
    _report("skipped", skipped)
    _report("warned about", warned)
    if not ids:
        cache.remove()
        raise ValueError(
            f"dataset {path} must get at least one object, got none: all {len(jobs)} were skipped"
            + (f"; the first: {next(iter(skipped.items()))}" if skipped else "")
        )
    counts = {"skipped": str(len(skipped)), "warned about": str(len(warned))}
    if splits_given:
        header = replace(header, card={**header.card, **counts})
        return BuildReport(assemble(path, cache, ids, header=header), skipped, warned)
    if partition is None:
        partition = partition_by_name if group_copies else partition_each
    splits, flags, card = _measure(cache, ids, partition)
    header = replace(header, card={**header.card, **card, **counts})
    records = _finished(cache, ids, splits=splits, flags=flags)
    num_objects = write_dataset(path, header=header, records=records)
    cache.remove()
    return BuildReport(num_objects, skipped, warned)


def _sources(jobs: Sequence[Job]) -> dict[str, str]:
    """Say for each object what it is made of, and the state of the files concerned."""
    states: dict[str, str] = {}
    sources = {}
    for job in jobs:
        paths = [text for text in job.settings.values() if isinstance(text, str)]
        paths = [path for path in paths if os.path.isabs(path)]
        states |= {path: state_of(Path(path)) for path in paths if path not in states}
        made_of = [job.category, job.settings, [states[path] for path in paths]]
        sources[job.id] = json.dumps(made_of)
    return sources


def _make_all(cache: RecordCache, *, recipe: Path, jobs: Sequence[Job], num_workers: int) -> None:
    todo = [job for job in jobs if not cache.has(job.id)]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("objects", total=len(jobs), completed=len(jobs) - len(todo))
        if num_workers == 0:
            make_record = _make_record_of(recipe)
            for job in todo:
                _make_one(make_record, cache, job)
                progress.advance(task)
            return
        context = multiprocessing.get_context("spawn")  # fork would copy torch's thread pools
        with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
            futures = [pool.submit(_make_in_worker, recipe, cache, job) for job in todo]
            try:
                for future in as_completed(futures):
                    future.result()
                    progress.advance(task)
            except BaseException:
                _cancel(futures)
                raise


def _cancel(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.cancel()


def _make_in_worker(recipe: Path, cache: RecordCache, job: Job) -> None:
    torch.set_num_threads(1)
    _make_one(_make_record_of(recipe), cache, job)


def _make_record_of(recipe: Path) -> Callable[[Job], ObjectRecord]:
    from nr3d.data.recipes import load_recipe_file

    make_record: Callable[[Job], ObjectRecord] = load_recipe_file(recipe).make_record
    return make_record


def _make_one(make_record: Callable[[Job], ObjectRecord], cache: RecordCache, job: Job) -> None:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            record = make_record(job)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            raise
        cache.reject(job.id, f"{error}")
        return
    if caught:  # kept first: an object that is there is not made again
        cache.warn(job.id, "; ".join(dict.fromkeys(str(each.message) for each in caught)))
    cache.save(record)


def _reasons(jobs: Sequence[Job], reason_of: Callable[[str], str | None]) -> dict[str, str]:
    found = {job.id: reason_of(job.id) for job in jobs}
    return {name: reason for name, reason in found.items() if reason is not None}


def _report(verb: str, reasons: dict[str, str]) -> None:
    """Print what happened to which object and why."""
    console = Console(stderr=True)
    for name, reason in list(reasons.items())[:MAX_REPORTED]:
        console.print(f"{verb} {name}: {reason}", markup=False, highlight=False, soft_wrap=True)
    if len(reasons) > MAX_REPORTED:
        console.print(f"{verb} {len(reasons) - MAX_REPORTED} more")


def _measure(
    cache: RecordCache, ids: Sequence[str], partition: Partitioner
) -> tuple[Sequence[int], list[int], dict[str, str]]:
    """Give split and flags of each object, and the facts for the dataset's card."""
    grids, category = [], []
    for record in _load(cache, ids):
        grids.append(_voxels_of(record))
        category.append(record.category)
    voxels = torch.from_numpy(np.stack(grids))
    shares = hollow_share(voxels)
    hollow = shares >= HOLLOW_FROM
    found = partition(ids, category, voxels)
    card = {
        "hollow": f"{int(hollow.sum())} of {len(ids)} objects "
        f"(hidden empty space at least {HOLLOW_FROM:.0%} of hidden and occupied)",
        "mean hollow share": f"{shares.mean().item():.3f}",
        "mean occupancy": f"{voxels.float().mean().item():.3f}",
        **found.card,
    }
    flags = [FLAGS["hollow"] if is_hollow else 0 for is_hollow in hollow.tolist()]
    return found.splits, flags, card


def _load(cache: RecordCache, ids: Sequence[str]) -> Iterator[ObjectRecord]:
    for id in ids:
        record = cache.load(id)
        assert record is not None, id
        yield record


def _voxels_of(record: ObjectRecord) -> NDArray[np.bool_]:
    if record.voxels is None:
        raise ValueError(
            f"build_dataset: voxels of {record.id!r} must be an array, got None; only sources with "
            "splits of their own do without"
        )
    return record.voxels


def _finished(
    cache: RecordCache, ids: Sequence[str], *, splits: Sequence[int], flags: Sequence[int]
) -> Iterator[ObjectRecord]:
    for record, split, flag in zip(_load(cache, ids), splits, flags, strict=True):
        yield replace(record, split=split, flags=flag)
