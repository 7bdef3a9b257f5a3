"""The original's Adam."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor
from torch.optim.optimizer import ParamsT

from nr3d.optim import KatoAdam


class Adam(KatoAdam):
    """Adam that leaves elements alone whose gradient is exactly zero.

    Args:
        params: Parameters or parameter groups. An attribute `lr` of a parameter, read at each
            update, multiplies `alpha`; with 0 the parameter is skipped (see `Mesh.set_lr`).
        alpha: Learning rate.
        beta1: Decay of the mean of gradients.
        beta2: Decay of the mean of squared gradients.
        eps: Added to the root of the second moment.
    """

    capturable = False  # the rates of parameters are read

    def __init__(
        self,
        params: ParamsT,
        alpha: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr=alpha, betas=(beta1, beta2), eps=eps)

    def _update(
        self,
        parameters: list[Tensor],
        rate: float | Tensor,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        """Update parameters by their own rates, those that share one together."""
        by_rate: defaultdict[float, list[Tensor]] = defaultdict(list)
        for parameter in parameters:
            by_rate[float(rate) * float(getattr(parameter, "lr", 1.0))].append(parameter)
        for own_rate, alike in by_rate.items():
            if own_rate != 0:
                super()._update(alike, own_rate, betas, eps)
