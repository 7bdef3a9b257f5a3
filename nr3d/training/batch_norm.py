"""Batch normalisation by the statistics of all processes together, as one process would have."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class SumOverProcesses(torch.autograd.Function):
    """Sum a tensor over all processes; its gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """Give every process the sum."""
        total = values.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *grads: Tensor) -> Tensor:
        """Every process's loss depends on every process's values."""
        return SumOverProcesses.forward(context, grads[0])


class SharedBatchNorm(_BatchNorm):
    """Normalise a batch of which each process holds a part of the same size.

    torch's SyncBatchNorm does so for GPUs only.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise by mean and variance of all parts. [B, C, ...], in the dtype of `input`"""
        if not self.training:
            return super().forward(input)
        axes = [0, *range(2, input.ndim)]
        form = (1, -1, *[1] * (input.ndim - 2))
        values = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        count = values.numel() // values.shape[1] * torch.distributed.get_world_size()
        mean = _sum(values.sum(axes)) / count  # [C]
        centred = values - mean.view(form)
        variance = _sum(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        result = centred * (variance + self.eps).rsqrt().view(form)
        if self.affine:
            result = result * self.weight.view(form) + self.bias.view(form)
        return result.to(input.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Take what the layer took in whose place this one is."""

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as every batch normalisation of torch does."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)


class ShareBatchNorms(LayerSync):
    """Lets Lightning put `SharedBatchNorm` in the place of batch normalisation while DDP trains.

    Weights and their names stay the same, so checkpoints do not depend on it.
    """

    def __init__(self) -> None:
        self._replaced: list[tuple[nn.Module, str, nn.Module]] = []

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace every layer of batch normalisation inside a model."""
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, _BatchNorm):
                    setattr(parent, name, _shared(child))
                    self._replaced.append((parent, name, child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Put the layers back, with what they have learnt."""
        for parent, name, child in self._replaced:
            _hand_over(getattr(parent, name), child)
            setattr(parent, name, child)
        self._replaced = []
        return model


def _sum(values: Tensor) -> Tensor:
    total: Tensor = SumOverProcesses.apply(values)
    return total


def _shared(layer: _BatchNorm) -> SharedBatchNorm:
    """Give a layer with the settings and the very weights of another."""
    shared = SharedBatchNorm(
        layer.num_features,
        eps=layer.eps,
        momentum=layer.momentum,
        affine=layer.affine,
        track_running_stats=layer.track_running_stats,
    )
    _hand_over(layer, shared)
    return shared.train(layer.training)


def _hand_over(source: nn.Module, target: nn.Module) -> None:
    for name in STATE:
        setattr(target, name, getattr(source, name))
