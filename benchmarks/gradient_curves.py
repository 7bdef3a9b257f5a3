"""Scores over the steps of optimizations, one curve for each gradient: tables and plots."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

COLORS = {"kato": "#0072b2", "opendr": "#d55e00", "soft": "#009e73", "antialias": "#cc79a7"}


@dataclass(frozen=True)
class Curve:
    """What an optimization reached after how many steps.

    Attributes:
        steps: At which it was scored, the first 0.
        scores: Name of a score -> its value at each of them.
        settings: What the optimization was run with.
    """

    steps: list[int]
    scores: dict[str, list[float]]
    settings: dict[str, float]

    def at(self, score: str, step: float) -> float:
        """Give a score after a number of steps, linearly between those it was taken at."""
        return float(np.interp(step, self.steps, self.scores[score]))


@dataclass(frozen=True)
class Section:
    """One kind of optimization with every gradient.

    Attributes:
        title: What is optimized.
        curves: Gradient -> its runs, one for each seed.
        milliseconds: Gradient -> times of single steps, those of a round at the same place.
    """

    title: str
    curves: dict[str, list[Curve]]
    milliseconds: dict[str, list[float]]

    def step_ratio(self, name: str) -> float:
        """Give a gradient's time of a step, as a multiple of the first gradient's."""
        first = next(iter(self.milliseconds.values()))
        return statistics.median(
            ours / theirs for ours, theirs in zip(self.milliseconds[name], first, strict=True)
        )

    def steps_in_fixed_time(self, name: str) -> float:
        """Give the steps taken while the fastest gradient takes all those that all have."""
        fastest = min(self.step_ratio(each) for each in self.curves)
        return self.last_step() * fastest / self.step_ratio(name)

    def last_step(self) -> int:
        """Give the number of steps that all runs have."""
        return min(curve.steps[-1] for curves in self.curves.values() for curve in curves)

    def table(self) -> str:
        """Make a markdown table: scores after all steps and after the same time, time of a step."""
        scores = list(next(iter(self.curves.values()))[0].scores)
        whens = (f" after {self.last_step()} steps", ", same time")
        heads = [f"{score}{when}" for score in scores for when in whens]
        columns = ("gradient", *heads, "steps in that time", "ms per step", "times the first's")
        lines = [f"| {' | '.join(columns)} |", "|---|" + "---:|" * (len(columns) - 1)]
        for name, curves in self.curves.items():
            steps = self.steps_in_fixed_time(name)
            cells = [f"`{name}`"]
            for score in scores:
                for step in (self.last_step(), steps):
                    cells.append(spread([curve.at(score, step) for curve in curves]))
            times = self.milliseconds[name]
            cells += [f"{steps:.0f}", f"{statistics.median(times):.0f} ({min(times):.0f})"]
            lines.append(f"| {' | '.join([*cells, f'{self.step_ratio(name):.2f}'])} |")
        return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """Write one value, or the mean of several and their standard deviation."""
    text = f"{statistics.mean(values):.3f}"
    return text if len(values) == 1 else f"{text} ± {statistics.stdev(values):.3f}"


def plot(sections: Sequence[Section], path: Path) -> None:
    """Draw the first score of every section over steps, and over time in steps of the first."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(sections), 2, figsize=(10, 3.2 * len(sections)), squeeze=False, sharey="row"
    )
    for section, (left, right) in zip(sections, axes, strict=True):
        score = next(iter(next(iter(section.curves.values()))[0].scores))
        for name, curves in section.curves.items():
            last = section.last_step()
            common = [*(step for step in curves[0].steps if step < last), last]
            means = [statistics.mean(curve.at(score, step) for curve in curves) for step in common]
            ratio = section.step_ratio(name)
            style = {"label": name, "color": COLORS.get(name), "marker": ".", "markersize": 4}
            left.plot(common, means, **style)
            right.plot([step * ratio for step in common], means, **style)
        left.set(title=section.title, xlabel="steps", ylabel=score)
        first = next(iter(section.curves))
        right.set(xlabel=f"time, in steps of {first}", xlim=(0, left.get_xlim()[1]))
        for axis in (left, right):
            axis.grid(alpha=0.3)
        left.legend(fontsize="small")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def as_plain(section: Section) -> Mapping[str, object]:
    """Give what a JSON file says of a section."""
    return asdict(section)


def from_plain(figures: Mapping[str, Any]) -> Section:
    """Give the section that a JSON file tells of."""
    curves = {
        name: [Curve(**curve) for curve in curves] for name, curves in figures["curves"].items()
    }
    return Section(figures["title"], curves, figures["milliseconds"])


def join(sections: Iterable[Section]) -> list[Section]:
    """Put together those of the same title: runs of other seeds, times of other rounds."""
    joined: dict[str, Section] = {}
    for section in sections:
        same = joined.setdefault(section.title, Section(section.title, {}, {}))
        for name, curves in section.curves.items():
            same.curves.setdefault(name, []).extend(curves)
            same.milliseconds.setdefault(name, []).extend(section.milliseconds[name])
    return list(joined.values())
