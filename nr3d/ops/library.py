"""Registering operators, and finding the kernels behind them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nr3d.checks import FLOATS, check_tensor
from nr3d.ops.place import place_of

library = torch.library.Library("nr3d", "DEF")


def register(schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """Define an operator for CPU and CUDA tensors, with the shapes of its results."""
    name = schema.partition("(")[0]
    library.define(schema)
    for key in ("CPU", "CUDA"):
        library.impl(name, function, key)
    torch.library.register_fake(f"nr3d::{name}", fake, lib=library)


def kernel(name: str, like: Tensor, *, argument: str = "vertices") -> Callable[..., None]:
    """Give the kernel for the device and dtype of `like`, which the caller knows as `argument`."""
    place = place_of(like)
    if place is None or not place.has(name):
        is_missing = like.device.type == "cuda"
        why = "nr3d was built without CUDA" if is_missing else "nr3d has no kernel for this device"
        mend = "`nr3d doctor` says how to build it, or " if is_missing else ""
        raise RuntimeError(
            f"{name}: {argument} is on {like.device}, but {why}; {mend}move the tensors to the CPU"
        )
    check_tensor(name, argument, like, shape=like.shape, dtypes=FLOATS)
    return partial(place.run, name, like)


def address(tensor: Tensor | None) -> int:
    """Give where the data lies; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()


def index_addresses(face_index: Tensor) -> tuple[int, int]:
    """Give where a face index of 32 bits lies, and where one of 16: one of them is 0."""
    is_short = face_index.dtype == torch.int16
    return (0, face_index.data_ptr()) if is_short else (face_index.data_ptr(), 0)
