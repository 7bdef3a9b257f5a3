"""A training step as one CUDA graph: the GPU gets it at once, not kernel by kernel."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from nr3d.checks import format_shape
from nr3d.data.batch import MultiViewBatch
from nr3d.ops.place import check_faults

Losses = dict[str, Tensor]
Run = Callable[[], Losses]
WARM_UP_STEPS = 3


class Capture(Protocol):
    """Runs work on a device, or notes it down and does it again."""

    def warm_up(self, run: Run) -> Losses:
        """Do the work where it will be captured."""
        ...

    def capture(self, run: Run) -> None:
        """Note down what the work does on the device, without doing it."""
        ...

    def replay(self) -> Losses:
        """Do what was noted down; the results are written over by the next time."""
        ...


class DeviceCapture:
    """Captures in a CUDA graph.

    Args:
        device: A CUDA device.
        optimizer: Whose step is part of the work.
    """

    def __init__(self, device: torch.device, optimizer: Optimizer) -> None:
        self._device = device
        self._optimizer = optimizer
        self._stream = torch.cuda.Stream(device)

    def warm_up(self, run: Run) -> Losses:
        """See `Capture`."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream), capturable(self._optimizer):
            losses = run()
        current.wait_stream(self._stream)
        return losses

    def capture(self, run: Run) -> None:
        """See `Capture`.

        Raises:
            RuntimeError: If the work waits for the device.
        """
        self._graph = torch.cuda.CUDAGraph()
        # Other threads, such as one that pins batches, may go on meanwhile.
        graph = torch.cuda.graph(
            self._graph, stream=self._stream, capture_error_mode="thread_local"
        )
        try:
            with capturable(self._optimizer), graph:
                self._losses = run()
        except RuntimeError as error:
            raise RuntimeError(
                f"trainer: cuda_graph needs a step that never waits for the device, got {error}; "
                "use another model, renderer or optimizer, or cuda_graph=false"
            ) from error

    def replay(self) -> Losses:
        """See `Capture`.

        Raises:
            ValueError: If an earlier replay met a bad value.
        """
        check_faults(self._device, wait=False)  # no operation is called that would ask
        self._graph.replay()
        return self._losses


class GraphedStep:
    """A whole training step: gradients from nothing, losses, backward, optimizer.

    The first steps are done as usual, beside the current stream; the next one is captured, and it
    and all others are replayed. Batches are copied to where the capture reads them, learning rates
    too. What else changes from step to step must be among `settings`: where these differ from those
    of the capture, the step is captured again.

    Args:
        compute: Batch -> losses by name; `loss` is the one to minimise.
        optimizer: Updates the parameters.
        capture: Where the work is done.
        clip: Limits the gradients, in place.
        settings: What was true when the step was captured.
    """

    def __init__(
        self,
        compute: Callable[[MultiViewBatch], Losses],
        optimizer: Optimizer,
        capture: Capture,
        *,
        clip: Callable[[], None] = lambda: None,
        settings: Callable[[], object] = lambda: None,
    ) -> None:
        self._compute = compute
        self._optimizer = optimizer
        self._capture = capture
        self._clip = clip
        self._settings = settings
        self._captured: list[object] = []  # the settings of the capture, once there is one
        self._warm_steps = 0
        self._batch: MultiViewBatch | None = None
        self._rates = [_rate_of(group) for group in optimizer.param_groups]

    def __call__(self, batch: MultiViewBatch) -> Losses:
        """Take one step; the losses are valid until the next one."""
        self._batch = _fill(self._batch, batch)
        for rate, group in zip(self._rates, self._optimizer.param_groups, strict=True):
            if rate is not None:
                rate.fill_(group["lr"])
        if self._warm_steps < WARM_UP_STEPS:
            self._warm_steps += 1
            return self._capture.warm_up(self._run)
        settings = self._settings()
        if self._captured != [settings]:
            self._capture.capture(self._run)
            self._captured = [settings]
        return self._capture.replay()

    def _run(self) -> Losses:
        assert self._batch is not None
        self._optimizer.zero_grad(set_to_none=True)
        losses = self._compute(self._batch)
        with torch.autocast(losses["loss"].device.type, enabled=False):
            losses["loss"].backward()
            self._clip()
            with self._rates_on_device():
                self._optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """Let the optimizer read tensors, whose values of later steps a graph sees."""
        groups = self._optimizer.param_groups
        numbers = [group["lr"] for group in groups]
        for rate, group in zip(self._rates, groups, strict=True):
            group["lr"] = group["lr"] if rate is None else rate
        try:
            yield
        finally:
            for number, group in zip(numbers, groups, strict=True):
                group["lr"] = number


@contextmanager
def capturable(optimizer: Optimizer) -> Iterator[None]:
    """Let an optimizer of torch keep all it counts on the device, for a while.

    It stays as it was configured, so that what is saved loads on every device.
    """
    groups = [group for group in optimizer.param_groups if "capturable" in group]
    before = [group["capturable"] for group in groups]
    for group in groups:
        group["capturable"] = True
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if "step" in state:
                state["step"] = torch.as_tensor(state["step"], device=parameter.device)
    try:
        with warnings.catch_warnings():  # the first steps are not captured, on purpose
            warnings.filterwarnings("ignore", message=".*without CUDA graph capture.*")
            yield
    finally:
        for group, value in zip(groups, before, strict=True):
            group["capturable"] = value


def _rate_of(group: dict[str, Any]) -> Tensor | None:
    """Make room for the rate of a group; None if it is always 0, for which it is left out."""
    if group.get("base_lr", group["lr"]) == 0 or not group["params"]:
        return None
    return torch.full((), group["lr"], dtype=torch.float32, device=group["params"][0].device)


def _fill(held: MultiViewBatch | None, batch: MultiViewBatch) -> MultiViewBatch:
    """Copy a batch to the place of the first one, or make that."""
    if held is None:
        return batch.clone()
    for field in fields(batch):
        old, new = getattr(held, field.name), getattr(batch, field.name)
        if old is None and new is None:
            continue
        if old is None or new is None or (old.shape, old.dtype) != (new.shape, new.dtype):
            old, new = (
                "none" if x is None else f"{format_shape(x.shape)} {x.dtype}" for x in (old, new)
            )
            raise ValueError(
                f"trainer: cuda_graph needs batches of one form, got {field.name} {new} after "
                f"{old}; use cuda_graph=false"
            )
        old.copy_(new, non_blocking=True)
    return held
