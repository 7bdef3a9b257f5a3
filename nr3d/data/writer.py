"""Write datasets: one object after the other, and the finished file in one step.

`RecordCache` keeps finished objects beside the file while a recipe runs, so that a killed recipe
goes on where it stopped; `write_dataset` puts them together.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nr3d.data.format import FLAGS, FORMAT, TEXT, VERSION, Header, ObjectRecord

OPTIONAL = ("voxels", "points", "normals")


def write_dataset(path: str | Path, *, header: Header, records: Iterable[ObjectRecord]) -> int:
    """Write objects into a work file `PATH.part`, then rename it to `path`.

    A reader never sees half a dataset; a file that exists stays whole until the end. Only one
    object is in memory at a time.

    Returns:
        Number of objects.

    Raises:
        ValueError: There are no objects, or they differ in number of views or sizes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    num_objects = 0
    try:
        with h5py.File(part, "w") as file:
            for record in records:
                if num_objects == 0:
                    _create(file, record)
                _append(file, record, row=num_objects)
                num_objects += 1
            write_attributes(file, header)
        if num_objects == 0:
            raise ValueError(
                "write_dataset: records must hold at least one object, got none; "
                "see the messages about skipped objects"
            )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return num_objects


def _create(file: h5py.File, record: ObjectRecord) -> None:
    """Create growable datasets with the sizes of the first object; a chunk is one image."""
    num_views, channels, height, width = record.images.shape
    image = (channels, height, width)

    def create(name: str, shape: tuple[int, ...], dtype: Any, **options: Any) -> None:
        file.create_dataset(name, (0, *shape), dtype=dtype, maxshape=(None, *shape), **options)

    create("images", (num_views, *image), np.uint8, chunks=(1, 1, *image), compression="lzf")
    create("eyes", (num_views, 3), np.float32)
    if record.voxels is not None:
        grid = record.voxels.shape
        create("voxels", grid, np.bool_, chunks=(1, *grid), compression="lzf")
    for name, samples in (("points", record.points), ("normals", record.normals)):
        if samples is not None:
            create(name, samples.shape, np.float16, chunks=(1, *samples.shape))
    create("category", (), np.int32)
    create("split", (), np.int8)
    create("flags", (), np.uint8)
    for name in ("id", "creator", "licence"):
        create(name, (), TEXT)


def _append(file: h5py.File, record: ObjectRecord, *, row: int) -> None:
    values = _arrays(record)
    for name in OPTIONAL:
        if name in file and name not in values:
            raise ValueError(
                f"write_dataset: {name} of {record.id!r} must be given as for the first object, "
                "got None"
            )
    for name, value in values.items():
        dataset = file.get(name)
        if dataset is None or np.shape(value) != dataset.shape[1:]:
            wanted = "none" if dataset is None else str(list(dataset.shape[1:]))
            raise ValueError(
                f"write_dataset: {name} of {record.id!r} must have the shape {wanted} "
                f"of the first object, got {list(np.shape(value))}"
            )
        dataset.resize(row + 1, axis=0)
        dataset[row] = value


def _arrays(record: ObjectRecord) -> dict[str, Any]:
    values = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    return {name: value for name, value in values.items() if value is not None}


def write_attributes(file: h5py.File, header: Header) -> None:
    """Write what a file says of itself, which makes it one of this format."""
    file.attrs["format"] = FORMAT
    file.attrs["version"] = VERSION
    file.attrs["categories"] = list(header.categories)
    file.attrs["viewing_angle"] = header.viewing_angle
    file.attrs["source"] = header.source
    file.attrs["licence"] = header.licence
    file.attrs["recipe"] = header.recipe
    file.attrs["card"] = json.dumps(header.card)
    file.attrs["flag_names"] = json.dumps(FLAGS)


