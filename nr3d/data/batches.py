"""Which objects and views make up a batch. Knows no Lightning, so that workers start quickly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from nr3d.data.augmentation import ColorChanges
from nr3d.data.batch import MultiViewBatch
from nr3d.data.multiview import MultiViewDataset

COLOR_STREAM = 1  # random numbers apart from those of objects and views


class TrainingBatches(IterableDataset[MultiViewBatch]):
    """The batches of the steps from `start_step` on, without end.

    Worker w of W makes every W-th, and DataLoader takes from its workers in turn. Of the batch,
    which is the same for all processes, process `rank` of `num_ranks` gets its share, in
    `num_parts` batches one after another. `same_step` makes every step the first. How inputs change
    their colours is drawn for the whole batch too.
    """

    def __init__(
        self,
        dataset: MultiViewDataset,
        *,
        batch_size: int,
        views_per_object: int,
        by_category: bool,
        seed: int,
        start_step: int,
        rank: int = 0,
        num_ranks: int = 1,
        num_parts: int = 1,
        same_step: bool = False,
        color_changes: ColorChanges | None = None,
    ) -> None:
        self.dataset = dataset
        self.pools = _pools(dataset, by_category=by_category)
        self.batch_size = batch_size
        self.views_per_object = views_per_object
        self.seed = seed
        self.start_step = start_step
        self.rank = rank
        self.num_ranks = num_ranks
        self.num_parts = num_parts
        self.same_step = same_step
        self.color_changes = color_changes

    def __iter__(self) -> Iterator[MultiViewBatch]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number in itertools.count(self.start_step * self.num_parts + first, stride):
            yield self.at(number)

    def at(self, number: int) -> MultiViewBatch:
        """Make this process's batch `number`: part number % num_parts of a step's."""
        step, part = divmod(number, self.num_parts)
        step = 0 if self.same_step else step
        objects, views = self._draw(step)
        size = self.batch_size // (self.num_ranks * self.num_parts)
        first = (self.rank * self.num_parts + part) * size
        mine = slice(first, first + size)
        batch = self.dataset.read(objects[mine], views[mine], with_voxels=False)
        if self.color_changes is None:
            return batch
        matrices = self.color_changes.draw(
            np.random.default_rng((self.seed, step, COLOR_STREAM)), views.shape
        )
        return replace(batch, color_changes=torch.from_numpy(matrices[mine]))

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


class EvaluationBatches(Dataset[MultiViewBatch]):
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
