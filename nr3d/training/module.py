"""The training step of silhouette-supervised reconstruction, as a LightningModule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nr3d.checks import check_range
from nr3d.data.batch import MultiViewBatch
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.losses import silhouette_iou_loss, smoothness_loss
from nr3d.training.scores import CategoryMean, score_views


@dataclass(frozen=True)
class LossWeights:
    """The weight of each loss in the sum that training minimises.

    Attributes:
        silhouette: Weight of 1 - IoU, the mean over the cross renders.
        smoothness: Weight of Kato's smoothness; the loss is summed over edges, so its weight
            depends on the template. 0 leaves it out.
    """

    silhouette: float = 1.0
    smoothness: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            check_range("LossWeights", name, weight, at_least=0.0)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate falls: a tenth from `drop_at` (a fraction of all steps) on."""

    max_steps: int
    drop_at: float | None = None

    def factor(self, step: int) -> float:
        """Give the multiplier of the learning rate at a step, a function of the step alone."""
        dropped = self.drop_at is not None and step >= self.drop_at * self.max_steps
        return 0.1 if dropped else 1.0


class ReconstructionModule(pl.LightningModule):
    """Train a model (images -> Mesh) through a silhouette renderer.

    Every mesh is compared with every view of its object: with two views a and b the four cross
    renders a/a, b/a, a/b, b/b.

    Args:
        model: Images [B, 4, H, W] in [0, 1] -> Mesh; has `parameter_groups()`.
        renderer: Has `silhouettes(mesh, eyes)` -> [B, N, H, W].
        weights: Weights of the losses.
        make_optimizer: Parameter groups -> optimizer, its rate set.
        schedule: Multiplier of the rate.
        categories: Names of the categories, for the validation scores.
        seed: Of everything random inside a step (dropout and the like).
        config: The resolved configuration, plain containers; stored in every checkpoint.

    Source: Kato et al. 2018, single-image reconstruction.
    """

    def __init__(
        self,
        model: nn.Module,
        renderer: nn.Module,
        *,
        weights: LossWeights,
        make_optimizer: Callable[[Iterable[Mapping[str, Any]]], Optimizer],
        schedule: Schedule,
        categories: tuple[str, ...] = (),
        seed: int = 0,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.renderer = renderer
        self.weights = weights
        self.schedule = schedule
        self.categories = categories
        self.seed = seed
        self._make_optimizer = make_optimizer
        self._config = dict(config or {})
        self._scores = CategoryMean(len(categories))
        self._edges: Tensor | None = None

    def forward(self, images: Tensor) -> Mesh:
        """Reconstruct one mesh per image. [B, 4, H, W] -> vertices [B, V, 3]"""
        mesh: Mesh = self.model(images)
        return mesh

    def training_step(self, batch: MultiViewBatch, batch_index: int) -> Tensor:
        """Give the weighted loss of one batch of objects with a few views each."""
        num_views = batch.images.shape[1]
        mesh = self(batch.images.flatten(0, 1))  # [B * N, V, 3], the views of an object together
        eyes = batch.eyes.repeat_interleave(num_views, dim=0)  # [B * N, N, 3]
        rendered = self.renderer.silhouettes(mesh, eyes)  # type: ignore[operator]
        target = batch.images[:, :, 3].repeat_interleave(num_views, dim=0)  # [B * N, N, H, W]
        silhouette = silhouette_iou_loss(rendered.flatten(0, 1), target.flatten(0, 1))
        loss: Tensor = self.weights.silhouette * silhouette
        if self.weights.smoothness > 0:
            smoothness = smoothness_loss(mesh.vertices, self._edges_of(mesh))
            loss = loss + self.weights.smoothness * smoothness
            self.log("train/smoothness", smoothness.detach())
        self.log("train/silhouette", silhouette.detach())
        self.log("train/loss", loss.detach(), prog_bar=True)
        self.log("lr", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return loss

    def validation_step(self, batch: MultiViewBatch, batch_index: int) -> None:
        """Collect the voxel IoU of every view."""
        self._scores.add(batch.category, score_views(self, batch).mean(dim=1))

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the last validation."""
        self._scores = CategoryMean(len(self.categories))

    def on_validation_epoch_end(self) -> None:
        """Log the unweighted mean over the categories, all ranks together."""
        sums, counts = self._scores.sums.to(self.device), self._scores.counts.to(self.device)
        if self.trainer.world_size > 1:
            sums = self.all_gather(sums).sum(dim=0)  # type: ignore[union-attr]
            counts = self.all_gather(counts).sum(dim=0)  # type: ignore[union-attr]
        mean = CategoryMean.from_sums(sums, counts).mean()
        self.log("val/iou", mean, prog_bar=True, rank_zero_only=False)

    def on_train_batch_start(self, batch: MultiViewBatch, batch_index: int) -> None:
        """Set rate and seed of this step: functions of the step, so that a resumed run agrees."""
        torch.manual_seed(self.seed + 1_000_003 * (self.global_step + 1) + self.global_rank)
        factor = self.schedule.factor(self.global_step)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = group["base_lr"] * factor

    def configure_optimizers(self) -> Optimizer:
        """Give each group of the model its own rate: the rate times the group's `lr_scale`."""
        groups = [dict(group) for group in self.model.parameter_groups()]  # type: ignore[operator]
        scales = [group.pop("lr_scale", 1.0) for group in groups]
        optimizer = self._make_optimizer(groups)
        for group, scale in zip(optimizer.param_groups, scales, strict=True):
            group["lr"] = group["base_lr"] = group["lr"] * scale
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the configuration, so that a checkpoint alone can be evaluated."""
        checkpoint["hyper_parameters"] = self._config

    def _edges_of(self, mesh: Mesh) -> Tensor:
        """Give the template's edges, built at the first use; every mesh shares its faces."""
        if self._edges is None or self._edges.device != mesh.faces.device:
            self._edges = edges_with_opposite_vertices(mesh.faces)
        return self._edges
