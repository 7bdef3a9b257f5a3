"""The native core under the address and undefined-behaviour sanitizers, on adversarial meshes."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "-std=c++17",
    "-O1",
    "-g1",  # lines only: with variables the kernels take twice as long to compile
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wno-psabi",
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
    "-pthread",
]


def run(command: list[str], **variables: str) -> str:
    environment = os.environ | variables
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_op_is_clean_on_random_and_adversarial_meshes(tmp_path: Path) -> None:
    compiler = os.environ.get("CXX") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to build with")
    sources = [*(ROOT / "csrc").glob("*_cpu.cpp"), ROOT / "tests" / "native" / "exercise.cpp"]
    include = f"-I{ROOT / 'csrc'}"

    def build(source: Path) -> str:
        object_file = tmp_path / f"{source.stem}.o"
        run([compiler, *FLAGS, include, "-c", str(source), "-o", str(object_file)])
        return str(object_file)

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(build, sources))
    program = tmp_path / "exercise"
    run([compiler, *FLAGS, *objects, "-o", str(program)])
    for instructions in ("baseline", "avx2", "avx512"):
        printed = run([str(program)], NR3D_ISA=instructions)
        assert printed in [f"done with {other}\n" for other in ("baseline", "avx2", instructions)]


def test_the_exercise_calls_every_op() -> None:
    """A new `<op>_cpu.cpp` needs a call in tests/native."""
    exercise = (ROOT / "tests" / "native" / "exercise.cpp").read_text()
    for source in (ROOT / "csrc").glob("*_cpu.cpp"):
        assert f'#include "{source.stem.removesuffix("_cpu")}.h"' in exercise
