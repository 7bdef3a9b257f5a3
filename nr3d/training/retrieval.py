"""The baseline *nearest training shape*: the training object whose image is most like the input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from nr3d.data.multiview import MultiViewDataset

SIDE = 32  # images are compared at this size
OBJECTS_PER_READ = 64
QUERIES_PER_CALL = 4096


def nearest_objects(
    train: MultiViewDataset, query: MultiViewDataset, *, device: torch.device | str = "cpu"
) -> NDArray[np.int64]:
    """Find for every view of every object the training object with the most similar image.

    Images are compared by their coverage, averaged to 32 x 32, by the Euclidean distance, with all
    views of all objects of all categories: like a model, the baseline is told neither the category
    nor the azimuth of its input. (Colours make it worse on furniture: voxel IoU .330 instead of
    .354 on the validation split.) An object is never its own neighbour; of equally near ones the
    first in the file is taken. Images are read a few objects at a time.

    Args:
        train: The training split.
        query: The split to find neighbours for; may be the training split.
        device: Where distances are computed.

    Returns:
        Rows of the file. [O, N], O objects of `query` in order, N views
    """
    num_views = query.index.eyes.shape[1]
    queries = torch.cat([images for _, images in _read(query, device)]).flatten(0, 1)
    own = torch.from_numpy(np.repeat(query.objects, num_views)).to(device)
    best = torch.full((len(queries),), torch.inf, device=device)
    found = torch.full_like(own, -1)
    for rows, images in _read(train, device):
        for start in range(0, len(queries), QUERIES_PER_CALL):
            part = slice(start, start + QUERIES_PER_CALL)
            distances = _distances(queries[part], images)
            distances = distances.masked_fill(own[part, None] == rows, torch.inf)
            smallest, which = distances.min(dim=1)
            is_nearer = smallest < best[part]
            best[part] = torch.where(is_nearer, smallest, best[part])
            found[part] = torch.where(is_nearer, rows[which], found[part])
    if bool((found < 0).any()):
        raise ValueError(
            f"nearest_objects: train of {train.path} must hold another object than the one that is "
            "sought, got one object"
        )
    return found.view(-1, num_views).cpu().numpy()


def _read(dataset: MultiViewDataset, device: torch.device | str) -> Iterator[tuple[Tensor, Tensor]]:
    """Give rows [K] and small images [K, N, D] of a few objects at a time."""
    num_views = dataset.index.eyes.shape[1]
    for start in range(0, len(dataset), OBJECTS_PER_READ):
        rows = dataset.objects[start : start + OBJECTS_PER_READ]
        views = np.broadcast_to(np.arange(num_views), (len(rows), num_views))
        coverage = dataset.read(rows, views, with_voxels=False).images[:, :, 3].to(device)
        small = adaptive_avg_pool2d(coverage.float().div_(255.0), SIDE)
        yield torch.from_numpy(rows).to(device), small.flatten(2)


def _distances(queries: Tensor, images: Tensor) -> Tensor:
    """Give the squared distance of queries [Q, D] to the nearest view of objects [K, N, D]. [Q, K]

    Without the squared length of the query, which changes no order.
    """
    keys = images.flatten(0, 1)
    distances = keys.square().sum(dim=1) - 2 * queries @ keys.T
    return torch.amin(distances.unflatten(1, images.shape[:2]), dim=2)
