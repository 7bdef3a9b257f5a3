"""Draw held-out images beside their reconstructions: `python docs/draw_reconstructions.py RUN OUT`.

One object of the test split from each category, seen from view 0: the input, the reconstruction
from the same eye and from two others, and what the dataset shows from those two.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.build import build_data, load_trained
from nr3d.data.multiview import MultiViewDataset
from nr3d.renderer.appearance import FaceColors
from nr3d.renderer.shading import render_views
from nr3d.training.checkpoints import find_checkpoint
from nr3d.visualize import Array, enlarge, image_grid, save_png

INPUT_VIEW, OTHER_VIEWS = 0, (6, 15)  # 90 and 225 degrees around
ROWS = 12
FACTOR = 2  # the dataset's pixels, enlarged
FACE_GREY = 0.9


def choose_objects(dataset: MultiViewDataset, num_categories: int, *, skip: int) -> list[int]:
    """Give the position in the split of the object number `skip` of each category."""
    category = np.asarray(dataset.index.category[dataset.objects])
    members = [np.flatnonzero(category == number) for number in range(num_categories)]
    return [int(rows[skip % len(rows)]) for rows in members if len(rows)][:ROWS]


def draw_row(module: torch.nn.Module, dataset: MultiViewDataset, row: int, angle: float) -> Array:
    """Draw one object: input, reconstruction x 3, truth x 2. [6, H, W, 3]"""
    batch = dataset[row].to_float()
    images, eyes = batch.images[0], batch.eyes[0]  # [24, 4, 64, 64], [24, 3]
    views = [INPUT_VIEW, *OTHER_VIEWS]
    with torch.no_grad():
        mesh = module(images[INPUT_VIEW : INPUT_VIEW + 1])
    grey = FaceColors(torch.full((1, mesh.faces.shape[0], 3), FACE_GREY))
    drawn = render_views(
        mesh.vertices[0], mesh.faces, grey, eyes[views], viewing_angle=angle, image_size=128
    )
    truth = to_array(images[views, :3])
    return np.concatenate(
        [
            enlarge(truth[:1], factor=FACTOR),
            to_array(drawn[:, :3].float() / 255),
            enlarge(truth[1:], factor=FACTOR),
        ]
    )


def to_array(images: Tensor) -> Array:
    """Turn [N, 3, H, W] into [N, H, W, 3]."""
    return np.asarray(images.permute(0, 2, 3, 1), dtype=np.float32)


def main() -> None:
    """Draw the picture of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder or a checkpoint")
    parser.add_argument("output", type=Path, help="the PNG")
    parser.add_argument("--skip", type=int, default=0, help="which object of each category")
    arguments = parser.parse_args()
    config, module, _ = load_trained(find_checkpoint(arguments.run))
    data = build_data(config)
    dataset = data.dataset("test")
    rows = choose_objects(dataset, len(data.categories), skip=arguments.skip)
    cells = np.stack([draw_row(module, dataset, row, data.viewing_angle) for row in rows])
    half = (len(cells) + 1) // 2
    if len(cells) % 2 == 0:  # two objects side by side
        cells = np.concatenate([cells[:half], cells[half:]], axis=1)
    titles = ["input", "same view", "+90 deg", "+225 deg", "truth +90", "truth +225"]
    save_png(arguments.output, image_grid(cells, titles=titles * (cells.shape[1] // 6)))


if __name__ == "__main__":
    main()
