"""The bar: it ends at the last step and reads numbers now and then only."""

from __future__ import annotations

import io
from typing import Any, cast

import torch
from rich.console import Console

from nr3d.training.callbacks import Progress


class FakeTrainer:
    """Five steps, and how often somebody looked at the loss."""

    max_steps, global_step, world_size = 5, 0, 1

    def __init__(self) -> None:
        self.looks = 0

    @property
    def callback_metrics(self) -> dict[str, torch.Tensor]:
        self.looks += 1
        return {"train/loss": torch.tensor(1.5)}


def test_the_bar_reads_numbers_now_and_then() -> None:
    terminal = io.StringIO()
    progress = Progress(Console(file=terminal, force_terminal=True, width=120))
    trainer = cast(Any, FakeTrainer())
    batch = cast(Any, type("Batch", (), {"images": torch.zeros(2, 2, 1)}))
    progress.on_train_start(trainer, cast(Any, None))
    for number in range(5):
        trainer.global_step = number + 1
        progress.on_train_batch_end(trainer, cast(Any, None), None, batch, number)
    progress.on_train_end(trainer, cast(Any, None))
    assert "5/5" in terminal.getvalue() and "loss 1.5000" in terminal.getvalue()
    assert trainer.looks <= 3  # the first step, the end, and one more on a slow machine
