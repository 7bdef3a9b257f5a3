"""What the tests share: the reference kernels' numbers, seeds, one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
TRUTH = Path(os.environ.get("NR3D_TRUTH", SHARED / "truth"))

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def truth() -> Callable[[str], Arrays]:
    """Load one file of recorded numbers by its stem; skip the test where it is absent.

    $NR3D_TRUTH names their folder; without it, ../shared/truth beside the checkout.
    """

    def load(name: str) -> Arrays:
        path = TRUTH / f"{name}.npz"
        if not path.is_file():
            pytest.skip(
                f"{path} is not there; set NR3D_TRUTH to the folder of the recorded numbers"
            )
        with np.load(path) as arrays:
            return dict(arrays)

    return load


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Find a file of ../shared/data; skip the test where it is absent."""

    def find(name: str) -> Path:
        path = TRUTH.parent / "data" / name
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        return path

    return find


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    """Seed every test alike, and give it one thread unless it asks for more."""
    torch.manual_seed(0)
    np.random.seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a CUDA device where there is none."""
    if torch.cuda.is_available():
        return
    without = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(without)
