"""What callers may pass where a tensor is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

Vector: TypeAlias = Tensor | Sequence[float]


def as_tensor(value: Any, *, like: Tensor) -> Tensor:
    """Turn a list, tuple, array or tensor into a tensor of the dtype and device of `like`."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def default_device() -> torch.device:
    """Give where the library used to put what it makes: the GPU, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
