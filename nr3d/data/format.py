"""The HDF5 layout of multi-view datasets: names, the index of a file, and its checks.

datasets/README.md is the specification; this module is its only reader.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT = "nr3d-multiview"
VERSION = 1
SPLITS = ("train", "val", "test")
FLAGS = {"hollow": 1}

TEXT = h5py.string_dtype("utf-8")
KINDS = {"eyes": "floats", "id": "text"}
CODES = {"floats": "f", "integers": "iu", "text": "OS"}


@dataclass(frozen=True)
class Header:
    """What holds for the whole file; stored as attributes.

    Attributes:
        categories: Names; `category` indexes them.
        viewing_angle: Half the field of view of every view, in degrees.
        source: Where the objects come from.
        licence: Terms of the whole; single objects may carry their own.
        recipe: Name of the recipe and its settings.
        card: Measured facts about the data, name to value.
    """

    categories: tuple[str, ...]
    viewing_angle: float
    source: str
    licence: str
    recipe: str
    card: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectRecord:
    """One object, ready to be written.

    Attributes:
        id: Unique name inside the file.
        category: Index into `Header.categories`.
        split: Index into `SPLITS`.
        images: RGB on black and coverage. uint8 [N, 4, H, W]
        eyes: Camera positions in the mesh frame. float32 [N, 3]
        voxels: Occupancy in the mesh frame, axes x, y, z. bool [R, R, R]
        flags: Bits of `FLAGS`.
        creator: Author of the object.
        licence: Terms of this object.
        points: Samples of the surface in the mesh frame. float16 [P, 3]
        normals: Unit normals there, on either side. float16 [P, 3]
    """

    id: str
    category: int
    split: int
    images: NDArray[np.uint8]
    eyes: NDArray[np.float32]
    voxels: NDArray[np.bool_] | None
    flags: int = 0
    creator: str = ""
    licence: str = ""
    points: NDArray[np.float16] | None = None
    normals: NDArray[np.float16] | None = None


@dataclass(frozen=True)
class Index:
    """Everything of a file but images, voxels and surfaces; small enough for memory.

    Attributes:
        header: Attributes of the file.
        ids: One name per object.
        category: int64 [O]
        split: int64 [O]; -1 for objects left out by `keep_categories`
        flags: int64 [O]
        eyes: float32 [O, N, 3]
        image_size: Height and width in pixels.
        resolution: Voxels per axis, or None where the file has none.
        num_points: Surface samples of each object, or None where the file has none.
    """

    header: Header
    ids: tuple[str, ...]
    category: NDArray[np.int64]
    split: NDArray[np.int64]
    flags: NDArray[np.int64]
    eyes: NDArray[np.float32]
    image_size: tuple[int, int]
    resolution: int | None
    num_points: int | None = None

    def objects_of(self, split: str) -> NDArray[np.int64]:
        """Give the rows of one split, in file order."""
        return np.flatnonzero(self.split == SPLITS.index(split)).astype(np.int64)


def open_file(path: str | Path) -> h5py.File:
    """Open a dataset for reading.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, or no HDF5 file at all.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"dataset file {path} not found; run nr3d dataset build NAME -o {path}; "
            "nr3d dataset build --help lists the names"
        )
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"dataset file {path} must be a whole HDF5 file, got {_reason(error)}; "
            "build or copy it again"
        ) from error


def read_index(path: str | Path) -> Index:
    """Read and check everything of a dataset but its images, voxels and surfaces.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No HDF5 file, a truncated one, another layout, or no objects.
    """
    with open_file(path) as file:
        check_layout(file, path)
        try:
            return _read_index(file)
        except OSError as error:
            raise ValueError(
                f"dataset file {path} must be a whole HDF5 file, got {_reason(error)}; "
                "build or copy it again"
            ) from error


def keep_categories(index: Index, names: Collection[str]) -> Index:
    """Leave the objects of other categories out of every split; rows and numbers stay."""
    kept = [number for number, name in enumerate(index.header.categories) if name in names]
    return replace(index, split=np.where(np.isin(index.category, kept), index.split, -1))


