"""Checkpoints: written whole or not at all, read without running code."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from nr3d.training.run_folder import RunFolder, find_last_run

MODEL_PREFIX = "model."
AVERAGED_PREFIX = "averaged."


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target and rename, so that the last good file survives any failure."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Save `checkpoint`; on any error the old file at `path` stays as it was."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        try:
            write_atomically(Path(path), buffer.getbuffer())
        except OSError as error:
            raise OSError(
                f"{error}; the last checkpoint is intact, free some space and go on with "
                "resume=last"
            ) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = lambda storage, location: storage,
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Load plain containers and tensors, on the CPU."""
        return read_checkpoint(Path(path))


class Checkpoints(pl.Callback):
    """Save last.ckpt at every validation, every `every` steps and at the end; best.ckpt by val/iou.

    Args:
        run: Where to save.
        every: Steps between two saves, besides the validations; 0 for none.
    """

    def __init__(self, run: RunFolder, *, every: int = 0) -> None:
        self.run = run
        self.every = every
        self.best_iou = -1.0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the folder of the main process, the only one that made one."""
        self.run = RunFolder(Path(trainer.strategy.broadcast(str(self.run.path))))

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save when it is time, after the last part of a step."""
        is_complete = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if self.every and is_complete and trainer.global_step % self.every == 0:
            self._save_last(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, and keep the state as the best one if it is."""
        if trainer.sanity_checking:
            return
        iou = float(trainer.callback_metrics.get("val/iou", torch.tensor(float("nan"))))
        if iou > self.best_iou:
            self.best_iou = iou
            trainer.save_checkpoint(self.run.best)  # before last.ckpt, which says it is there
        self._save_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save where training stopped, at its end or at an interruption."""
        self._save_last(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Remember the best score over a resume."""
        return {"best_iou": self.best_iou}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best score of the run so far."""
        self.best_iou = state_dict["best_iou"]

    def _save_last(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.run.last)


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name, flush it to the disk and rename it.

    Raises:
        OSError: If the disk is full or the folder not writable; `path` is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: not saved ({error.strerror or error})") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and plain containers, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, no checkpoint, or not one of nr3d.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} not found")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise ValueError(
            f"checkpoint {path}: must be a whole checkpoint, got a truncated or foreign file; "
            "use another checkpoint of the run"
        ) from error
    keys = ("state_dict", "hyper_parameters")
    if not isinstance(checkpoint, dict) or any(key not in checkpoint for key in keys):
        raise ValueError(f"checkpoint {path}: must hold {' and '.join(keys)}; not one of nr3d")
    return checkpoint


def find_checkpoint(path: Path) -> Path:
    """Give `path` itself, or for a run's folder its best checkpoint (else the last).

    The folder runs/NAME stands for the newest run in it that has a checkpoint.

    Raises:
        FileNotFoundError: If there is none.
    """
    if not path.is_dir():
        return path
    run = RunFolder(path)
    if not (path / "checkpoints").is_dir():
        run = find_last_run(path.name, path.parent) or run
    for candidate in (run.best, run.last):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{path}: no checkpoints/best.ckpt and no checkpoints/last.ckpt")


def load_model_weights(model: nn.Module, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Put the weights of a checkpoint into a model: their mean (trainer.ema) where there is one.

    Raises:
        ValueError: If the checkpoint is of another model; the message names what differs.
    """
    stored = model_weights(checkpoint)
    check_weights(model, stored, path)
    model.load_state_dict(stored)


def model_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Give the weights of a checkpoint's model: their mean (trainer.ema) where there is one."""
    state: Mapping[str, Tensor] = checkpoint["state_dict"]
    is_averaged = any(key.startswith(AVERAGED_PREFIX) for key in state)
    prefix = AVERAGED_PREFIX if is_averaged else MODEL_PREFIX
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def check_weights(model: nn.Module, stored: Mapping[str, Tensor], path: Path) -> None:
    """Check that stored weights are those of a model.

    Raises:
        ValueError: If not; the message names what differs.
    """
    wanted = model.state_dict()
    differing = [
        *(f"{key} missing" for key in wanted if key not in stored),
        *(f"{key} unknown" for key in stored if key not in wanted),
        *(
            f"{key} {list(stored[key].shape)} instead of {list(wanted[key].shape)}"
            for key in wanted
            if key in stored and stored[key].shape != wanted[key].shape
        ),
    ]
    if differing:
        more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
        raise ValueError(
            f"checkpoint {path}: must be of the configured model, got another: "
            f"{', '.join(differing[:4])}{more}"
        )
