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


def plain_step(parameter: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
    """What the optimizer was before it worked on lists: one tensor, numbers for counters."""
    state["step"] += 1
    rate = 0.01 * math.sqrt(1 - 0.999 ** state["step"]) / (1 - 0.9 ** state["step"])
    mean, square = state["mean"], state["square"]
    is_active = (grad != 0).to(grad.dtype)
    mean.addcmul_(grad - mean, is_active, value=1 - 0.9)
    square.addcmul_(grad.square().sub_(square), is_active, value=1 - 0.999).clamp_(min=0)
    parameter.addcdiv_(mean * is_active, square.sqrt().add_(1e-8), value=-rate)


@pytest.mark.parametrize("way", ["chunks", "lists", "fused"])
def test_every_way_gives_the_numbers_of_the_plain_step(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = [(64, 33), (50,), (), (4, 3, 5, 5)]
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    plain = [parameter.detach().clone() for parameter in parameters]
    zeros = [{"step": 0, **{k: torch.zeros_like(p) for k in ("mean", "square")}} for p in plain]
    torch._dynamo.reset()
    optimizer = KatoAdam(parameters, lr=0.01, fused=way == "fused")
    if way == "lists":  # what CUDA tensors take
        monkeypatch.setattr(optimizer, "_fused_step", optim._step)
    for _ in range(12):
        for parameter, value, state in zip(parameters, plain, zeros, strict=True):
            parameter.grad = sparse_gradients(1, tuple(parameter.shape))[0].float()
            plain_step(value, parameter.grad, state)
        optimizer.step()
    for parameter, value in zip(parameters, plain, strict=True):
        # Twelve steps of about 0.01, each rounded at the size of the value, below 4.
        torch.testing.assert_close(parameter.detach(), value, rtol=0, atol=12 * 2.4e-7)


def test_a_changed_rate_compiles_nothing_new() -> None:
    parameter = nn.Parameter(torch.randn(40, 3))
    torch._dynamo.reset()
    optimizer = KatoAdam([parameter], lr=0.1, fused=True)
    run(optimizer, parameter, sparse_gradients(2, (40, 3)).float())
    with torch.compiler.set_stance("fail_on_recompile"):
        optimizer.param_groups[0]["lr"] = 0.01
        run(optimizer, parameter, sparse_gradients(2, (40, 3)).float())


def test_counters_that_were_numbers_load() -> None:
    parameter = nn.Parameter(torch.ones(3))
    optimizer = KatoAdam([parameter], lr=0.1)
    run(optimizer, parameter, torch.ones(2, 3))
    stored = optimizer.state_dict()
    stored["state"][0]["step"] = 2
    optimizer.load_state_dict(stored)
    step = optimizer.state[parameter]["step"]
    assert isinstance(step, Tensor) and step == 2 and step.dtype == torch.float32


def test_dtypes_of_one_group_are_updated_apart() -> None:
    parameters = [nn.Parameter(torch.ones(3, dtype=d)) for d in (torch.float32, torch.float64)]
    optimizer = KatoAdam(parameters, lr=0.1)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    torch.testing.assert_close(parameters[0].double(), parameters[1], rtol=0, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("fused", [False, True])
def test_cuda_gives_the_numbers_of_the_cpu(fused: bool) -> None:
    values, grads = torch.randn(300, 7), sparse_gradients(5, (300, 7)).float()
    there = nn.Parameter(values.cuda())
    here = nn.Parameter(values.clone())
    torch._dynamo.reset()
    run(KatoAdam([there], lr=0.01, fused=fused), there, grads.cuda())
    run(KatoAdam([here], lr=0.01), here, grads)
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=5 * 2.4e-7)


@pytest.mark.gpu
def test_cuda_graph_counts_its_replays() -> None:
    values, grad = torch.randn(300, 7), sparse_gradients(1, (300, 7))[0].float()
    captured, eager = (nn.Parameter(values.cuda()) for _ in range(2))
    optimizers = [KatoAdam([parameter], lr=0.01) for parameter in (captured, eager)]
    captured.grad, eager.grad = grad.cuda(), grad.cuda()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        optimizers[0].step()  # makes the state
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            optimizers[0].step()
    for _ in range(4):
        graph.replay()
    torch.cuda.synchronize()
    for _ in range(5):
        optimizers[1].step()
    assert torch.equal(captured, eager)
    assert optimizers[0].state[captured]["step"] == 5


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
        ({"fused": 1}, TypeError, "^KatoAdam: fused must be a bool, got int$"),
        ({"eps": 0.0}, ValueError, r"^KatoAdam: eps must be above 0, got 0\.0$"),
    ],
)
def test_messages(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KatoAdam([nn.Parameter(torch.zeros(1))], **settings)
