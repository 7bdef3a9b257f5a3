"""Where kernels run: on the CPU, or on a CUDA device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nr3d.checks import name_of_dtype

try:
    from nr3d import _C
except ImportError as error:
    raise ImportError(
        f"nr3d: the native module nr3d._C cannot be loaded ({error}); run `pip install -e .` in "
        "the checkout, or leave the checkout's folder if nr3d is installed elsewhere"
    ) from error

ARGUMENTS = {1: ("vertices", "vertex"), 2: ("faces", "vertex"), 3: ("face_index", "face")}
"""The numbers of csrc/place.h: the name of an argument, and what its values point at."""
COMPLETE = 2
"""The state of a fault that has been written."""


class Place(Protocol):
    """Runs kernels on some kind of device."""

    checks_values: bool
    """Whether values have been checked before a kernel runs; else the kernel looks at them."""

    def has(self, name: str) -> bool:
        """Tell whether there is a kernel of this name."""
        ...

    def run(self, name: str, like: Tensor, *arguments: float) -> None:
        """Run the kernel for the device and dtype of a tensor."""
        ...


class Cpu:
    """The kernels of the CPU, on as many threads as torch uses."""

    checks_values = True

    def has(self, name: str) -> bool:
        """See `Place`."""
        return hasattr(_C, f"{name}_float32")

    def run(self, name: str, like: Tensor, *arguments: float) -> None:
        """See `Place`."""
        entry = getattr(_C, f"{name}_{name_of_dtype(like.dtype)}")
        entry(*arguments, torch.get_num_threads())


class Cuda:
    """The kernels of CUDA devices, queued on torch's current stream.

    Nobody waits for them. What is wrong with the values of an argument they write to a fault, which
    lies in pinned memory of the host; the next call on the device raises it.
    """

    checks_values = False

    def __init__(self, module: Any) -> None:
        self.module = module
        self.faults: dict[tuple[str, torch.device], Tensor] = {}

    def has(self, name: str) -> bool:
        """See `Place`."""
        return hasattr(self.module, f"{name}_cuda_float32")

    def run(self, name: str, like: Tensor, *arguments: float) -> None:
        """See `Place`.

        Raises:
            ValueError: An earlier kernel found a bad value.
        """
        self.raise_faults(like.device)
        dtype = name_of_dtype(like.dtype)
        num_bytes = getattr(self.module, f"{name}_scratch_{dtype}")(*arguments)
        # torch reuses the memory only for what is queued on this stream later.
        scratch = torch.empty(num_bytes, dtype=torch.uint8, device=like.device)
        getattr(self.module, f"{name}_cuda_{dtype}")(
            *arguments,
            scratch.data_ptr(),
            like.device.index or 0,
            self.stream(like.device),
            self._fault(name, like.device).data_ptr(),
        )

    def raise_faults(self, device: torch.device) -> None:
        """Raise ValueError for the first fault on a device, and forget it."""
        for (name, where), fault in list(self.faults.items()):  # autograd's threads add to them
            if where != device or fault[0].item() != COMPLETE:
                continue
            text = describe_fault(fault.numpy())
            fault[0] = 0
            raise ValueError(f"{name}: {text} (found on {device} by an earlier call)")

    def stream(self, device: torch.device) -> int:
        """Give the address of the current stream."""
        return int(torch.cuda.current_stream(device).cuda_stream)

    def new_fault(self) -> Tensor:
        """Give zeros for a fault, where devices and host can reach them."""
        return torch.zeros(8, dtype=torch.int64, pin_memory=True)

    def _fault(self, name: str, device: torch.device) -> Tensor:
        key = (name, device)
        if key not in self.faults:
            self.faults[key] = self.new_fault()
        return self.faults[key]


def describe_fault(words: np.ndarray) -> str:
    """Say what is wrong, as the checks of the CPU do."""
    argument, target = ARGUMENTS[int(words[1])]
    place = [int(index) for index in words[2:5] if index >= 0]
    value = float(words[5:6].view(np.float64)[0])
    if argument == "vertices":
        return f"{argument} must be finite, got {value} at {place}"
    low, end = int(words[6]), int(words[7])
    return (
        f"{argument} must hold {target} indices inside [{low}, {end}), got {int(value)} at {place}"
    )


PLACES: dict[str, Place] = {"cpu": Cpu(), "cuda": Cuda(_C)}
"""By the type of torch's device."""


def place_of(tensor: Tensor) -> Place | None:
    """Give where kernels run on a tensor, None where they cannot."""
    return PLACES.get(tensor.device.type)


def _cuda_places() -> Iterator[Cuda]:
    return (place for place in PLACES.values() if isinstance(place, Cuda))


def check_faults(device: torch.device | str | None = None, *, wait: bool = True) -> None:
    """Raise what the kernels of a CUDA device found wrong.

    Kernels on CUDA devices do not hold up the program to look at vertices and indices. Bad ones are
    told by the next call of an operation on that device; this tells at once. Who replays a CUDA
    graph calls no operation, and can ask here.

    Args:
        device: A CUDA device, the current one when absent.
        wait: Wait for the device first; else tell what is known by now.

    Raises:
        ValueError: Vertices that are not finite, or an index out of range.
    """
    index = torch.cuda.current_device() if device is None else torch.device(device).index
    where = torch.device("cuda", index if index is not None else torch.cuda.current_device())
    if wait:
        torch.cuda.synchronize(where)
    for place in _cuda_places():
        place.raise_faults(where)
