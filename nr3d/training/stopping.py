"""What ends a training before its last step: signals, and validations that show no progress."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from nr3d.data.batch import MultiViewBatch

STEPS_BETWEEN_AGREEMENTS = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Patience(EarlyStopping):
    """End training after some validations without a better val/iou.

    A resumed run stays ended, unless it is given more patience.
    """

    def __init__(self, patience: int) -> None:
        super().__init__("val/iou", mode="max", patience=patience, check_finite=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over how long the run has waited; how long it may is the configuration's matter."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once where the run that goes on had run out of patience."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class ValidateLast(pl.Callback):
    """Validate after the last step, also where `validate_every` does not divide their number."""

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: MultiViewBatch,
        batch_idx: int,
    ) -> None:
        """Ask for an end where there is one anyway: Lightning validates before that, once."""
        if trainer.global_step >= trainer.max_steps:
            trainer.should_stop = True


class StopOnSignals(pl.Callback):
    """End training after the step in progress at one of SIGNALS; a second one aborts.

    SLURM sends SIGTERM before it takes a machine away, and SIGUSR1 where --signal asks for it.
    Several processes agree every few steps, and end after the same one. Takes the place of
    Lightning's handlers, which would end without a save or save elsewhere.

    Attributes:
        has_stopped: Whether a signal has ended the training.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._is_asked = False
        self.has_stopped = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers; in another thread than the main one signals are not ours."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._is_asked:
                raise KeyboardInterrupt
            self._is_asked = True

        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._previous[number] = signal.signal(number, stop)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: MultiViewBatch,
        batch_idx: int,
    ) -> None:
        """Stop after the last part of a step if any process was asked to."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        is_asked = self._is_asked
        if trainer.world_size > 1:
            if trainer.global_step % STEPS_BETWEEN_AGREEMENTS:
                return
            is_asked = trainer.strategy.reduce_boolean_decision(is_asked, all=False)
        if is_asked:
            trainer.should_stop = self.has_stopped = True
            if (batch_idx + 1) % int(trainer.val_check_interval):
                # Lightning would validate before it stops; a machine that is taken away may not
                # leave the time, and an uninterrupted run would have no such scores.
                trainer.limit_val_batches = 0

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Put the old handlers back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
