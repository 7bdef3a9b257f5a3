"""How the learning rate changes over a training."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of the step alone, so that a resumed run agrees.

    Places are fractions of all steps: a shorter training has the same schedule, scaled. What is
    chosen multiplies.

    Attributes:
        max_steps: Optimizer steps in all.
        drop_at: From here on the rate is `drop_to` times as high; None for never.
        drop_to: See there.
        warm_up: Up to here the rate climbs from 0 on a line.
        cosine: Whether the rate falls to 0 on half a cosine over all steps.
    """

    max_steps: int
    drop_at: float | None = None
    drop_to: float = 0.1
    warm_up: float = 0.0
    cosine: bool = False

    def factor(self, step: int) -> float:
        """Give the multiplier of the learning rate at a step."""
        factor = 1.0
        if self.drop_at is not None and step >= self.drop_at * self.max_steps:
            factor = self.drop_to
        if step + 1 < self.warm_up * self.max_steps:
            factor *= (step + 1) / (self.warm_up * self.max_steps)
        if self.cosine:
            factor *= 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.max_steps)))
        return factor
