"""Read multi-view datasets lazily, from any number of worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from nr3d.checks import check_choice
from nr3d.data.batch import MultiViewBatch
from nr3d.data.format import SPLITS, Index, open_file, read_index


class Source(Protocol):
    """Who gives the images of a batch in place of the file."""

    def take(self, objects: NDArray[np.int64], views: NDArray[np.int64]) -> MultiViewBatch:
        """Give some views [B, N] of some objects [B], without voxels."""


class ImageFile:
    """Images, voxels and surfaces of a file, read one by one, so a file larger than memory works.

    Every process opens the file itself on first use: HDF5 handles survive neither fork nor
    pickling.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._process = -1

    def images(self, objects: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Read some views [B, N] of some objects [B]. uint8 [B, N, 4, H, W]

        Raises:
            ValueError: The file is damaged.
        """
        with self._complaints():
            images = self._open()["images"]
            result = np.empty((*views.shape, *images.shape[2:]), dtype=np.uint8)
            for row, (number, chosen) in enumerate(zip(objects, views, strict=True)):
                if _is_range(chosen, images.shape[1]):
                    result[row] = images[number]
                    continue
                for column, view in enumerate(chosen):
                    result[row, column] = images[number, view]
        return torch.from_numpy(result)

    def voxels(self, objects: NDArray[np.int64]) -> Tensor | None:
        """Read the voxels of some objects [B], where the file has them. bool [B, R, R, R]

        Raises:
            ValueError: The file is damaged.
        """
        with self._complaints():
            file = self._open()
            if "voxels" not in file:
                return None
            grids = [np.asarray(file["voxels"][number]).astype(bool) for number in objects]
        return torch.from_numpy(np.stack(grids))

    def surfaces(self, objects: NDArray[np.int64]) -> tuple[Tensor, Tensor] | None:
        """Read surface samples of some objects [B], where the file has them.

        Returns:
            Points and normals, float32. [B, P, 3] each

        Raises:
            ValueError: The file is damaged.
        """
        with self._complaints():
            file = self._open()
            if "points" not in file:
                return None
            points = np.stack([file["points"][number] for number in objects])
            normals = np.stack([file["normals"][number] for number in objects])
        return torch.from_numpy(points).float(), torch.from_numpy(normals).float()

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ValueError(
                f"dataset file {self.path} must be readable, got {str(error).strip()!r}; "
                "build or copy it again"
            ) from error

    def _open(self) -> h5py.File:
        if self._file is None or self._process != os.getpid():
            self._file = open_file(self.path)
            self._process = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_process": -1}


class MultiViewDataset(Dataset[MultiViewBatch]):
    """The objects of one split, each with all its views.

    Args:
        path: HDF5 file as datasets/README.md specifies it.
        split: train, val or test.
        index: What `read_index` gave for this file, to read it only once.
        source: Who gives images in place of the file (`ResidentImages`).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no dataset of this format, or the split is empty.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        split: str,
        index: Index | None = None,
        source: Source | None = None,
    ) -> None:
        check_choice("MultiViewDataset", "split", split, SPLITS)
        self.path = Path(path)
        self.index = read_index(path) if index is None else index
        self.split = split
        self.objects = self.index.objects_of(split)
        if len(self.objects) == 0:
            raise ValueError(
                f"MultiViewDataset: split {split!r} of {path} must hold at least one object, "
                "got none; build the dataset from more objects"
            )
        self.file = ImageFile(path)
        self.source = source

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, position: int) -> MultiViewBatch:
        """Give one object of the split with all its views in order and its voxels; B = 1."""
        return self.whole(self.objects[position : position + 1])

    def whole(self, objects: NDArray[np.int64]) -> MultiViewBatch:
        """Give objects (rows of the file) with all their views in order, and their voxels."""
        num_views = self.index.eyes.shape[1]
        views = np.broadcast_to(np.arange(num_views), (len(objects), num_views))
        return self.read(objects, views, with_voxels=True)

    def read(
        self, objects: NDArray[np.int64], views: NDArray[np.int64], *, with_voxels: bool
    ) -> MultiViewBatch:
        """Read some views of some objects.

        Args:
            objects: Rows of the file. [B]
            views: Views of each object. [B, N]
            with_voxels: Whether to read voxels too, where the file has them.

        Returns:
            Images as uint8.

        Raises:
            ValueError: The file is damaged.
        """
        voxels = self.file.voxels(objects) if with_voxels else None
        if self.source is not None:
            return replace(self.source.take(objects, views), voxels=voxels)
        return MultiViewBatch(
            images=self.file.images(objects, views),
            eyes=torch.from_numpy(self.index.eyes[objects[:, None], views]),
            voxels=voxels,
            category=torch.from_numpy(self.index.category[objects]),
            object_index=torch.from_numpy(np.array(objects, dtype=np.int64)),
        )


def _is_range(views: Sequence[int] | NDArray[np.int64], num_views: int) -> bool:
    return len(views) == num_views and bool(np.array_equal(views, np.arange(num_views)))
