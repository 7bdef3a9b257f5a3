"""Captured training steps on a CUDA device, beside the same steps launched kernel by kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from nr3d.build import build_data, build_module, check_config
from nr3d.config import compose
from nr3d.renderer import rasterize
from nr3d.training.captured_steps import plain_settings
from nr3d.training.cuda_graph import DeviceCapture, GraphedStep
from tests.training.test_cuda_graph import batch_of, settings, train

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    "chosen",
    [
        "optimizer.name=adam optimizer.fused=true",
        "optimizer.name=adam optimizer.fused=false",
        "optimizer.name=kato_adam optimizer.fused=false",
        "optimizer.name=kato_adam optimizer.fused=true",
        "model=kato optimizer.fused=true trainer.precision=bf16-mixed",
        "renderer=opendr optimizer.fused=true",
        "renderer=antialias optimizer.fused=true",
        "renderer=soft renderer.sigma_schedule={6:3.0e-5} optimizer.fused=true",
        "optimizer.fused=true trainer.compile=true",
    ],
)
def test_a_captured_run_is_the_same_run(chosen, tiny_dataset, tmp_path):
    common = [*settings(tiny_dataset, *chosen.split()), "trainer.accelerator=gpu"]
    plain, plain_rows = train(common, tmp_path / "plain")
    captured, rows = train([*common, "trainer.cuda_graph=true"], tmp_path / "captured")
    assert captured["global_step"] == plain["global_step"] == 8
    # Convolutions and sums over edges add up in another order each time.
    for ours, expected in zip(rows, plain_rows, strict=True):
        assert ours["lr"] == expected["lr"]
        if expected["train/loss"]:
            assert float(ours["train/loss"]) == pytest.approx(float(expected["train/loss"]), 2e-2)
    groups = [state["optimizer_states"][0]["param_groups"] for state in (captured, plain)]
    assert groups[0] == groups[1]


def test_replays_follow_batches_and_rates():
    place = nn.Parameter(torch.zeros((), device="cuda"))
    optimizer = torch.optim.Adam([place], lr=1.0)
    other = nn.Parameter(torch.zeros((), device="cuda"))
    eager = torch.optim.Adam([other], lr=1.0)
    step = GraphedStep(
        lambda batch: {"loss": (place - batch.images.mean()).square()},
        optimizer,
        DeviceCapture(torch.device("cuda", 0), optimizer),
    )
    for number in range(10):
        batch = batch_of(number).to("cuda")
        optimizer.param_groups[0]["lr"] = eager.param_groups[0]["lr"] = 0.5**number
        loss = step(batch)["loss"].item()
        eager.zero_grad()
        expected = (other - batch.images.mean()).square()
        expected.backward()
        eager.step()
        assert loss == pytest.approx(expected.item(), rel=1e-5)
        assert place.item() == pytest.approx(other.item(), rel=1e-5)
    assert not optimizer.param_groups[0]["capturable"]


def test_dropout_is_another_one_in_every_replay():
    place = nn.Parameter(torch.ones(1000, device="cuda"))
    optimizer = torch.optim.Adam([place], lr=0.0)
    step = GraphedStep(
        lambda batch: {"loss": nn.functional.dropout(place, 0.5).sum()},
        optimizer,
        DeviceCapture(torch.device("cuda", 0), optimizer),
    )
    found = []
    for number in range(12):
        torch.manual_seed(number % 6)
        found.append(step(batch_of(0.0).to("cuda"))["loss"].item())
    assert len(set(found[6:])) > 1
    assert found[:6] == found[6:]  # seeds hold for replays as for eager steps


def test_a_step_that_waits_cannot_be_captured():
    place = nn.Parameter(torch.ones(3, device="cuda"))
    optimizer = torch.optim.Adam([place])
    step = GraphedStep(
        lambda batch: {"loss": place.sum() * place.sum().item()},
        optimizer,
        DeviceCapture(torch.device("cuda", 0), optimizer),
    )
    for _ in range(3):
        step(batch_of(0.0).to("cuda"))
    with pytest.raises(RuntimeError, match="cuda_graph needs a step that never waits for the dev"):
        step(batch_of(0.0).to("cuda"))


def test_a_replay_tells_of_bad_vertices():
    place = nn.Parameter(torch.rand(1, 3, 3, device="cuda") + 1)
    optimizer = torch.optim.Adam([place], lr=1e-3)
    faces = torch.tensor([[0, 1, 2]], device="cuda")
    step = GraphedStep(
        lambda batch: {
            "loss": (place * batch.images.mean()).sum()
            + rasterize(place * batch.images.mean(), faces, image_size=8).depth.sum()
        },
        optimizer,
        DeviceCapture(torch.device("cuda", 0), optimizer),
    )
    for _ in range(5):
        step(batch_of(1.0).to("cuda"))
    step(batch_of(float("nan")).to("cuda"))
    torch.cuda.synchronize()
    with pytest.raises(ValueError, match="rasterize: vertices must be finite, got nan"):
        step(batch_of(1.0).to("cuda"))


def test_replays_take_no_more_memory(tiny_dataset: Path):
    chosen = settings(tiny_dataset, "optimizer.fused=true")
    config = check_config(compose("default", chosen))
    data = build_data(config)
    module = build_module(config, categories=data.categories).cuda().train()
    optimizer = module.configure_optimizers()
    step = GraphedStep(
        module.compute_losses,
        optimizer,
        DeviceCapture(torch.device("cuda", 0), optimizer),
        settings=lambda: plain_settings(module.renderer),
    )
    batch = next(iter(data.train_dataloader())).to("cuda").to_float()
    for _ in range(5):
        step(batch)
    before = torch.cuda.memory_allocated()
    for _ in range(200):
        step(batch)
    assert torch.cuda.memory_allocated() <= before
