"""Kato's Adam against the formulas written out for one element at a time."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nr3d import optim
from nr3d.optim import OPTIMIZERS, KatoAdam


class ElementAdam:
    """One number at a time; counts the updates of its parameter."""

    def __init__(self, value: float) -> None:
        self.value, self.mean, self.square = value, 0.0, 0.0

    def update(self, grad: float, count: int, rate: float) -> None:
        if grad == 0.0:
            return
        rate *= math.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        self.mean += (1 - 0.9) * (grad - self.mean)
        self.square = max(0.0, self.square + (1 - 0.999) * (grad * grad - self.square))
        self.value -= rate * self.mean / (math.sqrt(self.square) + 1e-8)


def sparse_gradients(steps: int, shape: tuple[int, ...]) -> Tensor:
    """Gradients of which about 40 % are exactly zero. [steps, *shape] float64"""
    grads = torch.randn(steps, *shape, dtype=torch.float64)
    return grads * (torch.rand(steps, *shape) > 0.4)


def run(optimizer: torch.optim.Optimizer, parameter: Tensor, grads: Tensor) -> None:
    for grad in grads:
        parameter.grad = grad.clone()
        optimizer.step()


def test_every_element_follows_the_formula() -> None:
    parameter = nn.Parameter(torch.randn(3, 5, dtype=torch.float64))
    elements = [ElementAdam(value) for value in parameter.flatten().tolist()]
    grads = sparse_gradients(20, (3, 5))
    run(KatoAdam([parameter], lr=0.01), parameter, grads)
    for count, grad in enumerate(grads, start=1):
        for element, number in zip(elements, grad.flatten().tolist(), strict=True):
            element.update(number, count, 0.01)
    expected = torch.tensor([element.value for element in elements], dtype=torch.float64)
    torch.testing.assert_close(parameter.detach().flatten(), expected, rtol=1e-12, atol=1e-14)


def test_without_zeros_it_is_adam() -> None:
    ours, theirs = (nn.Parameter(torch.ones(7, dtype=torch.float64)) for _ in range(2))
    grads = torch.rand(30, 7, dtype=torch.float64) + 0.1
    run(KatoAdam([ours], lr=0.01), ours, grads)
    run(torch.optim.Adam([theirs], lr=0.01, eps=0.0), theirs, grads)
    # torch adds eps after the correction, Kato before; both are 1e-8 of the step here.
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_elements_without_gradient_stay_bit_for_bit() -> None:
    parameter = nn.Parameter(torch.randn(6))
    optimizer = KatoAdam([parameter], lr=0.1)
    run(optimizer, parameter, torch.rand(3, 6) + 0.1)  # moments that would carry them on
    before = parameter.detach().clone()
    moments = {key: optimizer.state[parameter][key].clone() for key in ("mean", "square")}
    run(optimizer, parameter, torch.tensor([[0.0, -0.0, 0.0, 1.0, -1.0, 1e-30]]))
    assert torch.equal(parameter[:3], before[:3])
    assert (parameter[3:] != before[3:]).all()
    for key, moment in moments.items():
        assert torch.equal(optimizer.state[parameter][key][:3], moment[:3])


def test_steps_are_counted_per_parameter() -> None:
    late, always = (nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    optimizer = KatoAdam([late, always], lr=0.1)
    for _ in range(5):
        always.grad = torch.ones_like(always)
        optimizer.step()
    late.grad = torch.ones_like(late)
    optimizer.step()
    assert optimizer.state[late]["step"] == 1
    assert optimizer.state[always]["step"] == 6
    assert late.item() == pytest.approx(-0.1, rel=1e-6)  # a first step is the whole rate


def test_groups_scale_the_rate_and_zero_skips() -> None:
    fast, slow, still = (nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(3))
    groups = [
        {"params": [fast]},
        {"params": [slow], "lr_scale": 0.1},
        {"params": [still], "lr_scale": 0.0},
    ]
    optimizer = KatoAdam(groups, lr=0.01)
    for parameter in (fast, slow, still):
        parameter.grad = torch.ones(2, dtype=torch.float64)
    optimizer.step()
    torch.testing.assert_close(slow.detach(), 0.1 * fast.detach())
    assert not still.any()
    assert still not in optimizer.state


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = [(64, 3), (50,), (), (4, 3, 2, 2)]
    results = []
    for chunk in (1 << 17, 7):
        monkeypatch.setattr(optim, "CPU_CHUNK", chunk)
        torch.manual_seed(1)
        parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
        parameters[3].data = parameters[3].data.to(memory_format=torch.channels_last)
        optimizer = KatoAdam(parameters, lr=0.1)
        for _ in range(3):
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape)  # other strides than the parameter
            optimizer.step()
        results.append([parameter.detach() for parameter in parameters])
    for whole, pieces in zip(*results, strict=True):
        assert torch.equal(whole, pieces)


def test_state_survives_saving() -> None:
    grads = sparse_gradients(8, (4, 3)).float()
    whole = nn.Parameter(torch.ones(4, 3))
    run(KatoAdam([whole], lr=0.1), whole, grads)

    parts = nn.Parameter(torch.ones(4, 3))
    first = KatoAdam([parts], lr=0.1)
    run(first, parts, grads[:5])
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = KatoAdam([parts], lr=0.7)
    second.load_state_dict(torch.load(file, weights_only=True))
    run(second, parts, grads[5:])
    assert torch.equal(parts, whole)


def test_closure_runs_with_gradients() -> None:
    parameter = nn.Parameter(torch.full((2,), 3.0))
    optimizer = KatoAdam([parameter], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 18.0
    assert (parameter < 3.0).all()


def test_the_table_names_the_optimizers() -> None:
    assert OPTIMIZERS == {"kato_adam": KatoAdam, "adam": torch.optim.Adam}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"lr": -1.0}, ValueError, r"^KatoAdam: lr must be at least 0, got -1\.0$"),
        ({"lr": "fast"}, TypeError, "^KatoAdam: lr must be a number, got str$"),
        ({"betas": (0.9, 1.0)}, ValueError, r"^KatoAdam: betas must be .*, got 1\.0$"),
        ({"betas": (0.9,)}, ValueError, "^KatoAdam: betas must be two numbers, got 1$"),
        ({"eps": 0.0}, ValueError, r"^KatoAdam: eps must be above 0, got 0\.0$"),
    ],
)
def test_messages(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KatoAdam([nn.Parameter(torch.zeros(1))], **settings)
