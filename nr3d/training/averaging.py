"""A running mean of weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


def averaged_copy(model: nn.Module) -> nn.Module:
    """Copy a model for its mean weights, which take no gradients."""
    return copy.deepcopy(model).requires_grad_(False)


@torch.no_grad()
def update_average(averaged: nn.Module, model: nn.Module, *, decay: float, step: int) -> None:
    """Move the mean towards the weights that a step gave, without waiting for the device.

    The mean keeps `decay` of itself, less in the beginning: (1 + step) / (10 + step), so that the
    first weights are soon forgotten. Statistics of normalisation layers are averaged too.

    Args:
        averaged: What `averaged_copy` gave.
        model: The model in training.
        decay: In [0, 1).
        step: Optimizer steps so far, this one included.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    new = model.state_dict()
    floats = {
        key: value for key, value in averaged.state_dict().items() if value.is_floating_point()
    }
    torch._foreach_lerp_(list(floats.values()), [new[key] for key in floats], share)
    for key, value in averaged.state_dict().items():
        if key not in floats:  # how many batches a layer has seen
            value.copy_(new[key])
