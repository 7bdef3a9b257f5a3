"""Losses: pure functions."""

from nr3d.losses.color import color_loss
from nr3d.losses.laplacian import laplacian_loss
from nr3d.losses.silhouette import silhouette_iou_loss
from nr3d.losses.smoothness import smoothness_loss

LOSSES = {
    "silhouette": silhouette_iou_loss,
    "smoothness": smoothness_loss,
    "laplacian": laplacian_loss,
    "color": color_loss,
}

__all__ = ["LOSSES", "color_loss", "laplacian_loss", "silhouette_iou_loss", "smoothness_loss"]
