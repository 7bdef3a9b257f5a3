"""The training step of silhouette-supervised reconstruction, as a LightningModule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nr3d.checks import check_range
from nr3d.data.batch import MultiViewBatch
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.losses import laplacian_loss, silhouette_iou_loss, smoothness_loss
from nr3d.training.averaging import averaged_copy, update_average
from nr3d.training.captured_steps import CapturedStepModule
from nr3d.training.colors import check_colors, color_renderer, compare_colors
from nr3d.training.run_folder import collect_versions
from nr3d.training.schedule import Schedule
from nr3d.training.scores import CategoryMean, score_views

SURFACE_LOSSES = {"smoothness": smoothness_loss, "laplacian": laplacian_loss}
"""Losses of the meshes alone: vertices and the template's edges in, a scalar out."""


@dataclass(frozen=True)
class LossWeights:
    """The weight of each loss in the sum that training minimises.

    Attributes:
        silhouette: Weight of 1 - IoU, the mean over the cross renders.
        smoothness: Weight of Kato's smoothness; the loss is summed over edges, so its weight
            depends on the template. 0 leaves it out.
        laplacian: Weight of the distance of vertices from the middle of their neighbours; summed
            over vertices. 0 leaves it out.
        color: Weight of the L1 distance of vertex colours to another view, for models that predict
            them (`model.colors`); those need one above 0. It moves no vertex (docs/colors.md).
    """

    silhouette: float = 1.0
    smoothness: float = 0.0
    laplacian: float = 0.0
    color: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            check_range("LossWeights", name, weight, at_least=0.0)


