"""The kernels, compiled once for each content, and tests that run on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emu.emulation import EmulatedCuda, build, compiler, emulate


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Path:
    """The emulated kernels."""
    if compiler() is None:
        pytest.skip("needs a C++ compiler")
    folder = Path(request.config.cache.mkdir("emulation"))
    return build(folder)


@pytest.fixture(params=["0", "1", "7"], ids=["up", "down", "shuffled"])
def emulated(request: pytest.FixtureRequest, library: Path) -> Iterator[EmulatedCuda]:
    """Run operations on CPU tensors by the emulated kernels, threads in three orders."""
    with emulate(library, request.param) as cuda:
        yield cuda
