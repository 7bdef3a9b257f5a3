"""The CUDA kernels compiled for the CPU, in the place of the device's."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from nr3d.ops.place import PLACES, Cuda

CSRC = Path(__file__).parents[2] / "csrc"
HERE = Path(__file__).parent
FLAGS = ["-std=c++17", "-O1", "-fPIC", "-ffp-contract=off", "-fno-math-errno"]
FLAGS += ["-Wall", "-Wextra", "-Wno-psabi", "-Wno-unknown-pragmas", "-Werror"]
FLAGS += ["-DNR3D_EMULATE_CUDA", "-DNR3D_WITH_CUDA"]


def compiler() -> str | None:
    """Give the C++ compiler, where there is one."""
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def build(folder: Path, *, planted: dict[str, tuple[str, str]] | None = None) -> Path:
    """Compile the kernels, once for each content.

    Args:
        folder: Where the library goes.
        planted: Replacements of one text by another in some of the files of csrc/: bugs, to see
            whether they are found.
    """
    texts = {p.name: p.read_text() for p in [*CSRC.glob("*.h"), *CSRC.glob("*_cuda.cu")]}
    del texts["device_cuda.cu"]  # asks the driver
    for name, (old, new) in (planted or {}).items():
        assert texts[name].count(old) == 1, f"{name} does not hold {old!r} once"
        texts[name] = texts[name].replace(old, new)
    own = [HERE / "cuda_emu.h", HERE / "emu_main.cpp"]
    contents = [*sorted(texts.values()), *(path.read_text() for path in own), *FLAGS]
    digest = hashlib.sha256("\0".join(contents).encode()).hexdigest()[:16]
    library = folder / f"emulated_{digest}.so"
    if library.exists():
        return library
    with TemporaryDirectory(dir=folder) as work:
        for name, text in texts.items():
            (Path(work) / name).write_text(text)
        _compile(Path(work), sorted(name for name in texts if name.endswith(".cu")))
        (Path(work) / "emulated.so").rename(library)  # at once: others may be waiting for it
    return library


def _compile(work: Path, kernels: list[str]) -> None:
    program = compiler()
    assert program is not None
    command = [program, *FLAGS, f"-I{work}", f"-I{HERE}", "-c"]

    def translate(source: Path) -> str:
        target = str(work / f"{source.stem}.o")
        subprocess.run([*command, "-x", "c++", str(source), "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(translate, [*(work / k for k in kernels), HERE / "emu_main.cpp"]))
    subprocess.run([program, "-shared", *objects, "-o", str(work / "emulated.so")], check=True)


class Emulated:
    """The entries of the library, called as those of `nr3d._C` are."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.emu_count.argtypes = [ctypes.c_char_p]
        self._library.emu_count.restype = ctypes.c_int64
        words = ctypes.POINTER(ctypes.c_int64)
        self._library.emu_call.argtypes = [ctypes.c_char_p, ctypes.c_char_p, words]
        self._library.emu_call.restype = ctypes.c_char_p
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        count = self._library.emu_count(name.encode())
        if name.startswith("_") or count < 0:
            raise AttributeError(name)

        def call(*arguments: float) -> int:
            assert len(arguments) == count, f"{name} takes {count} arguments"
            words = b"".join(struct.pack("d" if type(a) is float else "q", a) for a in arguments)
            result = ctypes.c_int64()
            self.called.append(name)
            message = self._library.emu_call(name.encode(), words, ctypes.byref(result))
            if message is not None:
                raise RuntimeError(message.decode())
            return result.value

        return call


class EmulatedCuda(Cuda):
    """Runs the operations on CPU tensors as `Cuda` does on those of a device."""

    def stream(self, device: torch.device) -> int:
        """See `Cuda`."""
        return 0

    def new_fault(self) -> torch.Tensor:
        """See `Cuda`."""
        return torch.zeros(8, dtype=torch.int64)


@contextmanager
def emulate(library: Path, order: str) -> Iterator[EmulatedCuda]:
    """Run operations on CPU tensors by the emulated kernels.

    Args:
        library: What `build` gave.
        order: In which threads take turns: "0" up, "1" down, another number shuffled.
    """
    cuda = EmulatedCuda(Emulated(library))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NR3D_EMU_ORDER", order)
        patch.setitem(PLACES, "cpu", cuda)
        yield cuda
    assert cuda.module.called, "no emulated kernel ran"
