"""The kernels, compiled once for each content, and tests that run on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nr3d.ops import place
from tests.emu.emulation import Emulated, EmulatedCuda, build, compiler


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Path:
    """The emulated kernels."""
    if compiler() is None:
        pytest.skip("needs a C++ compiler")
    folder = Path(request.config.cache.mkdir("emulation"))
    return build(folder)


@pytest.fixture(params=["0", "1", "7"], ids=["up", "down", "shuffled"])
def emulated(
    request: pytest.FixtureRequest, library: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmulatedCuda]:
    """Run operations on CPU tensors by the emulated kernels, threads in three orders."""
    monkeypatch.setenv("NR3D_EMU_ORDER", request.param)
    cuda = EmulatedCuda(Emulated(library))
    monkeypatch.setitem(place.PLACES, "cpu", cuda)
    yield cuda
    assert cuda.module.called, "no emulated kernel ran"
