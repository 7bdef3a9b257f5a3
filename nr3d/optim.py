"""Optimizers for parameter groups.

A model names the relative rate of each group as `lr_scale`. `KatoAdam` multiplies by it; torch's
optimizers do not know the key, so code that accepts any optimizer takes `lr_scale` out of the
groups and multiplies each group's `lr` itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.optimizer import ParamsT

from nr3d.checks import check_range

CPU_CHUNK = 1 << 17  # elements whose intermediate results stay in a core's cache
Tensors: TypeAlias = list[Tensor]


class KatoAdam(Optimizer):
    """Adam that leaves elements alone whose gradient is exactly zero.

    Neither moments nor values of such elements change, so that vertices that no loss reaches stay
    where they are. The correction of the moments counts the updates of the whole parameter.

    The counters are tensors on the parameters' device and nothing is read back from there, so that
    a step may be captured in a CUDA graph once a first one has made the state. The rate is that of
    the capture, or that of the replay if `lr` is a tensor on the device.

    Args:
        params: Parameters or parameter groups. A group may set `lr`, and `lr_scale` to multiply it
            (1 by default); where the product is 0 the group is skipped, step counts included.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.
        fused: Make the step one pass over each parameter, by `torch.compile`. Needs a C++ compiler
            on the CPU and Triton on CUDA, and some seconds in the first step.

    Raises:
        TypeError: If a setting is no number.
        ValueError: If a setting is out of its range.

    Source: the optimizer of Kato et al.'s renderer library, after Kingma and Ba 2015.
    """

    capturable = True

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        fused: bool = False,
    ) -> None:
        check_range("KatoAdam", "lr", lr, at_least=0)
        if len(betas) != 2:
            raise ValueError(f"KatoAdam: betas must be two numbers, got {len(betas)}")
        for beta in betas:
            check_range("KatoAdam", "betas", beta, at_least=0, below=1)
        check_range("KatoAdam", "eps", eps, above=0)
        if not isinstance(fused, bool):
            raise TypeError(f"KatoAdam: fused must be a bool, got {type(fused).__name__}")
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps})
        self._fused_step = torch.compile(_step, fullgraph=True, dynamic=False) if fused else None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; give what `closure` gives, if any."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate = group["lr"] * group.get("lr_scale", 1.0)
            if not isinstance(rate, Tensor) and rate == 0:
                continue
            for parameters in _alike(group["params"]):
                self._update(parameters, rate, group["betas"], group["eps"])
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` gave; counters may be plain numbers, as they once were."""
        super().load_state_dict(state_dict)
        for parameter, state in self.state.items():
            state["step"] = _counter(parameter, float(state["step"]))

    def _update(
        self, parameters: Tensors, rate: float | Tensor, betas: tuple[float, float], eps: float
    ) -> None:
        states = [self._state_of(parameter) for parameter in parameters]
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        means, squares = ([state[key] for state in states] for key in ("mean", "square"))
        steps = [state["step"] for state in states]
        scale = _scale(rate, steps[0])
        if self._fused_step is not None or parameters[0].device.type != "cpu":
            take_step = self._fused_step or _step
            take_step(parameters, grads, means, squares, steps, scale, betas, eps)
            return
        rates = _count(steps, scale, betas)
        for *tensors, corrected in zip(parameters, grads, means, squares, rates, strict=True):
            for value, grad, mean, square in _chunks(tensors):
                _move([value], [grad], [mean], [square], [corrected], betas, eps)

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = _counter(parameter, 0.0)
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        return state


def _step(
    values: Tensors,
    grads: Tensors,
    means: Tensors,
    squares: Tensors,
    steps: Tensors,
    scale: Tensor,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Take one step with tensors of one dtype and device, in place; no loop over elements."""
    rates = _count(steps, scale, betas)
    _move(values, grads, means, squares, rates, betas, eps)


def _count(steps: Tensors, scale: Tensor, betas: tuple[float, float]) -> Tensors:
    """Count one more step of each parameter, and give its rate with the moments' correction.

    1 - beta^n is -expm1(n log beta), exact where beta^n is almost 1.
    """
    torch._foreach_add_(steps, 1.0)
    logs = [math.log(beta) if beta > 0 else -math.inf for beta in betas]
    first, second = (list(torch._foreach_mul(steps, log)) for log in logs)
    for correction in (first, second):
        torch._foreach_expm1_(correction)
        torch._foreach_neg_(correction)
    torch._foreach_sqrt_(second)
    torch._foreach_div_(second, first)
    torch._foreach_mul_(second, scale)
    return second


def _move(
    values: Tensors,
    grads: Tensors,
    means: Tensors,
    squares: Tensors,
    rates: Tensors,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Update moments and values where the gradient is not zero."""
    is_active = [(grad != 0).to(grad.dtype) for grad in grads]
    change = list(torch._foreach_sub(grads, means))
    torch._foreach_addcmul_(means, change, is_active, value=1 - betas[0])
    change = list(torch._foreach_mul(grads, grads))
    torch._foreach_sub_(change, squares)
    torch._foreach_addcmul_(squares, change, is_active, value=1 - betas[1])
    torch._foreach_clamp_min_(squares, 0.0)
    roots = list(torch._foreach_sqrt(squares))
    torch._foreach_add_(roots, eps)
    torch._foreach_mul_(is_active, means)
    torch._foreach_mul_(is_active, rates)
    torch._foreach_addcdiv_(values, is_active, roots, value=-1.0)


def _counter(parameter: Tensor, count: float) -> Tensor:
    """Make a counter of updates beside a parameter; it decides how exact the correction is."""
    dtype = torch.float64 if parameter.dtype == torch.float64 else torch.float32
    return torch.full((), count, dtype=dtype, device=parameter.device)


def _scale(rate: float | Tensor, like: Tensor) -> Tensor:
    """Give a rate as a tensor of the kind of `like`; one that is a tensor is not read."""
    return rate.to(like) if isinstance(rate, Tensor) else torch.full_like(like, rate)


def _alike(parameters: Tensors) -> list[list[Tensor]]:
    """Sort the parameters that have gradients by device and dtype."""
    kinds: defaultdict[tuple[torch.device, torch.dtype], list[Tensor]] = defaultdict(list)
    for parameter in parameters:
        if parameter.grad is not None:
            kinds[parameter.device, parameter.dtype].append(parameter)
    return list(kinds.values())


def _chunks(tensors: Tensors) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors of one shape into matching views of a size that a core's cache holds."""
    tensors = [torch.atleast_1d(tensor) for tensor in tensors]
    rows = max(1, CPU_CHUNK * len(tensors[0]) // max(1, tensors[0].numel()))
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


OPTIMIZERS: dict[str, type[Optimizer]] = {"kato_adam": KatoAdam, "adam": Adam}
