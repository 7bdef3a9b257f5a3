"""Where kernels run, and what is said where they cannot."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nr3d.ops import place
from nr3d.ops.library import kernel

ON_GPU = SimpleNamespace(device=torch.device("cuda:1"))


def test_a_build_without_cuda_says_how_to_mend_it(monkeypatch):
    monkeypatch.setitem(place.PLACES, "cuda", place.Cuda(SimpleNamespace()))
    message = (
        r"rasterize: vertices is on cuda:1, but nr3d was built without CUDA; "
        r"`nr3d doctor` says how to build it, or move the tensors to the CPU"
    )
    with pytest.raises(RuntimeError, match=message):
        kernel("rasterize", ON_GPU)  # type: ignore[arg-type]


def test_other_devices_have_no_kernels():
    with pytest.raises(RuntimeError, match="points is on meta, but nr3d has no kernel for this"):
        kernel("project", torch.empty(1, 3, device="meta"), argument="points")


def words(argument: int, where: tuple[int, int, int], value: float, low: int, end: int):
    bits = int(np.float64(value).view(np.int64))
    return np.array([place.COMPLETE, argument, *where, bits, low, end])


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (words(1, (0, 7, 2), np.nan, 0, 0), "vertices must be finite, got nan at [0, 7, 2]"),
        (
            words(2, (5, 1, -1), 99, 0, 60),
            "faces must hold vertex indices inside [0, 60), got 99 at [5, 1]",
        ),
        (
            words(3, (0, 3, 4), -2, -1, 40),
            "face_index must hold face indices inside [-1, 40), got -2 at [0, 3, 4]",
        ),
    ],
)
def test_faults_read_like_the_checks_of_the_cpu(fault, text):
    assert place.describe_fault(fault) == text


def test_a_fault_is_raised_once_and_on_its_own_device():
    class Pretended(place.Cuda):
        def new_fault(self) -> torch.Tensor:
            return torch.zeros(8, dtype=torch.int64)

    cuda = Pretended(SimpleNamespace())
    first, second = torch.device("cuda:0"), torch.device("cuda:1")
    fault = cuda._fault("rasterize", second)
    fault.copy_(torch.from_numpy(words(2, (5, 1, -1), 99, 0, 60)))
    cuda.raise_faults(first)
    with pytest.raises(ValueError, match=r"rasterize: faces must .* \(found on cuda:1 by an earl"):
        cuda.raise_faults(second)
    cuda.raise_faults(second)
