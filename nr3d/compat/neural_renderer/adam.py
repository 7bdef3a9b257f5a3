"""The original's Adam."""

from __future__ import annotations

from typing import Any

from torch.optim.optimizer import ParamsT

from nr3d.optim import KatoAdam


class Adam(KatoAdam):
    """Adam that leaves elements alone whose gradient is exactly zero.

    Args:
        params: Parameters or parameter groups. An attribute `lr` of a parameter multiplies `alpha`;
            with 0 the parameter is skipped (see `Mesh.set_lr`).
        alpha: Learning rate.
        beta1: Decay of the mean of gradients.
        beta2: Decay of the mean of squared gradients.
        eps: Added to the root of the second moment.
    """

    def __init__(
        self,
        params: ParamsT,
        alpha: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(_group_by_rate(params), lr=alpha, betas=(beta1, beta2), eps=eps)


def _group_by_rate(params: ParamsT) -> list[dict[str, Any]]:
    """Make a group of every parameter, with its own rate."""
    groups = []
    for entry in params:
        group: dict[str, Any] = dict(entry) if isinstance(entry, dict) else {"params": [entry]}
        own = group.pop("params")
        for parameter in own if isinstance(own, (list, tuple)) else [own]:
            rate = group.get("lr_scale", getattr(parameter, "lr", 1.0))
            groups.append({**group, "params": [parameter], "lr_scale": rate})
    return groups
