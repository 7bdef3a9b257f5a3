"""Optimizers. Parameter groups carry their own `lr`, as everywhere in torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.optimizer import ParamsT

from nr3d.checks import check_range


class KatoAdam(Optimizer):
    """Adam that leaves elements alone whose gradient is exactly zero.

    Neither moments nor values of such elements change, so that vertices that no loss reaches stay
    where they are. The correction of the moments counts the updates of the whole parameter.

    Args:
        params: Parameters or parameter groups; a group whose `lr` is 0 is skipped.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.

    Raises:
        ValueError: An argument out of its range.

    Source: the optimizer of Kato et al.'s renderer library.
    """

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        check_range("KatoAdam", "lr", lr, at_least=0)
        for beta in betas:
            check_range("KatoAdam", "betas", beta, at_least=0, below=1)
        check_range("KatoAdam", "eps", eps, at_least=0)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["lr"] == 0:
                continue
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        rate = group["lr"] * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        mean, square = state["mean"], state["square"]
        is_active = (grad != 0).to(grad.dtype)
        mean.addcmul_(grad - mean, is_active, value=1 - beta1)
        square.addcmul_(grad.square().sub_(square), is_active, value=1 - beta2).clamp_(min=0)
        parameter.addcdiv_(mean * is_active, square.sqrt().add_(group["eps"]), value=-rate)


OPTIMIZERS: dict[str, type[Optimizer]] = {"kato_adam": KatoAdam, "adam": Adam}
