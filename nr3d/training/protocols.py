"""The metrics of a report: their names, what exactly they are, how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nr3d.checks import check_choice

GROUPS = ("voxel", "silhouette", "surface")
THRESHOLDS = {"f_score_1": 0.01, "f_score_2": 0.02, "f_score_5": 0.05}


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        group: What has to be computed for it, one of `GROUPS`.
        protocol: Its name in reports; sizes in braces.
        heading: Of its column.
        definition: One object's score, in words.
        scale: What tables multiply it by.
        higher_is_better: Whether more is better.
    """

    group: str
    protocol: str
    heading: str
    definition: str
    scale: float = 1.0
    higher_is_better: bool = True


def _f_score(percent: int) -> Metric:
    return Metric(
        "surface",
        f"surface{{points}}-f-score-{percent}%",
        f"F {percent} %",
        f"Harmonic mean of the shares of points nearer than {percent} % of the longest side to the "
        "other surface.",
    )


METRICS = {
    "voxel_iou": Metric(
        "voxel",
        "nmr-voxel{voxels}",
        "voxel IoU",
        "Intersection over union of the filled grids, mean over the views.",
    ),
    "silhouette_iou": Metric(
        "silhouette",
        "silhouette{pixels}-unseen",
        "unseen IoU",
        "Intersection over union of the masks (coverage at least 0.5, hard rasterization at twice "
        "the size) in all stored views but the input, mean over those and over the input views.",
    ),
    "chamfer_l1": Metric(
        "surface",
        "surface{points}-chamfer-l1",
        "Chamfer L1 %",
        "Mean of the two mean distances between the surfaces; tables give percent of the longest "
        "side.",
        scale=100.0,
        higher_is_better=False,
    ),
    "chamfer_l2": Metric(
        "surface",
        "surface{points}-chamfer-l2",
        "Chamfer L2 %²",
        "Sum of the two mean squared distances between the surfaces; tables give 1e-4 of the "
        "squared longest side.",
        scale=10_000.0,
        higher_is_better=False,
    ),
    **{name: _f_score(round(100 * threshold)) for name, threshold in THRESHOLDS.items()},
    "normal_consistency": Metric(
        "surface",
        "surface{points}-normals",
        "normals",
        "Mean |cosine| between the normals of nearest points, both directions alike.",
    ),
}

METHODS = {
    "model": "the checkpoint",
    "sphere": "a sphere of radius 0.25",
    "mean_shape": "the mean of the category's training grids, cut where it fits them best",
    "nearest": "the training object of any category with the image most like the input",
    "resampled_truth": "the truth against other points of its own: the best there is",
}


def check_groups(function: str, groups: Sequence[str]) -> None:
    """Check that each is one of `GROUPS`, and that there is one."""
    if not groups:
        raise ValueError(
            f"{function}: metrics must be one or more of {', '.join(GROUPS)}, got none"
        )
    for group in groups:
        check_choice(function, "metrics", group, GROUPS)
    if len(set(groups)) < len(groups):
        raise ValueError(f"{function}: metrics must name each once, got {', '.join(groups)}")


def metrics_of(groups: Sequence[str]) -> list[str]:
    """Give the names of the metrics of some groups, in the order of reports."""
    return [name for name, metric in METRICS.items() if metric.group in groups]
