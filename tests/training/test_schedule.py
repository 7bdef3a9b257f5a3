"""The rate, sigma and mean weights as functions of the step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nr3d.training.averaging import averaged_copy, update_average
from nr3d.training.schedule import Schedule


def test_the_rate_drops_where_the_papers_say() -> None:
    kato = Schedule(1_000_000, drop_at=0.95)
    assert [kato.factor(step) for step in (0, 949_999, 950_000)] == [1, 1, 0.1]
    softras = Schedule(250_000, drop_at=0.6, drop_to=0.3)
    assert [softras.factor(step) for step in (149_999, 150_000)] == [1, 0.3]


def test_warm_up_and_cosine_scale_with_the_steps() -> None:
    for length in (100, 1000):
        schedule = Schedule(length, warm_up=0.1, cosine=True)
        assert schedule.factor(0) == pytest.approx(10 / length)
        assert schedule.factor(length // 2) == pytest.approx(0.5)
        assert schedule.factor(length) == 0
        factors = [schedule.factor(step) for step in range(length)]
        assert factors.index(max(factors)) == length // 10 - 1


def test_the_mean_forgets_its_beginning_first() -> None:
    model = nn.BatchNorm1d(2)
    averaged = averaged_copy(model)
    expected = averaged.weight.clone()
    for step in range(1, 40):
        model.weight.data.fill_(float(step))
        model.num_batches_tracked.fill_(step)
        update_average(averaged, model, decay=0.7, step=step)
        kept = min(0.7, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * step
    torch.testing.assert_close(averaged.weight, expected)
    assert averaged.num_batches_tracked == 39
    assert not averaged.weight.requires_grad
