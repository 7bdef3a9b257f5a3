"""What a run shows: validation image grids and a progress bar."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from nr3d.data.batch import MultiViewBatch
from nr3d.renderer import VertexColors
from nr3d.training.colors import color_renderer
from nr3d.training.module import ReconstructionModule
from nr3d.visualize import image_grid, save_png

GRID_OBJECTS = 8
SECONDS_BETWEEN_UPDATES = 0.2
SHOWN = {"train/loss": "loss", "val/iou": "val IoU"}


class ImageGrids(pl.Callback):
    """Write input | target | rendered (| colours) of the first validation objects as step_<n>.png.

    The input is the object's first view, target and rendered are seen from the same view.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @rank_zero_only
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: MultiViewBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the grid of the first batch."""
        if batch_idx > 0 or trainer.sanity_checking:
            return
        assert isinstance(pl_module, ReconstructionModule)
        grid = reconstruction_grid(pl_module, batch, num_objects=GRID_OBJECTS)
        save_png(self.folder / f"step_{trainer.global_step:07d}.png", grid)


@torch.no_grad()
def reconstruction_grid(
    module: ReconstructionModule, batch: MultiViewBatch, *, num_objects: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Draw input | target | rendered, a row per object. [H', W', 3] in [0, 1]

    Models that predict colours have a fourth column, `colours`, drawn from the same eye.
    """
    images = batch.images[:num_objects, 0]  # [B, 4, H, W]
    mesh = module(images)
    eyes = batch.eyes[:num_objects, :1]
    rendered = module.renderer.silhouettes(mesh, eyes)  # type: ignore[operator]
    columns = {
        "input": images[:, :3],
        "target": images[:, 3:].expand(-1, 3, -1, -1),
        "rendered": rendered[:, :1].expand(-1, 3, -1, -1).to(images.dtype),
    }
    colors = module.predict_colors(images)
    if colors is not None:
        drawn = color_renderer(module.renderer).colors(mesh, eyes, VertexColors(colors))
        columns["colours"] = drawn[:, 0].to(images.dtype)
    cells = torch.stack(list(columns.values()), dim=1)  # [B, 3 or 4, 3, H, W]
    return image_grid(cells.permute(0, 1, 3, 4, 2).float().cpu().numpy(), titles=list(columns))


class Progress(pl.Callback):
    """A bar with step, loss, validation IoU, images per second and the time left.

    Without a terminal there is no bar but one line per validation.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self.bar: Bar | None = None
        self.task: TaskID | None = None
        self._images = 0
        self._since = 0.0  # the start of training, later by the time spent in validation
        self._paused = 0.0
        self._shown = 0.0

    @rank_zero_only
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar where training starts or goes on."""
        self._images, self._since = 0, time.perf_counter()
        if not self.console.is_terminal:
            return
        self.bar = Bar(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.bar.start()
        self.task = self.bar.add_task(
            "training", total=trainer.max_steps, completed=trainer.global_step, numbers=""
        )

    @rank_zero_only
    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: MultiViewBatch,
        batch_idx: int,
    ) -> None:
        """Advance the bar, now and then: reading a number waits for the GPU."""
        self._images += batch.images.shape[0] * batch.images.shape[1] * trainer.world_size
        now = time.perf_counter()
        if now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self._show(trainer)

    @rank_zero_only
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock: images per second are those of training."""
        self._paused = time.perf_counter()

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line per validation."""
        self._since += time.perf_counter() - self._paused
        text = f"step {trainer.global_step}/{trainer.max_steps}  {self._numbers(trainer)}"
        self.console.print(text, highlight=False)

    @rank_zero_only
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._show(trainer)
        self._close()

    @rank_zero_only
    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar before the error is printed."""
        self._close()

    def _show(self, trainer: pl.Trainer) -> None:
        if self.bar is not None and self.task is not None:
            step = trainer.global_step
            self.bar.update(self.task, completed=step, numbers=self._numbers(trainer))

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _numbers(self, trainer: pl.Trainer) -> str:
        metrics = trainer.callback_metrics
        parts = [
            f"{text} {float(metrics[key]):.4f}" for key, text in SHOWN.items() if key in metrics
        ]
        rate = self._images / max(time.perf_counter() - self._since, 1e-9)
        return "  ".join([*parts, f"{rate:.0f} images/s"])