class RecordCache:
    """A folder `FILE.objects` of finished objects, safe against being killed at any moment.

    Args:
        path: The dataset that is being built.
        settings: What shapes the objects; a folder made with other settings is started again.

    Raises:
        ValueError: Something else has that name.
    """

    def __init__(self, path: str | Path, *, settings: str) -> None:
        path = Path(path)
        self.folder = path.with_name(path.name + ".objects")
        self._marker = marker = self.folder / "settings.txt"
        if self.folder.exists() and not marker.is_file():
            if not self.folder.is_dir() or any(self.folder.iterdir()):
                raise ValueError(
                    f"dataset {path}: {self.folder} must be free for finished objects, got "
                    "something that no build left there; move it or choose another name"
                )
        elif self.folder.exists() and marker.read_text() != settings:
            self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(settings)

    def expect(self, sources: Mapping[str, str]) -> None:
        """Forget which objects were rejected, and those that were made of another source.

        Args:
            sources: For each object what it is made of, in any words; kept for the next time.
        """
        file = self.folder / "sources.json"
        before = _read_sources(file)
        for id, source in sources.items():
            target = self._file(id)
            target.with_suffix(".json").unlink(missing_ok=True)
            if before.get(id) != source:
                target.unlink(missing_ok=True)
                target.with_suffix(".warning.json").unlink(missing_ok=True)
        work = file.with_suffix(f".{os.getpid()}.part")
        work.write_text(json.dumps({**before, **sources}))
        os.replace(work, file)

    def save(self, record: ObjectRecord) -> None:
        """Keep one object."""
        target = self._file(record.id)
        work = target.with_suffix(f".{os.getpid()}.part")
        arrays = {name: value for name, value in _arrays(record).items() if value is not None}
        with work.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        os.replace(work, target)

    def load(self, id: str) -> ObjectRecord | None:
        """Give a kept object, or None if it was never finished."""
        target = self._file(id)
        if not target.is_file():
            return None
        with np.load(target, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in arrays.files}
        scalars = {name: array.item() for name, array in values.items() if array.ndim == 0}
        return ObjectRecord(**{**dict.fromkeys(OPTIONAL), **values, **scalars})

    def reject(self, id: str, reason: str) -> None:
        """Remember that an object cannot be used."""
        self._write_reason(id, reason, suffix=".json")

    def rejection(self, id: str) -> str | None:
        """Give the reason why an object was rejected, or None."""
        return self._read_reason(id, suffix=".json")

    def warn(self, id: str, reason: str) -> None:
        """Remember what is wrong with an object that can be used."""
        self._write_reason(id, reason, suffix=".warning.json")

    def warning(self, id: str) -> str | None:
        """Give what is wrong with an object that can be used, or None."""
        return self._read_reason(id, suffix=".warning.json")

    def has(self, id: str) -> bool:
        """Tell whether an object was finished or rejected."""
        target = self._file(id)
        return target.is_file() or target.with_suffix(".json").is_file()

    def remove(self) -> None:
        """Delete the folder; what says that a build left it goes last, in case of a kill."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self._marker:
                path.unlink()
        shutil.rmtree(self.folder)

    def _write_reason(self, id: str, reason: str, *, suffix: str) -> None:
        target = self._file(id).with_suffix(suffix)
        work = target.with_suffix(f".{os.getpid()}.part")
        work.write_text(json.dumps({"id": id, "reason": reason}))
        os.replace(work, target)

    def _read_reason(self, id: str, *, suffix: str) -> str | None:
        target = self._file(id).with_suffix(suffix)
        return str(json.loads(target.read_text())["reason"]) if target.is_file() else None

    def _file(self, id: str) -> Path:
        return self.folder / f"{hashlib.sha256(id.encode()).hexdigest()[:24]}.npz"


def _read_sources(file: Path) -> dict[str, str]:
    """Give what the kept objects were made of; nothing if the machine died while that was kept."""
    try:
        return dict(json.loads(file.read_text()))
    except (FileNotFoundError, ValueError):
        return {}
