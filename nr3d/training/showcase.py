"""What Weights & Biases shows of a run: scores by category, image grids, turntables and meshes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from nr3d.data.datamodule import MultiViewDataModule
from nr3d.geometry import Mesh, eye_from_angles, save_mesh
from nr3d.renderer.appearance import FaceColors
from nr3d.renderer.shading import render_views
from nr3d.training.module import ReconstructionModule
from nr3d.training.reconstruction import DISTANCE, ELEVATION, FACE_GREY, VIEW_SIZE
from nr3d.training.run_folder import RunFolder
from nr3d.training.wandb_logger import WandbLog
from nr3d.visualize import Array, save_gif

NUM_FRAMES = 24
FRAMES_PER_SECOND = 12.0


class Showcase(pl.Callback):
    """Send tables, pictures and meshes of a validation, and checkpoints at the end of training.

    The objects shown are the same in every validation and every run on the same dataset, each
    reconstructed from its first view.

    Args:
        wandb_log: Where to send them.
        run: Where image grids and checkpoints are.
        num_objects: Objects shown as turntable and mesh, spread evenly over the validation split.
        validate_every: Steps between validations; each sends a table.
        media_every: Validations between two showings of pictures and meshes; the last validation
            always shows them.
        max_steps: Steps in all.
        with_checkpoints: Whether to send best.ckpt and last.ckpt.
    """

    def __init__(
        self,
        wandb_log: WandbLog,
        run: RunFolder,
        *,
        num_objects: int,
        validate_every: int,
        media_every: int,
        max_steps: int,
        with_checkpoints: bool,
    ) -> None:
        self.wandb_log = wandb_log
        self.run = run
        self.num_objects = num_objects
        self.validate_every = validate_every
        self.media_every = media_every
        self.max_steps = max_steps
        self.with_checkpoints = with_checkpoints
        self._names: list[str] = []
        self._images: Tensor | None = None  # [K, 4, H, W]

    @rank_zero_only
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Send what this validation shows."""
        if trainer.sanity_checking:
            return
        assert isinstance(pl_module, ReconstructionModule)
        step = trainer.global_step
        scores = pl_module.category_scores.tolist()
        rows = [
            [*row] for row in zip(pl_module.categories, scores, strict=True) if row[1] == row[1]
        ]
        self.wandb_log.log_table("val/iou_by_category", ["category", "IoU"], rows, step=step)
        is_last = trainer.should_stop or step + self.validate_every > self.max_steps
        if step % (self.media_every * self.validate_every) and not is_last:
            return
        grid = self.run.images / f"step_{step:07d}.png"
        if grid.is_file():
            self.wandb_log.log_files({"val/grid": grid}, step=step)
        if self.num_objects:
            with tempfile.TemporaryDirectory() as folder:
                files = self._draw_objects(trainer, pl_module, Path(folder))
                self.wandb_log.log_files(files, step=step)

    @rank_zero_only
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Send the checkpoints, which are whole by now."""
        for alias, path in (("best", self.run.best), ("last", self.run.last)):
            if self.with_checkpoints and path.is_file():
                self.wandb_log.log_checkpoint(path, alias=alias, step=trainer.global_step)

    def _draw_objects(
        self, trainer: pl.Trainer, module: ReconstructionModule, folder: Path
    ) -> dict[str, Path]:
        """Write a turntable and a mesh of each object."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        if self._images is None:
            self._names, self._images = first_views(data, "val", num_objects=self.num_objects)
        mesh = reconstruct(module, self._images)
        angle = data.viewing_angle
        files = {}
        for number, name in enumerate(self._names):
            turntable, object_file = folder / f"{number}.gif", folder / f"{number}.glb"
            frames = draw_turntable(mesh.vertices[number], mesh.faces, viewing_angle=angle)
            save_gif(turntable, frames, frames_per_second=FRAMES_PER_SECOND)
            save_mesh(object_file, mesh.vertices[number], mesh.faces)
            files[f"val/turntable/{name}"] = turntable
            files[f"val/mesh/{name}"] = object_file
        return files


def first_views(
    data: MultiViewDataModule, split: str, *, num_objects: int
) -> tuple[list[str], Tensor]:
    """Give names and first views of objects spread evenly over a split. Float [K, 4, H, W]"""
    dataset = data.dataset(split)
    count = min(num_objects, len(dataset))
    rows = dataset.objects[np.arange(count) * len(dataset) // count]
    views = np.zeros((count, 1), dtype=np.int64)
    batch = dataset.read(rows, views, with_voxels=False).to_float()
    return [data.index.ids[row] for row in rows], batch.images[:, 0]


@torch.no_grad()
def reconstruct(module: ReconstructionModule, images: Tensor) -> Mesh:
    """Reconstruct images [K, 4, H, W] as an evaluation does. Float32 vertices on the CPU."""
    was_training = module.training
    module.eval()
    mesh = module(images.to(next(module.model.parameters())))
    module.train(was_training)
    return Mesh(mesh.vertices.float().cpu(), mesh.faces.cpu())


def draw_turntable(vertices: Tensor, faces: Tensor, *, viewing_angle: float) -> Array:
    """Draw a mesh in grey from all around, at elevation 30.

    Args:
        vertices: [V, 3]
        faces: [F, 3]
        viewing_angle: Half the field of view, in degrees.

    Returns:
        RGB in [0, 1]. [24, 128, 128, 3]
    """
    azimuths = torch.arange(NUM_FRAMES) * (360.0 / NUM_FRAMES)
    eyes = eye_from_angles(DISTANCE, ELEVATION, azimuths).to(vertices)
    grey = FaceColors(torch.full((1, len(faces), 3), FACE_GREY).to(vertices))
    views = render_views(
        vertices,
        faces,
        grey,
        eyes,
        viewing_angle=viewing_angle,
        image_size=VIEW_SIZE,
        supersampling=2,
    )
    frames: Array = (views[:, :3].permute(0, 2, 3, 1).float() / 255.0).numpy()
    return frames
