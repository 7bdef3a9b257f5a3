"""Weights & Biases, the one file that knows it; offline unless the user's settings say online."""

from __future__ import annotations

import os
import secrets
from importlib.util import find_spec
from typing import Any

from pytorch_lightning.loggers import Logger

from nr3d.training.checkpoints import write_atomically
from nr3d.training.run_folder import RunFolder

INIT_TIMEOUT_SECONDS = "15"  # with a key but no network the default blocks for 100 s


def make_wandb_logger(run: RunFolder, *, project: str, config: dict[str, Any]) -> Logger:
    """Log to wandb in the run's folder; a resumed run goes on in the same wandb run.

    Raises:
        ModuleNotFoundError: If wandb is not installed.
    """
    if find_spec("wandb") is None:
        raise ModuleNotFoundError("logger: wandb is not installed; run pip install wandb")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_INIT_TIMEOUT", INIT_TIMEOUT_SECONDS)
    os.environ.setdefault("WANDB_MODE", "offline")
    os.environ.setdefault("WANDB_SILENT", "true")
    from pytorch_lightning.loggers import WandbLogger

    stored = run.path / "wandb_id.txt"
    identifier = (
        stored.read_text(encoding="utf-8").strip() if stored.is_file() else secrets.token_hex(4)
    )
    write_atomically(stored, identifier.encode())
    return WandbLogger(
        project=project,
        name=f"{run.path.parent.name}/{run.path.name}",
        save_dir=str(run.path),
        id=identifier,
        resume="allow",
        config=config,
    )
