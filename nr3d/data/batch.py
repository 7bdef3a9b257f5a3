"""The batch contract: several views of several objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nr3d.data.augmentation import change_colors


@dataclass(frozen=True)
class MultiViewBatch:
    """B objects, N views each.

    Attributes:
        images: RGB on black and coverage. [B, N, 4, H, W], uint8 as read from the file, float32 in
            [0, 1] after `to_float`
        eyes: Camera positions in the mesh frame. [B, N, 3], float32
        voxels: Occupancy in the mesh frame, axes x, y, z; None where not asked for.
            bool [B, R, R, R]
        category: Index into the categories of the file. [B], int64
        object_index: Row of the object in the file. [B], int64
        color_changes: What `change_colors` does to each image before a model sees it; None for
            nothing. [B, N, 3, 3], float32
    """

    images: Tensor
    eyes: Tensor
    voxels: Tensor | None
    category: Tensor
    object_index: Tensor
    color_changes: Tensor | None = None

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def inputs(self) -> Tensor:
        """Give the images as a model is to see them, after `to_float`. [B, N, 4, H, W]"""
        if self.color_changes is None:
            return self.images
        return change_colors(self.images, self.color_changes)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> MultiViewBatch:
        """Move every tensor to `device`."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> MultiViewBatch:
        """Copy every tensor to page-locked memory (called by DataLoader)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def clone(self) -> MultiViewBatch:
        """Copy every tensor."""
        return self._map(torch.clone)

    def to_float(self) -> MultiViewBatch:
        """Turn uint8 images into float32 in [0, 1]; float images stay as they are."""
        if self.images.dtype != torch.uint8:
            return self
        return replace(self, images=self.images.to(torch.float32).div_(255.0))

    def _map(self, function: Callable[[Tensor], Tensor]) -> MultiViewBatch:
        return MultiViewBatch(
            images=function(self.images),
            eyes=function(self.eyes),
            voxels=None if self.voxels is None else function(self.voxels),
            category=function(self.category),
            object_index=function(self.object_index),
            color_changes=None if self.color_changes is None else function(self.color_changes),
        )
