"""Changes of colour of training inputs: what they do, and that they are part of the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nr3d.data.augmentation import ColorChanges, change_colors
from nr3d.data.datamodule import MultiViewDataModule
from tests.training.conftest import write_tiny_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("augmentation") / "tiny.h5"
    write_tiny_dataset(path)
    return path


def test_matrices_scale_channels_and_some_mix_them() -> None:
    matrices = ColorChanges(0.4, 0.25).draw(np.random.default_rng(0), (400, 5))
    assert matrices.shape == (400, 5, 3, 3)
    is_gray = (matrices[..., 0, 1] != 0).reshape(-1)
    assert 0.2 < is_gray.mean() < 0.3
    flat = matrices.reshape(-1, 3, 3)
    gains = np.diagonal(flat[~is_gray], axis1=1, axis2=2)
    assert (flat[~is_gray] == gains[:, :, None] * np.eye(3)).all()
    assert 0.6 <= gains.min() < 0.61
    assert 1.39 < gains.max() <= 1.4
    gray = flat[is_gray]
    assert (gray == gray[:, :1]).all()  # three equal channels
    assert 0.2 <= gray.min() < 0.21


def test_colors_change_under_the_mask_only() -> None:
    images = torch.zeros(2, 3, 4, 4, 4)
    images[..., 3, :2, :] = 1.0
    images[..., 3, 2, :] = 0.5
    images[..., :3, :, :] = images[..., 3:, :, :] * torch.tensor([0.9, 0.5, 0.1])[:, None, None]
    matrices = torch.eye(3).repeat(2, 3, 1, 1)
    matrices[0, 1] = torch.diag(torch.tensor([1.5, 0.5, 1.0]))
    matrices[1, 2] = 1 / 3
    changed = change_colors(images, matrices)
    assert torch.equal(changed[:, :, 3], images[:, :, 3])
    assert torch.equal(changed[0, 0], images[0, 0])
    expected = torch.tensor([1.0, 0.25, 0.1])  # the first is cut off at the mask
    torch.testing.assert_close(changed[0, 1, :3, 0, 0], expected)
    torch.testing.assert_close(changed[0, 1, :3, 2, 0], expected / 2)
    torch.testing.assert_close(changed[1, 2, :3, 0, 0], torch.full((3,), 0.5))
    assert (changed[..., :3, 3, :] == 0).all()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(change_colors(images, matrices), changed)


def test_batches_carry_changes_that_do_not_depend_on_processes(dataset: Path) -> None:
    settings = {"path": str(dataset), "batch_size": 4, "seed": 3, "resident": "file"}
    plain = MultiViewDataModule(**settings).training_batches()  # type: ignore[arg-type]
    data = MultiViewDataModule(**settings, color_jitter=0.4, grayscale=0.5)  # type: ignore[arg-type]
    whole = data.training_batches()
    shares = [data.training_batches(rank, 2) for rank in range(2)]
    assert plain.at(5).color_changes is None
    batch = whole.at(5)
    assert torch.equal(batch.images, plain.at(5).images)
    assert batch.color_changes is not None
    assert len(batch.color_changes.flatten(0, 1).unique(dim=0)) == 8  # each image its own
    parts = [share.at(5).color_changes for share in shares]
    assert torch.equal(torch.cat(parts), batch.color_changes)  # type: ignore[arg-type]
    assert not torch.equal(batch.color_changes, whole.at(6).color_changes)  # type: ignore[arg-type]


def test_a_model_sees_changed_colors_and_losses_do_not(dataset: Path) -> None:
    data = MultiViewDataModule(path=str(dataset), batch_size=2, grayscale=1.0, resident="file")
    batch = data.training_batches().at(0).to_float()
    inputs = batch.inputs()
    assert torch.equal(inputs[:, :, 3], batch.images[:, :, 3])
    assert torch.equal(inputs[:, :, 0], inputs[:, :, 1])
    assert not torch.equal(batch.images[:, :, 0], batch.images[:, :, 1])
    assert torch.equal(replace(batch, color_changes=None).inputs(), batch.images)
    for split in (data.val_dataloader(), data.test_dataloader()):
        assert all(each.color_changes is None for each in split)


@pytest.mark.parametrize("name", ["color_jitter", "grayscale"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_refuses_shares_beyond_one(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"MultiViewDataModule: {name} must be") as caught:
        MultiViewDataModule(path="nowhere.h5", **{name: value})  # type: ignore[arg-type]
    assert str(value) in str(caught.value)
