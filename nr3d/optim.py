"""Optimizers for parameter groups.

A model names the relative rate of each group as `lr_scale`. `KatoAdam` multiplies by it; torch's
optimizers do not know the key, so code that accepts any optimizer takes `lr_scale` out of the
groups and multiplies each group's `lr` itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.optimizer import ParamsT

from nr3d.checks import check_range

CPU_CHUNK = 1 << 17  # elements whose intermediate results stay in a core's cache


class KatoAdam(Optimizer):
    """Adam that leaves elements alone whose gradient is exactly zero.

    Neither moments nor values of such elements change, so that vertices that no loss reaches stay
    where they are. The correction of the moments counts the updates of the whole parameter.

    Args:
        params: Parameters or parameter groups. A group may set `lr`, and `lr_scale` to multiply it
            (1 by default); where the product is 0 the group is skipped, step counts included.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.

    Raises:
        TypeError: If a setting is no number.
        ValueError: If a setting is out of its range.

    Source: the optimizer of Kato et al.'s renderer library, after Kingma and Ba 2015.
    """

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        check_range("KatoAdam", "lr", lr, at_least=0)
        if len(betas) != 2:
            raise ValueError(f"KatoAdam: betas must be two numbers, got {len(betas)}")
        for beta in betas:
            check_range("KatoAdam", "betas", beta, at_least=0, below=1)
        check_range("KatoAdam", "eps", eps, above=0)
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; give what `closure` gives, if any."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate = group["lr"] * group.get("lr_scale", 1.0)
            if rate == 0:
                continue
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, rate, group)
        return loss

    def _update(
        self, parameter: Tensor, gradient: Tensor, rate: float, group: dict[str, Any]
    ) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        state["step"] += 1
        (beta1, beta2), eps = group["betas"], group["eps"]
        rate *= math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        tensors = (parameter, gradient, state["mean"], state["square"])
        for value, grad, mean, square in _chunks(*tensors):
            is_active = (grad != 0).to(grad.dtype)
            mean.addcmul_(grad - mean, is_active, value=1 - beta1)
            square.addcmul_(grad.square().sub_(square), is_active, value=1 - beta2).clamp_(min=0)
            value.addcdiv_(mean * is_active, square.sqrt().add_(eps), value=-rate)


def _chunks(first: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors of one shape into matching views: whole on a GPU, of cached size on the CPU."""
    tensors = [torch.atleast_1d(tensor) for tensor in (first, *others)]
    rows = max(1, len(tensors[0]))
    if first.device.type == "cpu":
        rows = max(1, CPU_CHUNK * rows // max(1, first.numel()))
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


OPTIMIZERS: dict[str, type[Optimizer]] = {"kato_adam": KatoAdam, "adam": Adam}
