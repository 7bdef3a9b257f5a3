"""Reading and summing by index in a fixed order, and without waiting for a device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def pixels_where(mask: Tensor) -> Tensor:
    """Give the places in a flattened mask that may be true: all that are, and perhaps others.

    On the CPU exactly those that are true. Elsewhere all places: to count them would be to wait for
    the device, so the caller must mask what it computes. [N], int64
    """
    if mask.device.type == "cpu":
        return mask.flatten().nonzero()[:, 0]
    return torch.arange(mask.numel(), device=mask.device)


def sum_at(index: Tensor, values: Tensor, size: int) -> Tensor:
    """Sum the values of each index, in the same order in every run.

    Args:
        index: In [0, size). [N], int64
        values: [N]
        size: The number of sums.

    Returns:
        0 where there is nothing to sum. [size]
    """
    sums = values.new_zeros(size)
    if values.device.type == "cpu":
        return sums.index_add_(0, index, values)  # one after the other
    return sums.index_put_((index,), values, accumulate=True)  # sorted; index_add_ is not


def take(values: Tensor, index: Tensor) -> Tensor:
    """Read `values` [N] at `index` [...]; the gradient is summed by `sum_at`. [...]"""
    taken: Tensor = _Take.apply(values, index)
    return taken


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(values)
        return values[index]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return sum_at(index.flatten(), grad.flatten(), ctx.size), None
