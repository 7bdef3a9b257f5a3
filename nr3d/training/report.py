"""What an evaluation found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Protocol:
    """Name and definition of a metric."""

    name: str
    definition: str


@dataclass(frozen=True)
class Summary:
    """One metric of one method.

    Attributes:
        categories: Category -> mean over its objects.
        mean_of_categories: Unweighted mean over the categories: the score to quote.
        mean_of_objects: Mean over all objects.
        mean_without_hollow: As `mean_of_categories`, of the objects whose truth is not flagged as
            hollow; None if all are.
    """

    categories: dict[str, float]
    mean_of_categories: float
    mean_of_objects: float
    mean_without_hollow: float | None

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        *,
        category: NDArray[np.int64],
        hollow: NDArray[np.bool_],
        names: Sequence[str],
    ) -> Summary:
        """Summarize one value per object [O] with its category [O] and flag [O]."""

        def by_category(chosen: NDArray[np.bool_]) -> dict[str, float]:
            numbers = np.unique(category[chosen])
            return {
                names[number]: float(values[chosen & (category == number)].mean())
                for number in numbers
            }

        every = by_category(np.ones_like(hollow))
        solid = by_category(~hollow)
        return cls(
            categories=every,
            mean_of_categories=float(np.mean(list(every.values()))),
            mean_of_objects=float(values.mean()),
            mean_without_hollow=float(np.mean(list(solid.values()))) if solid else None,
        )


@dataclass(frozen=True)
class ObjectScores:
    """The scores of every object, for paired comparisons and galleries; O of each.

    Attributes:
        ids: Names.
        categories: Names.
        hollow: Whether the truth is flagged as hollow.
        scores: `METRIC/METHOD` -> mean over the object's views.
    """

    ids: list[str]
    categories: list[str]
    hollow: list[bool]
    scores: dict[str, list[float]]


@dataclass(frozen=True)
class Report:
    """Scores by metric and method.

    Attributes:
        split: Split of the dataset.
        split_hash: SHA-256 of the names of its objects, sorted.
        dataset: Path of the dataset.
        checkpoint: Path of the checkpoint.
        checkpoint_hash: SHA-256 of that file.
        step: Training step of the checkpoint.
        num_objects: Objects of each category.
        num_hollow: Objects whose truth is flagged as hollow.
        num_views: Views of each object.
        num_surface_views: Views of each object that the surface metrics use.
        protocols: Metric -> name and definition.
        scores: Metric -> method -> scores; a baseline without what a metric needs is not there.
        notes: What could not be computed and why.
        seconds: Time that the evaluation took.
        objects: Every object's scores.
    """

    split: str
    split_hash: str
    dataset: str
    checkpoint: str
    checkpoint_hash: str
    step: int
    num_objects: dict[str, int]
    num_hollow: int
    num_views: int
    num_surface_views: int
    protocols: dict[str, Protocol]
    scores: dict[str, dict[str, Summary]]
    notes: list[str]
    seconds: float
    objects: ObjectScores

    def mean(self, metric: str, method: str) -> float:
        """Give the unweighted mean over the categories."""
        return self.scores[metric][method].mean_of_categories
