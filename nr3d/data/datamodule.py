"""Batches for Lightning: training by step number, evaluation by object."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from nr3d.checks import check_choice, check_count
from nr3d.data.batch import MultiViewBatch
from nr3d.data.format import Index, read_index
from nr3d.data.multiview import MultiViewDataset

SAMPLING = ("category", "object")
START_METHODS = ("fork", "spawn", "forkserver")


class MultiViewDataModule(pl.LightningDataModule):
    """Serve a multi-view dataset.

    Training batch i depends on `seed` and i only, whatever the number of workers and of
    processes, and the loader never ends: set `start_step` and a resumed run sees the batches that
    an uninterrupted one would have seen. Views are drawn independently and may coincide.

    Args:
        path: HDF5 file as datasets/README.md specifies it.
        batch_size: Objects per training step, over all processes together.
        num_workers: Processes that read ahead; 0 reads in this one.
        views_per_object: Views of each object in a training batch.
        sampling: `category` draws the category first, then the object (Kato et al. 2018);
            `object` draws every object equally often.
        seed: Of the training batches.
        val_objects: Validate on this many objects, spread over the split; None for all.
        eval_batch_size: Objects per evaluation batch, each with all its views.
        start_method: How workers start: fork, spawn or forkserver; None for the platform's way.

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
    ) -> None:
        super().__init__()
        function = "MultiViewDataModule"
        check_count(function, "batch_size", batch_size)
        check_count(function, "num_workers", num_workers, at_least=0)
        check_count(function, "views_per_object", views_per_object)
        check_count(function, "seed", seed, at_least=0)
        check_count(function, "eval_batch_size", eval_batch_size)
        check_choice(function, "sampling", sampling, SAMPLING)
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
        self.start_step = 0

    @cached_property
    def index(self) -> Index:
        """What the file says about its objects; read on first use."""
        return read_index(self.path)

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
        """Give the objects of one split."""
        return MultiViewDataset(self.path, split=split, index=self.index)

    def train_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give the batches of the steps from `start_step` on, without end."""
        rank, num_ranks = self._rank()
        if self.batch_size % num_ranks:
            raise ValueError(
                f"MultiViewDataModule: batch_size must be a multiple of the {num_ranks} devices, "
                f"got {self.batch_size}"
            )
        batches = _TrainingBatches(self, rank=rank, num_ranks=num_ranks)
        return self._loader(batches)

    def val_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give each object of the validation split once, or `val_objects` of them."""
        return self._evaluation_loader("val", limit=self.val_objects)

    def test_dataloader(self) -> DataLoader[MultiViewBatch]:
        """Give each object of the test split once, with all its views in order."""
        return self._evaluation_loader("test", limit=None)

    def evaluation_dataloader(self, split: str) -> DataLoader[MultiViewBatch]:
        """Give each object of any split once, with all its views in order."""
        return self._evaluation_loader(split, limit=None)

    def on_after_batch_transfer(
        self, batch: MultiViewBatch, dataloader_idx: int
    ) -> MultiViewBatch:
        """Turn images into float32 where the batch is used: four times less to move."""
        return batch.to_float()

    def _evaluation_loader(self, split: str, *, limit: int | None) -> DataLoader[MultiViewBatch]:
        rank, num_ranks = self._rank()
        dataset = self.dataset(split)
        objects = dataset.objects
        if limit is not None and limit < len(objects):
            objects = objects[np.arange(limit) * len(objects) // limit]
        batches = _EvaluationBatches(dataset, objects[rank::num_ranks], self.eval_batch_size)
        return self._loader(batches)

    def _loader(self, batches: Dataset[MultiViewBatch]) -> DataLoader[MultiViewBatch]:
        """Load whole batches: the dataset makes them, so nothing is collated."""
        return DataLoader(
            batches,
            batch_size=None,
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
            multiprocessing_context=self.start_method if self.num_workers else None,
        )

    def _rank(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


class _TrainingBatches(IterableDataset[MultiViewBatch]):
    """Step after step; worker w of W makes every W-th, and DataLoader takes them in turn."""

    def __init__(self, module: MultiViewDataModule, *, rank: int, num_ranks: int) -> None:
        self.dataset = module.dataset("train")
        self.pools = _pools(self.dataset, by_category=module.sampling == "category")
        self.batch_size = module.batch_size
        self.views_per_object = module.views_per_object
        self.seed = module.seed
        self.start_step = module.start_step
        self.rank = rank
        self.num_ranks = num_ranks

    def __iter__(self) -> Iterator[MultiViewBatch]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in itertools.count(self.start_step + first, stride):
            yield self.at(step)

    def at(self, step: int) -> MultiViewBatch:
        """Make this process's part of the batch of one step."""
        objects, views = self._draw(step)
        size = self.batch_size // self.num_ranks
        mine = slice(self.rank * size, (self.rank + 1) * size)
        return self.dataset.read(objects[mine], views[mine], with_voxels=False)

    def _draw(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        random = np.random.default_rng((self.seed, step))
        chosen = random.integers(len(self.pools), size=self.batch_size)
        position = random.random(self.batch_size)
        views = random.integers(
            self.dataset.index.eyes.shape[1], size=(self.batch_size, self.views_per_object)
        )
        objects = [
            self.pools[pool][int(share * len(self.pools[pool]))]
            for pool, share in zip(chosen, position, strict=True)
        ]
        return np.array(objects, dtype=np.int64), views


class _EvaluationBatches(Dataset[MultiViewBatch]):
    """Objects in order, a few per batch."""

    def __init__(
        self, dataset: MultiViewDataset, objects: NDArray[np.int64], batch_size: int
    ) -> None:
        self.dataset = dataset
        self.objects = objects
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.objects) // self.batch_size)

    def __getitem__(self, number: int) -> MultiViewBatch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        start = number * self.batch_size
        return self.dataset.whole(self.objects[start : start + self.batch_size])


def _pools(dataset: MultiViewDataset, *, by_category: bool) -> list[NDArray[np.int64]]:
    """Give the groups of objects that are drawn equally often; categories without any are left."""
    if not by_category:
        return [dataset.objects]
    category = dataset.index.category[dataset.objects]
    return [dataset.objects[category == value] for value in np.unique(category)]
