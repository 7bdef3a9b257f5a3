"""How well a prediction matches the truth."""

from nr3d.metrics.nmr_frame import from_nmr_frame, to_nmr_frame
from nr3d.metrics.overlap import silhouette_iou, voxel_iou
from nr3d.metrics.surface import (
    SampledSurface,
    SurfaceMatch,
    chamfer_l1,
    chamfer_l2,
    f_score,
    match_resampled,
    match_surfaces,
    normal_consistency,
)

__all__ = [
    "SampledSurface",
    "SurfaceMatch",
    "chamfer_l1",
    "chamfer_l2",
    "f_score",
    "from_nmr_frame",
    "match_resampled",
    "match_surfaces",
    "normal_consistency",
    "silhouette_iou",
    "to_nmr_frame",
    "voxel_iou",
]
