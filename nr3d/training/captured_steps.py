"""Training whose steps are captured in a CUDA graph, as Lightning sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from nr3d.training.cuda_graph import Capture, DeviceCapture, GraphedStep


class CapturedStepModule(pl.LightningModule):
    """A LightningModule whose `training_step` may do all of a step, by `graph`.

    Lightning goes through its own step around it, which then does nothing: counters, logging and
    checkpoints are those of every run.
    """

    graph: GraphedStep | None = None

    def optimizer_zero_grad(self, *arguments: Any, **settings: Any) -> None:
        """See Lightning."""
        if self.graph is None:
            super().optimizer_zero_grad(*arguments, **settings)

    def backward(self, loss: Tensor, *arguments: Any, **settings: Any) -> None:
        """See Lightning."""
        if self.graph is None:
            super().backward(loss, *arguments, **settings)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """See Lightning."""
        if self.graph is None:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        elif optimizer_closure is not None:
            optimizer_closure()


class CaptureSteps(pl.Callback):
    """Has a module's training steps captured; it must have `compute_losses(batch)`.

    Args:
        make_capture: Device and optimizer -> where the work is done.
    """

    def __init__(
        self, make_capture: Callable[[torch.device, Optimizer], Capture] = DeviceCapture
    ) -> None:
        self._make_capture = make_capture

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Refuse what no graph can capture, before any data is loaded."""
        if self._make_capture is DeviceCapture:
            check_device(trainer.strategy.root_device)
        check_trainer(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin to capture: parameters, optimizer and its state are where they stay."""
        check_optimizers(trainer.optimizers)
        (optimizer,) = trainer.optimizers

        def clip() -> None:
            pl_module.configure_gradient_clipping(
                optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
            )

        pl_module.graph = GraphedStep(
            pl_module.compute_losses,
            optimizer,
            self._make_capture(trainer.strategy.root_device, optimizer),
            clip=clip,
            settings=lambda: plain_settings(pl_module.renderer),
        )

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Give the graph's memory back."""
        pl_module.graph = None


def check_trainer(trainer: pl.Trainer) -> None:
    """Refuse what no graph of one step can hold.

    Raises:
        ValueError: More than one process, or several batches for one step.
    """
    if not isinstance(trainer.strategy, SingleDeviceStrategy):
        raise ValueError(
            "trainer: cuda_graph must be false with several processes, got true with "
            f"{type(trainer.strategy).__name__} of {trainer.world_size}; use devices=1 and "
            "strategy=auto"
        )
    if trainer.accumulate_grad_batches != 1:
        raise ValueError(
            "trainer: cuda_graph must be false where gradients are accumulated, got true with "
            f"{trainer.accumulate_grad_batches} batches for a step; use a larger batch"
        )


def check_device(device: torch.device) -> None:
    """Raise ValueError where there are no CUDA graphs."""
    if device.type != "cuda":
        raise ValueError(
            f"trainer: cuda_graph must be false on {device}, got true; it needs a CUDA device"
        )


def check_optimizers(optimizers: list[Optimizer]) -> None:
    """Raise ValueError for optimizers whose step cannot be captured."""
    for optimizer in optimizers:
        is_ours = getattr(optimizer, "capturable", False)
        if not is_ours and not all("capturable" in group for group in optimizer.param_groups):
            raise ValueError(
                "trainer: cuda_graph must be false with an optimizer that cannot be captured, got "
                f"true with {type(optimizer).__name__}; use adam or kato_adam"
            )


def plain_settings(renderer: nn.Module) -> dict[str, object]:
    """Give the settings of a renderer that are numbers or words: a capture holds them fast."""
    kinds = (bool, int, float, str, tuple)
    return {name: value for name, value in vars(renderer).items() if isinstance(value, kinds)}
