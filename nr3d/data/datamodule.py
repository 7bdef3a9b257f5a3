"""Batches for Lightning: training by step number, evaluation by object."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from nr3d.checks import check_choice, check_count, check_range
from nr3d.data.augmentation import ColorChanges
from nr3d.data.batch import MultiViewBatch
from nr3d.data.batches import EvaluationBatches, TrainingBatches
from nr3d.data.format import Index, keep_categories, read_index
from nr3d.data.multiview import MultiViewDataset
from nr3d.data.residence import PLACES, choose_residence
from nr3d.data.resident import ResidentImages

SAMPLING = ("category", "object")
START_METHODS = ("fork", "spawn", "forkserver")
log = logging.getLogger("nr3d")


class MultiViewDataModule(pl.LightningDataModule):
    """Serve a multi-view dataset.

    Training batch i depends on `seed` and i only, whatever the number of workers and of
    processes, and the loader never ends: set `start_step` and a resumed run sees the batches that
    an uninterrupted one would have seen. Views are drawn independently and may coincide. Set
    `accumulate` and each step's batch comes in that many parts; set `overfit` and every step has
    the first one's.

    Args:
        path: HDF5 file as datasets/README.md specifies it.
        batch_size: Objects per training step, over all processes together.
        num_workers: Processes that read ahead, or load what becomes resident; 0 reads in this one.
        views_per_object: Views of each object in a training batch.
        sampling: `category` draws the category first, then the object (Kato et al. 2018);
            `object` draws every object equally often.
        seed: Of the training batches.
        val_objects: Validate on this many objects, spread over the split; None for all.
        eval_batch_size: Objects per evaluation batch, each with all its views.
        start_method: How workers start: fork, spawn or forkserver; None for the platform's way.
        color_jitter: Training inputs have red, green and blue each multiplied by a random number
            in [1 - color_jitter, 1 + color_jitter]; what they are compared with stays.
        grayscale: Share of the training inputs that lose their colour.
        only: Names of the categories to train and evaluate on; None for all.
        resident: Where the images of training and validation are while training: `cuda` (the GPU
            that trains), `cpu`, `file`; `auto` takes the first of them that has room. The batches
            are the same.

    Raises:
        ValueError: An argument out of range, or (on first use) a file that is no such dataset.
    """

    def __init__(
        self,
        *,
        path: str,
        batch_size: int = 64,
        num_workers: int = 0,
        views_per_object: int = 2,
        sampling: str = "category",
        seed: int = 0,
        val_objects: int | None = None,
        eval_batch_size: int = 8,
        start_method: str | None = None,
        resident: str = "auto",
        color_jitter: float = 0.0,
        grayscale: float = 0.0,
        only: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        function = "MultiViewDataModule"
        check_count(function, "batch_size", batch_size)
        check_count(function, "num_workers", num_workers, at_least=0)
        check_count(function, "views_per_object", views_per_object)
        check_count(function, "seed", seed, at_least=0)
        check_count(function, "eval_batch_size", eval_batch_size)
        check_choice(function, "sampling", sampling, SAMPLING)
        check_choice(function, "resident", resident, PLACES)
        check_range(function, "color_jitter", color_jitter, at_least=0.0, at_most=1.0)
        check_range(function, "grayscale", grayscale, at_least=0.0, at_most=1.0)
        if only is not None and not only:
            raise ValueError(
                f"{function}: only must name at least one category, got none; null means all"
            )
        if val_objects is not None:
            check_count(function, "val_objects", val_objects)
        if start_method is not None:
            check_choice(function, "start_method", start_method, START_METHODS)
        self.path = Path(path)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.views_per_object = views_per_object
        self.sampling = sampling
        self.seed = seed
        self.val_objects = val_objects
        self.eval_batch_size = eval_batch_size
        self.start_method = start_method
        self.resident = resident
        changes = color_jitter > 0 or grayscale > 0
        self.color_changes = ColorChanges(color_jitter, grayscale) if changes else None
        self.only = None if only is None else tuple(only)
        self.start_step = 0
        self.accumulate = 1
        self.overfit = False

    @cached_property
    def index(self) -> Index:
        """What the file says about its objects, or those of `only`; read on first use."""
        index = read_index(self.path)
        if self.only is None:
            return index
        for name in self.only:
            check_choice("MultiViewDataModule", "only", name, index.header.categories)
        return keep_categories(index, self.only)

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""
        return self.index.header.categories

    @property
    def viewing_angle(self) -> float:
        """Half the field of view, in degrees."""
        return self.index.header.viewing_angle

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.index.image_size

    @property
    def num_views(self) -> int:
        """Views of each object in the file."""
        return int(self.index.eyes.shape[1])

    def dataset(self, split: str) -> MultiViewDataset:
        """Give the objects of one split, their images in the file."""
        return MultiViewDataset(self.path, split=split, index=self.index)

    @cached_property
    def resident_images(self) -> ResidentImages | None:
        """The images of training and validation in memory, loaded on first use; None for `file`."""
        device = self._device()
        objects = np.union1d(self._objects("train"), self._objects("val", limit=self.val_objects))
        num_bytes = len(objects) * self.num_views * 4 * math.prod(self.image_size)
        place, reason = self._choose(num_bytes, device)
        is_main = self._rank()[0] == 0
        if is_main:
            log.info("images stay in %s: %s", place, reason)
        if place == "file":
            return None
        held = ResidentImages(
            self.path,
            self.index,
            objects,
            device=device if place == "cuda" else "cpu",
            num_workers=self.num_workers,
            start_method=self.start_method,
        )
        if is_main:
            log.info("loaded the images of %d objects in %.0f s", len(objects), held.seconds)
        return held

    def train_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give the batches of the steps from `start_step` on, without end."""
        return self._loader(self.training_batches(*self._rank()), self.resident_images)

    def training_batches(self, rank: int = 0, num_ranks: int = 1) -> TrainingBatches:
        """Give one process's share of the batches of training; of a single process all.

        Raises:
            ValueError: If the batch size is no multiple of the shares and their parts.
        """
        if self.batch_size % (num_ranks * self.accumulate):
            parts = f"{num_ranks} devices"
            if self.accumulate > 1:
                parts += f" times {self.accumulate} parts (trainer.accumulate)"
            raise ValueError(
                f"MultiViewDataModule: batch_size must be a multiple of the {parts}, "
                f"got {self.batch_size}"
            )
        return TrainingBatches(
            MultiViewDataset(
                self.path, split="train", index=self.index, source=self.resident_images
            ),
            batch_size=self.batch_size,
            views_per_object=self.views_per_object,
            by_category=self.sampling == "category",
            seed=self.seed,
            start_step=self.start_step,
            rank=rank,
            num_ranks=num_ranks,
            num_parts=self.accumulate,
            same_step=self.overfit,
            color_changes=self.color_changes,
        )

    def val_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give each object of the validation split once, or `val_objects` of them."""
        return self._evaluation_loader("val", limit=self.val_objects, source=self.resident_images)

    def test_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give each object of the test split once, with all its views in order."""
        return self._evaluation_loader("test")

    def evaluation_dataloader(self, split: str) -> DataLoader[MultiViewBatch]:
        """Give each object of any split once, with all its views in order."""
        return self._evaluation_loader(split)

    def on_after_batch_transfer(self, batch: MultiViewBatch, dataloader_idx: int) -> MultiViewBatch:
        """Turn images into float32 where the batch is used: four times less to move."""
        return batch.to_float()

    def _evaluation_loader(
        self, split: str, *, limit: int | None = None, source: ResidentImages | None = None
    ) -> DataLoader[MultiViewBatch]:
        rank, num_ranks = self._rank()
        dataset = MultiViewDataset(self.path, split=split, index=self.index, source=source)
        objects = self._objects(split, limit=limit)
        if len(objects) < num_ranks:  # a process without any would keep the others waiting
            raise ValueError(
                f"MultiViewDataModule: {split} must have an object for each of the {num_ranks} "
                f"processes, got {len(objects)}; use fewer devices or more val_objects"
            )
        batches = EvaluationBatches(dataset, objects[rank::num_ranks], self.eval_batch_size)
        return self._loader(batches, source)

    def _objects(self, split: str, *, limit: int | None = None) -> NDArray[np.int64]:
        """Give the rows of a split, or `limit` of them, spread evenly."""
        objects = self.index.objects_of(split)
        if limit is None or limit >= len(objects):
            return objects
        return objects[np.arange(limit) * len(objects) // limit]

    def _loader(
        self, batches: Dataset[MultiViewBatch], source: ResidentImages | None
    ) -> DataLoader[MultiViewBatch]:
        """Load whole batches: the dataset makes them, so nothing is collated.

        What is in memory needs no workers, and what is on the GPU cannot be pinned.
        """
        num_workers = self.num_workers if source is None else 0
        in_host_memory = source is None or source.device.type == "cpu"
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=in_host_memory and torch.cuda.is_available(),
            multiprocessing_context=self.start_method if num_workers else None,
        )

    def _choose(self, num_bytes: int, device: torch.device) -> tuple[str, str]:
        """Choose where images stay; the main process decides for all."""
        if self.trainer is None:
            return choose_residence(self.resident, num_bytes, device)
        chosen: tuple[str, str] = self.trainer.strategy.broadcast(
            choose_residence(
                self.resident, num_bytes, device, num_processes=self.trainer.num_devices
            )
        )
        return chosen

    def _device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def _rank(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size
