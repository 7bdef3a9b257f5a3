"""What the CUDA kernels ask of a device, as ptxas tells it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for p in (ROOT / "csrc").glob("*_cuda.cu") if p.stem != "device_cuda")
FLAGS = "-std=c++17 -O3 --fmad=false --expt-relaxed-constexpr -Xptxas -v -cubin -arch=sm_75"
ENTRY = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
    r"(\d+) bytes spill loads.*?Used (\d+) registers",
    re.DOTALL,
)
MOST_REGISTERS = 168  # twelve warps on a multiprocessor


def nvcc() -> str | None:
    """Give the compiler, where there is one."""
    return os.environ.get("CUDACXX") or shutil.which("nvcc")


@pytest.mark.skipif(nvcc() is None, reason="needs nvcc")
@pytest.mark.parametrize("source", SOURCES, ids=[p.stem for p in SOURCES])
def test_no_kernel_spills_registers(source, tmp_path):
    command = [nvcc(), *FLAGS.split(), str(source), "-o", str(tmp_path / "kernels.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    entries = ENTRY.findall(done.stderr)
    assert len(entries) == done.stderr.count("Compiling entry function") > 0
    for name, _, stores, loads, registers in entries:
        assert (stores, loads) == ("0", "0"), f"{name} spills"
        assert int(registers) <= MOST_REGISTERS, f"{name} takes {registers} registers"
