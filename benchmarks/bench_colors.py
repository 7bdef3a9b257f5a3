"""Measure predicted vertex colours on a test split, beside two baselines that know one colour.

Run: python -m benchmarks.bench_colors runs/NAME/TIME

Reconstructions from every view are coloured and drawn in the next view and in the one half the way
round; the distance is that of `color_loss`, over the overlap with the object. Baselines colour the
same meshes with the mean colour of the input, and with that of all training images.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from nr3d.build import build_data, load_trained
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.models.colors import mean_color
from nr3d.training.checkpoints import find_checkpoint
from nr3d.training.colors import color_renderer, compare_colors
from nr3d.training.module import ReconstructionModule
from nr3d.training.scores import predict_views

Scores = dict[tuple[str, str], float]


@torch.no_grad()
def measure(module: ReconstructionModule, data: MultiViewDataModule, split: str) -> Scores:
    """Give the mean distance over the objects of a split by method and view."""
    renderer = color_renderer(module.renderer)
    views = {"next view": 1, "opposite view": data.num_views // 2}
    everywhere = mean_of_training(data)
    sums: Scores = defaultdict(float)
    for batch in data.evaluation_dataloader(split):
        batch = batch.to_float()
        mesh = predict_views(module, batch)
        images = batch.images.flatten(0, 1)
        shape = mesh.vertices.shape
        predicted = module.predict_colors(images)
        if predicted is None:
            raise ValueError("bench_colors: the run must predict colours; set model.colors=true")
        methods = {
            "predicted": predicted,
            "mean of the input": mean_color(images)[:, None].expand(shape),
            "mean of training": everywhere.expand(shape),
        }
        for method, colors in methods.items():
            for view, ahead in views.items():
                value = compare_colors(
                    renderer, mesh, colors, batch.images, batch.eyes, ahead=ahead
                )
                sums[method, view] += float(value) * len(batch)
    count = len(data.index.objects_of(split))
    return {key: value / count for key, value in sums.items()}


def mean_of_training(data: MultiViewDataModule) -> Tensor:
    """Give the mean over all training images of their objects' mean colours. [3]"""
    total, count = torch.zeros(3), 0
    for batch in data.evaluation_dataloader("train"):
        colors = mean_color(batch.to_float().images.flatten(0, 1))
        total, count = total + colors.sum(dim=0), count + len(colors)
    return total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, or a checkpoint")
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    config, module, step = load_trained(find_checkpoint(arguments.run))
    scores = measure(module, build_data(config), arguments.split)
    table = Table(title=f"L1 of colours, {arguments.split} split, step {step}")
    views = list(dict.fromkeys(view for _, view in scores))
    for column in ("", *views):
        table.add_column(column)
    for method in dict.fromkeys(method for method, _ in scores):
        table.add_row(method, *(f"{scores[method, view]:.4f}" for view in views))
    Console().print(table)


if __name__ == "__main__":
    main()
