"""Images held in memory, of the host or of a GPU, and batches gathered there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nr3d.data.batch import MultiViewBatch
from nr3d.data.format import Index
from nr3d.data.multiview import ImageFile

OBJECTS_PER_PIECE = 64  # 25 MB of 24 views of 64 x 64


class ResidentImages:
    """The images of K objects as one uint8 tensor.

    Args:
        path: HDF5 file as datasets/README.md specifies it.
        index: What `read_index` gave for it.
        objects: Rows of the file to hold. [K]
        device: Where to hold them.
        num_workers: Processes that read ahead while loading; 0 reads in this one.
        start_method: How they start; None for the platform's way.

    Raises:
        ValueError: If the file is damaged.
    """

    def __init__(
        self,
        path: str | Path,
        index: Index,
        objects: NDArray[np.int64],
        *,
        device: torch.device | str = "cpu",
        num_workers: int = 0,
        start_method: str | None = None,
    ) -> None:
        start = time.perf_counter()
        num_objects, self.num_views = index.eyes.shape[:2]
        self.device = torch.device(device)
        self._image_shape = (4, *index.image_size)
        self._places = np.full(num_objects, -1, dtype=np.int64)
        self._places[objects] = np.arange(len(objects))
        self._eyes = torch.from_numpy(index.eyes[objects]).flatten(0, 1).to(self.device)
        self._category = torch.from_numpy(index.category).to(self.device)
        images = torch.empty(
            (len(objects), self.num_views, *self._image_shape),
            dtype=torch.uint8,
            device=self.device,
        )
        pieces = DataLoader(
            _Pieces(ImageFile(path), objects, self.num_views),
            batch_size=None,
            num_workers=num_workers,
            multiprocessing_context=start_method if num_workers else None,
        )
        for number, piece in enumerate(pieces):  # never more than some pieces beside the whole
            first = number * OBJECTS_PER_PIECE
            images[first : first + len(piece)] = piece
        self.images = images
        # Words of four bytes: the gather moves a quarter of the elements.
        self._words = images.flatten(0, 1).flatten(1).view(torch.int32)  # [K * N, H * W]
        self.seconds = time.perf_counter() - start

    def take(self, objects: NDArray[np.int64], views: NDArray[np.int64]) -> MultiViewBatch:
        """Gather some views of some objects where the images are; nothing waits for the GPU.

        Args:
            objects: Rows of the file. [B]
            views: Views of each object. [B, N]

        Returns:
            Images as uint8, without voxels, every tensor on `device`.

        Raises:
            ValueError: If an object is not held.
        """
        places = self._places[objects]
        if (places < 0).any():
            missing = objects[places < 0][0]
            raise ValueError(f"ResidentImages: objects must be among those held, got {missing}")
        rows = places[:, None] * self.num_views + views
        table = torch.from_numpy(np.concatenate([objects[:, None], rows], axis=1))
        if self.device.type == "cuda":  # from pinned memory a copy goes ahead on its own
            table = table.pin_memory()
        table = table.to(self.device, non_blocking=True)
        number, chosen = table[:, 0].contiguous(), table[:, 1:].flatten()
        return MultiViewBatch(
            images=self._gather(chosen).view(*views.shape, *self._image_shape),
            eyes=self._eyes.index_select(0, chosen).view(*views.shape, 3),
            voxels=None,
            category=self._category.index_select(0, number),
            object_index=number,
        )

    def _gather(self, chosen: Tensor) -> Tensor:
        return self._words.index_select(0, chosen).view(torch.uint8)


class _Pieces(Dataset[Tensor]):
    """Some objects at a time, each with all its views. uint8 [k, N, 4, H, W]"""

    def __init__(self, file: ImageFile, objects: NDArray[np.int64], num_views: int) -> None:
        self.file = file
        self.objects = objects
        self.num_views = num_views

    def __len__(self) -> int:
        return -(-len(self.objects) // OBJECTS_PER_PIECE)

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < len(self):
            raise IndexError(number)
        first = number * OBJECTS_PER_PIECE
        rows = self.objects[first : first + OBJECTS_PER_PIECE]
        views = np.broadcast_to(np.arange(self.num_views), (len(rows), self.num_views))
        return self.file.images(rows, views)
