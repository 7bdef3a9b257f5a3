"""Checkpoints to give away: the weights alone, in half precision."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch import Tensor

from nr3d.training.checkpoints import (
    MODEL_PREFIX,
    find_checkpoint,
    model_weights,
    read_checkpoint,
    write_atomically,
)

KEPT = ("hyper_parameters", "nr3d_version", "global_step")


def export_weights(source: Path, target: Path) -> int:
    """Write what evaluation and reconstruction need of a checkpoint, a sixth of its size.

    The optimizer's state is left out, floats are rounded to half precision; where the run kept a
    mean of its weights, that is what is written. The file is a checkpoint like others, but no run
    can go on from it; `init_from` can begin from it.

    Args:
        source: A checkpoint, or the folder of a run, whose best one is taken.
        target: The file to write.

    Returns:
        Its size in bytes.

    Raises:
        FileNotFoundError: If there is no checkpoint.
        ValueError: If it is not one of nr3d, or a weight is too large for half precision.
        OSError: If the file cannot be written.
    """
    chosen = find_checkpoint(source)
    checkpoint = read_checkpoint(chosen)
    weights = {
        MODEL_PREFIX + name: _halve(name, value, chosen)
        for name, value in model_weights(checkpoint).items()
    }
    kept = {key: checkpoint[key] for key in KEPT if key in checkpoint}
    buffer = io.BytesIO()
    torch.save({**kept, "state_dict": weights}, buffer)
    write_atomically(target, buffer.getbuffer())
    return buffer.getbuffer().nbytes


def _halve(name: str, value: Tensor, path: Path) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    if not half.isfinite().all():
        raise ValueError(
            f"export: {path} must hold weights of half precision (up to 65504), got "
            f"{value.abs().max():g} in {name}"
        )
    return half
