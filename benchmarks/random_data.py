"""A dataset of any size with random images in memory, without a file of that size.

The file says how many objects there are and stores no image: HDF5 reads zeros. Loading goes the way
of every run; then the images in memory are made random.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import h5py
import numpy as np
import pytorch_lightning as pl
import torch

from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import TEXT, Header
from nr3d.data.writer import write_attributes
from nr3d.geometry import eye_from_angles

NUM_VIEWS, SIZE = 24, 64


def write_hollow(path: Path, num_objects: int, *, image_size: int = SIZE) -> Path:
    """Write a dataset of `num_objects` without images: 24 views, every twentieth to validate."""
    number = np.arange(num_objects)
    azimuths = 15.0 * torch.arange(NUM_VIEWS)
    eyes = eye_from_angles(2.732, 30.0, azimuths).numpy().astype(np.float32)
    names = tuple(f"category {k}" for k in range(13))
    header = Header(names, 15.0, source="benchmarks", licence="CC0-1.0", recipe="random_data")
    with h5py.File(path, "w") as file:
        image = (4, image_size, image_size)
        shape = (num_objects, NUM_VIEWS, *image)
        file.create_dataset("images", shape, dtype=np.uint8, chunks=(1, NUM_VIEWS, *image))
        file["eyes"] = np.broadcast_to(eyes, (num_objects, NUM_VIEWS, 3))
        file["category"] = (number % len(names)).astype(np.int32)
        file["split"] = (number % 20 == 19).astype(np.int8)
        file.create_dataset("id", data=[str(k) for k in number], dtype=TEXT)
        write_attributes(file, header)
    return path


def make_random(data: MultiViewDataModule) -> None:
    """Fill the images in memory with noise, where they are."""
    held = data.resident_images
    assert held is not None, "the images do not fit into memory"
    held.images.random_(0, 256)


class RandomImages(pl.Callback):
    """Makes the images random once a run has loaded them."""

    def __init__(self, data: MultiViewDataModule) -> None:
        self._data = data

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """See Lightning."""
        make_random(self._data)


def attach(data: MultiViewDataModule, device: torch.device) -> MultiViewDataModule:
    """Let data be resident on a device as if a trainer of one process there asked for it."""
    strategy = SimpleNamespace(root_device=device, broadcast=lambda value: value)
    trainer = SimpleNamespace(global_rank=0, world_size=1, num_devices=1, strategy=strategy)
    cast(Any, data).trainer = trainer
    return data