class ReconstructionModule(CapturedStepModule):
    """Train a model (images -> Mesh) through a silhouette renderer.

    Every mesh is compared with every view of its object: with two views a and b the four cross
    renders a/a, b/a, a/b, b/b.

    Args:
        model: Images [B, 4, H, W] in [0, 1] -> Mesh; has `parameter_groups()`, and may have
            `colors`: images -> RGB of the vertices in [0, 1], [B, V, 3].
        renderer: Has `silhouettes(mesh, eyes)` -> [B, N, H, W], and may have `set_step(step,
            max_steps=M)`, which is called before every training step.
        weights: Weights of the losses.
        make_optimizer: Parameter groups -> optimizer, its rate set.
        schedule: Multiplier of the rate.
        ema: Decay of a running mean of the weights, which validation, images and evaluation then
            use; None for the weights themselves.
        categories: Names of the categories, for the validation scores.
        seed: Of everything random inside a step (dropout and the like).
        config: The resolved configuration, plain containers; stored in every checkpoint.

    Attributes:
        category_scores: Mean of each category in the last validation, NaN where there is none. [C]

    Raises:
        ValueError: If the model predicts colours without a weight for them, or a weight is given
            for colours that it does not predict or the renderer's camera cannot draw.

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
        ema: float | None = None,
        categories: tuple[str, ...] = (),
        seed: int = 0,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.renderer = renderer
        self.weights = weights
        self.schedule = schedule
        self.ema = ema
        self.averaged = None if ema is None else averaged_copy(model)
        self.categories = categories
        self.seed = seed
        self._make_optimizer = make_optimizer
        self._config = dict(config or {})
        self._scores = CategoryMean(len(categories))
        self.category_scores = self._scores.per_category()
        self._edges: Tensor | None = None
        self._reconstruct: Callable[[Tensor], Mesh] = model.forward
        self._compare = compare_views
        network = getattr(model, "colors", None)
        check_colors(predicts=network is not None, weight=weights.color)
        self._paint: Callable[[Tensor], Tensor] | None = network and network.forward
        if network is not None:
            self._compare_colors = partial(compare_colors, color_renderer(renderer))

    def forward(self, images: Tensor) -> Mesh:
        """Reconstruct one mesh per image, for others to see. [B, 4, H, W] -> vertices [B, V, 3]"""
        mesh: Mesh = (self.model if self.averaged is None else self.averaged)(images)
        return mesh

    def predict_colors(self, images: Tensor) -> Tensor | None:
        """Predict RGB of the vertices that `forward` gives, in [0, 1], or None. [B, V, 3]"""
        model = self.model if self.averaged is None else self.averaged
        network = getattr(model, "colors", None)
        return None if network is None else network(images)

    def training_step(self, batch: MultiViewBatch, batch_index: int) -> Tensor:
        """Give the weighted loss of one batch of objects with a few views each."""
        losses = (self.graph or self.compute_losses)(batch)
        self._log_losses({f"train/{name}": value for name, value in losses.items()})
        self.log("lr", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return losses["loss"]

    def compute_losses(self, batch: MultiViewBatch) -> dict[str, Tensor]:
        """Give the losses of a batch by name, and their weighted sum as `loss`."""
        mesh = self._reconstruct(batch.inputs().flatten(0, 1))  # [B * N, V, 3]
        surface = tuple(name for name in SURFACE_LOSSES if getattr(self.weights, name) > 0)
        edges = self._edges_of(mesh) if surface else None
        losses = self._compare(self.renderer, mesh, batch.images, batch.eyes, edges, surface)
        if self._paint is not None:
            colors = self._paint(batch.images.flatten(0, 1))
            losses["color"] = self._compare_colors(mesh, colors, batch.images, batch.eyes)
        loss = sum(getattr(self.weights, name) * value for name, value in losses.items())
        assert isinstance(loss, Tensor)
        return {**losses, "loss": loss}

    def compile_training(self) -> None:
        """Compile what a training step computes; validation and checkpoints stay as they are."""
        self._reconstruct = torch.compile(self.model.forward)
        self._compare = torch.compile(compare_views)
        if self._paint is not None:
            self._paint = torch.compile(self._paint)

    def validation_step(self, batch: MultiViewBatch, batch_index: int) -> None:
        """Collect the voxel IoU of every view."""
        self._scores.add(batch.category, score_views(self, batch).mean(dim=1))

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the last validation."""
        self._scores = CategoryMean(len(self.categories))

    def on_validation_epoch_end(self) -> None:
        """Log the unweighted mean over the categories, all ranks together."""
        sums, counts = self._scores.sums.to(self.device), self._scores.counts.to(self.device)
        sums = self.trainer.strategy.reduce(sums, reduce_op="sum")
        counts = self.trainer.strategy.reduce(counts, reduce_op="sum")
        scores = CategoryMean.from_sums(sums, counts)
        self.category_scores = scores.per_category().cpu()
        self.log("val/iou", scores.mean(), prog_bar=True, rank_zero_only=False)

    def on_train_start(self) -> None:
        """Begin the mean where a fresh run begins."""
        if self.averaged is not None and self.global_step == 0:
            self.averaged.load_state_dict(self.model.state_dict())

    def on_train_batch_start(self, batch: MultiViewBatch, batch_index: int) -> None:
        """Set rate, seed and renderer for this step alone, so that a resumed run agrees."""
        part = batch_index % self.trainer.accumulate_grad_batches
        step_seed = self.seed + 1_000_003 * (self.global_step + 1)
        torch.manual_seed(step_seed + self.global_rank + 10_007 * part)
        factor = self.schedule.factor(self.global_step)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = group["base_lr"] * factor
        if hasattr(self.renderer, "set_step"):
            self.renderer.set_step(self.global_step, max_steps=self.schedule.max_steps)  # type: ignore[operator]

    def optimizer_step(self, *arguments: Any, **settings: Any) -> None:
        """Change the weights, then their mean, before any callback may save them."""
        super().optimizer_step(*arguments, **settings)
        if self.averaged is not None and self.ema is not None:
            step = self.global_step + 1
            update_average(self.averaged, self.model, decay=self.ema, step=step)

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
        checkpoint["nr3d_version"] = collect_versions()["nr3d"]

    def _log_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Log losses: their means over all processes in the steps whose row is written."""
        values = torch.stack([loss.detach() for loss in losses.values()])
        is_written = (self.global_step + 1) % self.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
        if is_written:
            values = self.trainer.strategy.reduce(values, reduce_op="mean")
        for name, value in zip(losses, values.unbind(), strict=True):
            self.log(name, value)

    def _edges_of(self, mesh: Mesh) -> Tensor:
        """Give the template's edges, built at the first use; every mesh shares its faces."""
        if self._edges is None or self._edges.device != mesh.faces.device:
            self._edges = edges_with_opposite_vertices(mesh.faces)
        return self._edges


def compare_views(
    renderer: nn.Module,
    mesh: Mesh,
    images: Tensor,
    eyes: Tensor,
    edges: Tensor | None,
    surface: tuple[str, ...],
) -> dict[str, Tensor]:
    """Give the losses of meshes beside every view of their objects.

    Args:
        renderer: Has `silhouettes(mesh, eyes)`.
        mesh: The meshes that the N views of each object gave, together. B * N meshes
        images: In [0, 1]. [B, N, 4, H, W]
        eyes: [B, N, 3]
        edges: Of the template, for the losses of the surface. [E, 4]
        surface: Which of SURFACE_LOSSES are wanted.

    Returns:
        The silhouette loss and those of the surface, by name; scalars.
    """
    num_views = images.shape[1]
    every_eye = eyes.repeat_interleave(num_views, dim=0)  # [B * N, N, 3]
    rendered = renderer.silhouettes(mesh, every_eye)  # type: ignore[operator]
    target = images[:, :, 3].repeat_interleave(num_views, dim=0)  # [B * N, N, H, W]
    losses = {"silhouette": silhouette_iou_loss(rendered.flatten(0, 1), target.flatten(0, 1))}
    if edges is not None:
        losses |= {name: SURFACE_LOSSES[name](mesh.vertices, edges) for name in surface}
    return losses
