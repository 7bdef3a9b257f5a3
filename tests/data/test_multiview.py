"""Reading and sampling: what comes out, and that it depends on nothing but seed and step."""

from __future__ import annotations

import os
import pickle
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from nr3d.data.batch import MultiViewBatch
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.multiview import MultiViewDataset
from tests.data.conftest import make_tiny_record


def steps(module: MultiViewDataModule, count: int) -> list[MultiViewBatch]:
    return list(islice(module.train_dataloader(), count))


def same(first: MultiViewBatch, second: MultiViewBatch) -> bool:
    return torch.equal(first.images, second.images) and torch.equal(
        first.object_index, second.object_index
    )


def test_dataset_gives_all_views_in_order(tiny_dataset: Path) -> None:
    batch = MultiViewDataset(tiny_dataset, split="test")[1]
    record = make_tiny_record(9)
    assert batch.images.dtype == torch.uint8
    np.testing.assert_array_equal(batch.images[0].numpy(), record.images)
    np.testing.assert_array_equal(batch.eyes[0].numpy(), record.eyes)
    assert batch.voxels is not None
    np.testing.assert_array_equal(batch.voxels[0].numpy(), record.voxels)
    assert batch.category.tolist() == [1] and batch.object_index.tolist() == [9]


def test_to_float_scales_once(tiny_dataset: Path) -> None:
    batch = MultiViewDataset(tiny_dataset, split="test")[0].to_float()
    assert batch.images.dtype == torch.float32 and float(batch.images.max()) == 1.0
    assert batch.to_float() is batch
    assert batch.to("meta").images.device.type == "meta"


def test_pickle_and_fork_drop_the_handle(tiny_dataset: Path) -> None:
    dataset = MultiViewDataset(tiny_dataset, split="train")
    first = dataset[0]
    assert dataset.file._file is not None
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.file._file is None and same(copy[0], first)
    dataset.file._process = os.getpid() + 1  # what a forked child would find
    handle = dataset.file._file
    assert same(dataset[0], first) and dataset.file._file is not handle


def test_batches_depend_on_seed_and_step_only(tiny_dataset: Path) -> None:
    module = MultiViewDataModule(path=str(tiny_dataset), batch_size=4)
    whole = steps(module, 5)
    module.start_step = 3
    assert all(same(a, b) for a, b in zip(steps(module, 2), whole[3:], strict=True))
    assert not same(whole[0], whole[1])
    other = MultiViewDataModule(path=str(tiny_dataset), batch_size=4, seed=1)
    assert not same(steps(other, 1)[0], whole[0])


def test_train_batch_shows_the_views_it_names(tiny_dataset: Path) -> None:
    batch = steps(MultiViewDataModule(path=str(tiny_dataset), batch_size=16), 1)[0]
    assert batch.images.shape == (16, 2, 4, 8, 8) and batch.voxels is None
    numbers = batch.images[:, :, 0, 3, 3].long()
    views = batch.images[:, :, 1, 3, 3].long()
    assert (numbers == batch.object_index[:, None]).all()
    assert (batch.object_index < 6).all()
    first_coordinate = views * 3 + numbers + 1
    assert (batch.eyes[..., 0] == first_coordinate).all()
    assert (views[:, 0] == views[:, 1]).any() and (views[:, 0] != views[:, 1]).any()


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_give_the_same_batches(tiny_dataset: Path, start_method: str) -> None:
    alone = MultiViewDataModule(path=str(tiny_dataset), batch_size=4)
    alone.start_step = 2
    expected = steps(alone, 5)
    helped = MultiViewDataModule(
        path=str(tiny_dataset),
        batch_size=4,
        num_workers=2,
        start_method=start_method,
        resident="file",
    )
    helped.start_step = 2
    helped.dataset("train")[0]  # an open handle in this process
    assert all(same(a, b) for a, b in zip(steps(helped, 5), expected, strict=True))


def test_ranks_share_the_batch(tiny_dataset: Path) -> None:
    module = MultiViewDataModule(path=str(tiny_dataset), batch_size=4)
    whole = steps(module, 1)[0]
    parts = []
    for rank in range(2):
        cast(Any, module).trainer = SimpleNamespace(global_rank=rank, world_size=2)
        parts.append(steps(module, 1)[0])
        objects = [batch.object_index for batch in module.test_dataloader()]
        assert torch.cat(objects).tolist() == [8 + rank, 10 + rank]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    cast(Any, module).trainer = SimpleNamespace(global_rank=0, world_size=3)
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 devices, got 4"):
        module.train_dataloader()
    with pytest.raises(
        ValueError, match="val must have an object for each of the 3 .*, got 2; use"
    ):
        module.val_dataloader()


def test_evaluation_shows_every_object_once(tiny_dataset: Path) -> None:
    module = MultiViewDataModule(path=str(tiny_dataset), eval_batch_size=3)
    batches = list(module.test_dataloader())
    assert [len(batch) for batch in batches] == [3, 1]
    assert torch.cat([batch.object_index for batch in batches]).tolist() == [8, 9, 10, 11]
    assert all(batch.voxels is not None for batch in batches)
    assert batches[0].images.shape == (3, 3, 4, 8, 8)
    assert len(module.val_dataloader()) == 1
    assert len(list(module.evaluation_dataloader("train"))) == 2
    limited = MultiViewDataModule(path=str(tiny_dataset), val_objects=1)
    assert [len(batch) for batch in limited.val_dataloader()] == [1]
    assert module.on_after_batch_transfer(batches[0], 0).images.dtype == torch.float32


def test_sampling_by_category_or_object(tmp_path: Path) -> None:
    from nr3d.data.writer import write_dataset
    from tests.data.conftest import HEADER

    path = tmp_path / "uneven.h5"  # one pear, five apples
    records = [make_tiny_record(number) for number in (0, 2, 4, 6, 8, 1)]
    write_dataset(path, header=HEADER, records=records)
    shares = {}
    for sampling in ("category", "object"):
        module = MultiViewDataModule(path=str(path), batch_size=3000, sampling=sampling)
        shares[sampling] = steps(module, 1)[0].category.float().mean().item()
    assert abs(shares["category"] - 1 / 2) < 0.04  # four standard deviations of 3000 draws
    assert abs(shares["object"] - 1 / 6) < 0.03


def test_facts_come_from_the_file(tiny_dataset: Path) -> None:
    module = MultiViewDataModule(path=str(tiny_dataset))
    assert module.categories == ("apple", "pear")
    assert module.viewing_angle == 15.0
    assert module.image_size == (8, 8)
    assert module.num_views == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_workers": -1}, "num_workers must be at least 0, got -1"),
        ({"views_per_object": 0}, "views_per_object must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"eval_batch_size": 0}, "eval_batch_size must be at least 1, got 0"),
        ({"val_objects": 0}, "val_objects must be at least 1, got 0"),
        ({"sampling": "categories"}, "sampling must be one of category, object, got 'categories'"),
        ({"resident": "gpu"}, "resident must be one of auto, file, cpu, cuda, got 'gpu'"),
        ({"start_method": "thread"}, "start_method must be one of fork, spawn, forkserver"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultiViewDataModule(path="unused.h5", **arguments)