def check_layout(file: h5py.File, path: str | Path) -> None:
    """Check names, shapes and types of an open file against the specification."""
    if _text_attribute(file, "format") != FORMAT:
        raise _layout_error(path, f"the attribute format = {FORMAT!r}", "none or another")
    version = int(file.attrs.get("version", 0))
    if version != VERSION:
        raise _layout_error(path, f"version {VERSION}", f"version {version}")
    for name in ("categories", "viewing_angle"):
        if name not in file.attrs:
            raise _layout_error(path, f"the attribute {name}", "none")
    for name in ("images", "eyes", "category", "id", "split"):
        if not isinstance(file.get(name), h5py.Dataset):
            raise _layout_error(path, f"a dataset {name}", "none")
    images = file["images"]
    if images.ndim != 5 or images.shape[2] != 4 or images.dtype != np.uint8:
        raise _layout_error(path, "images uint8 [O, N, 4, H, W]", _describe(images))
    if images.shape[0] == 0 or images.shape[1] == 0:
        raise _layout_error(path, "at least one object with one view", _describe(images))
    _check_rows(file, path)


def _check_rows(file: h5py.File, path: str | Path) -> None:
    num_objects, num_views = file["images"].shape[:2]
    wanted = {
        "eyes": (num_objects, num_views, 3),
        "category": (num_objects,),
        "id": (num_objects,),
        "split": (num_objects,),
    }
    if "flags" in file:
        wanted["flags"] = (num_objects,)
    for name, shape in wanted.items():
        if file[name].shape != shape:
            raise _layout_error(path, f"{name} of shape {list(shape)}", _describe(file[name]))
        kind = KINDS.get(name, "integers")
        if file[name].dtype.kind not in CODES[kind]:
            raise _layout_error(path, f"{name} of {kind}", _describe(file[name]))
    if "voxels" in file:
        voxels = file["voxels"]
        side = voxels.shape[-1] if voxels.ndim else 0
        if voxels.shape != (num_objects, side, side, side) or voxels.dtype != np.bool_:
            raise _layout_error(path, f"voxels bool [{num_objects}, R, R, R]", _describe(voxels))
    _check_surfaces(file, path)
    num_categories = len(_categories(file))
    if not ((file["category"][:] >= 0) & (file["category"][:] < num_categories)).all():
        raise _layout_error(path, f"category in [0, {num_categories})", "others")
    if not np.isin(file["split"][:], range(len(SPLITS))).all():
        raise _layout_error(path, f"split in [0, {len(SPLITS)})", "others")
    if not np.isfinite(file["eyes"][:]).all():
        raise _layout_error(path, "finite eyes", "NaN or infinity")


def _check_surfaces(file: h5py.File, path: str | Path) -> None:
    if ("points" in file) != ("normals" in file):
        raise _layout_error(path, "points and normals, or neither", "one of them")
    for name in ("points", "normals") if "points" in file else ():
        found, shape = file[name], file["points"].shape
        fits = found.shape == shape == (len(file["images"]), *shape[1:2], 3) and shape[1] > 0
        if not fits or found.dtype != np.float16:
            raise _layout_error(path, f"{name} float16 [O, P, 3]", _describe(found))


def _read_index(file: h5py.File) -> Index:
    num_objects = len(file["images"])
    flags = file["flags"][:] if "flags" in file else np.zeros(num_objects)
    return Index(
        header=Header(
            categories=_categories(file),
            viewing_angle=float(file.attrs["viewing_angle"]),
            source=_text_attribute(file, "source"),
            licence=_text_attribute(file, "licence"),
            recipe=_text_attribute(file, "recipe"),
            card=json.loads(_text_attribute(file, "card") or "{}"),
        ),
        ids=tuple(str(name) for name in file["id"].asstr()[:]),
        category=file["category"][:].astype(np.int64),
        split=file["split"][:].astype(np.int64),
        flags=flags.astype(np.int64),
        eyes=file["eyes"][:].astype(np.float32),
        image_size=(int(file["images"].shape[3]), int(file["images"].shape[4])),
        resolution=int(file["voxels"].shape[1]) if "voxels" in file else None,
        num_points=int(file["points"].shape[1]) if "points" in file else None,
    )


def _categories(file: h5py.File) -> tuple[str, ...]:
    names = file.attrs["categories"]
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)


def _text_attribute(file: h5py.File, name: str) -> str:
    value = file.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _describe(dataset: h5py.Dataset) -> str:
    return f"{dataset.dtype} {list(dataset.shape)}"


def _reason(error: OSError) -> str:
    text = str(error)
    return "a truncated one" if "truncated" in text else f"{text.strip()!r}"


def _layout_error(path: str | Path, expected: str, actual: str) -> ValueError:
    return ValueError(
        f"dataset file {path} must have {expected}, got {actual}; "
        "datasets/README.md specifies the layout"
    )
