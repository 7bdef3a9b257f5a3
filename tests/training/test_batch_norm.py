"""Batch normalisation that is shared: one process gets what torch's own layer gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from nr3d.training.batch_norm import ShareBatchNorms, SharedBatchNorm


@pytest.fixture
def _one_process(tmp_path: Path) -> Iterator[None]:
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("_one_process")
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_it_computes_what_torch_does(
    dtype: torch.dtype, rtol: float, momentum: float | None
) -> None:
    torch.manual_seed(0)
    scale = torch.float64 if dtype == torch.float64 else torch.float32
    own = nn.Sequential(nn.BatchNorm2d(3, momentum=momentum), nn.BatchNorm2d(3, affine=False))
    own = own.to(scale)
    nn.init.uniform_(own[0].weight)
    shared = copy.deepcopy(own)
    names = list(shared.state_dict())
    layers = ShareBatchNorms()
    layers.apply(shared)
    assert all(isinstance(layer, SharedBatchNorm) for layer in shared)
    assert list(shared.state_dict()) == names
    for _ in range(2):
        images = (torch.randn(4, 3, 5, 6) * 3 + 1).to(dtype)
        inputs = [images.clone().requires_grad_() for _ in range(2)]
        outputs = [model(each) for model, each in zip((own, shared), inputs, strict=True)]
        for each in outputs:
            (each.to(scale) ** 3).sum().backward()
        assert outputs[1].dtype == dtype
        torch.testing.assert_close(outputs[1], outputs[0], rtol=rtol, atol=rtol)
        if dtype == torch.float64:
            assert inputs[0].grad is not None
            torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-9, atol=1e-9)
    layers.revert(shared)
    assert [type(layer) for layer in shared] == [nn.BatchNorm2d] * 2
    for key, value in own.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[key], value, rtol=rtol, atol=rtol)
    torch.testing.assert_close(shared[0].weight.grad, own[0].weight.grad, rtol=0.1, atol=0.5)
    images = images.to(scale)
    torch.testing.assert_close(shared.eval()(images), own.eval()(images), rtol=rtol, atol=rtol)
