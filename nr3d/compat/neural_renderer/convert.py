"""What callers may pass where a tensor or a number is meant."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from nr3d.checks import FLOATS, INTEGERS

Vector: TypeAlias = Tensor | Sequence[float]

INDICES = (*INTEGERS, torch.int16, torch.int8, torch.uint8, *FLOATS)  # for faces, as it was


def as_tensor(value: Any, *, like: Tensor) -> Tensor:
    """Turn a list, tuple, array or tensor into a tensor of the dtype and device of `like`."""
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def as_list(value: Any) -> Any:
    """Turn a tuple into a list, as it was kept and changed in place; leave all else as it is."""
    return list(value) if isinstance(value, tuple) else value


def as_count(value: Any) -> Any:
    """Turn a whole number of numpy or torch into an int; leave what is none to the checks."""
    try:
        return operator.index(value)
    except TypeError:
        return value


def as_number(value: Any) -> Any:
    """Turn a number of numpy or torch into a float; leave what is none to the checks."""
    return float(value) if hasattr(value, "__float__") else value


def default_device() -> torch.device:
    """Give where the library used to put what it makes: the GPU, if there is one.

    `cuda` is asked, so that programs that replaced it to run without a GPU stay where they are.
    """
    made = torch.empty(0)
    return made.cuda().device if torch.cuda.is_available() else made.device


def as_camera(value: Any) -> Any:
    """Copy an array or list into a tensor; leave a tensor, or None, as it is."""
    if value is None or isinstance(value, Tensor):
        return value
    return torch.tensor(value, dtype=torch.float32, device=default_device())
