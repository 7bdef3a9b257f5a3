"""Compare the recipes on the benchmarks: trainings, ablations, docs/results.md.

Run: python -m benchmarks.bench_quality [--steps 20000] [--batch-size 64] [--seeds 0 1 2]

Trains kato2018, softras2019 and nr3d on openhome and pybullet, and nr3d without each of its parts
on openhome, all for the same number of steps with their schedules scaled to it. Runs that are
finished are not run again, interrupted ones go on. Then writes results.md, and a page of curves
and galleries for each dataset beside it, from what the runs left in runs/.

At full size that is 33 trainings: about a minute each on a GPU that takes 300 steps a second, days
on a CPU. --steps, --batch-size and --seeds shorten it; the page says what they were.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nr3d.build import check_config
from nr3d.config import compose, flatten, read_yaml
from nr3d.report import compare_runs
from nr3d.report.records import RunRecord, read_runs
from nr3d.report.tables import ABSENT, table
from nr3d.training.checkpoints import write_atomically
from nr3d.training.protocols import METRICS
from nr3d.training.report_files import format_score
from nr3d.training.run_folder import find_last_run

FULL_STEPS, FULL_BATCH, FULL_SEEDS = 20_000, 64, 3
ROOT = Path(__file__).resolve().parents[1]
RECIPES = ("kato2018", "softras2019", "nr3d")
OURS = RECIPES[-1]
DATASETS = ("openhome", "pybullet")
BASELINES = ("sphere", "mean_shape", "nearest")
ABLATIONS = {
    "two views of each object": ("dataset.views_per_object=2",),
    "Kato's encoder": ("use.model=kato",),
    "colours of inputs as they are": ("dataset.color_jitter=0.0", "dataset.grayscale=0.0"),
    "rate 0.0001, no warm-up, no cosine": (
        "optimizer.lr=0.0001",
        "trainer.warm_up=0.0",
        "trainer.cosine=false",
    ),
    "smoothness 0.0005": ("loss.smoothness=0.0005",),
}


@dataclass(frozen=True)
class Training:
    """One training: what is trained on what, with which seed."""

    dataset: str
    recipe: str
    seed: int
    change: str = ""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What its ablation changes."""
        return ABLATIONS.get(self.change, ())


class Plan:
    """Trainings of one length.

    Args:
        steps: Of every training.
        batch_size: Objects of a step.
        overrides: For all of them.
    """

    def __init__(self, steps: int, batch_size: int, overrides: Sequence[str]) -> None:
        self.steps = steps
        self.batch_size = batch_size
        self.overrides = tuple(overrides)

    def name(self, training: Training) -> str:
        """Give the name of the run, which no other training shares."""
        number = 1 + list(ABLATIONS).index(training.change) if training.change else ""
        ablation = f"-without{number}" if number else ""
        return (
            f"quality-{training.dataset}-{training.recipe}{ablation}"
            f"-{self.steps}x{self.batch_size}-{training.seed}"
        )

    def run(self, training: Training) -> Path:
        """Train, unless that is done; give the folder of the run.

        Raises:
            ValueError: A run of that name was begun with other settings.
        """
        done = find_last_run(self.name(training))
        if done is not None:
            self._check_settings(training, done.path)
        if done is None or not (done.path / "report.json").is_file():
            command = [sys.executable, str(ROOT / "train.py"), *self.arguments(training)]
            print(" ".join(command), flush=True)
            subprocess.run(command, check=True)
            done = find_last_run(self.name(training))
        assert done is not None
        return done.path

    def _check_settings(self, training: Training, run: Path) -> None:
        """Check that a run is the training asked for, whatever recipes were when it began."""
        recipe, *overrides = self.arguments(training)
        pair = (
            check_config(compose(recipe, overrides)),
            check_config(read_yaml(run / "config.yaml")),
        )
        asked, found = (dict(flatten({**config, "resume": None})) for config in pair)
        differing = sorted(key for key in {*asked, *found} if asked.get(key) != found.get(key))
        if differing:
            raise ValueError(
                f"bench_quality: {run} must have the settings of {recipe} as asked for, got others "
                f"of {', '.join(differing)}; move it away"
            )

    def arguments(self, training: Training) -> list[str]:
        """Give the words after train.py."""
        return [
            training.recipe,
            f"use.dataset={training.dataset}",
            f"name={self.name(training)}",
            f"seed={training.seed}",
            f"trainer.max_steps={self.steps}",
            f"trainer.validate_every={max(1, self.steps // 4)}",
            f"dataset.batch_size={self.batch_size}",
            "resume=auto",
            *training.overrides,
            *self.overrides,
        ]


def write_page(
    plan: Plan, runs: Mapping[Training, Path], datasets: Sequence[str], folder: Path
) -> Path:
    """Write results.md and, for each dataset, the page of its first seed's runs."""
    lines = ["# Results", "", *describe(plan, runs), ""]
    for dataset in datasets:
        chosen = [each for each in runs if each.dataset == dataset and not each.change]
        records = dict(zip(chosen, read_runs([runs[each] for each in chosen]), strict=True))
        first = [each for each in chosen if each.seed == chosen[0].seed]
        first.sort(key=lambda each: each.recipe != OURS)  # the others are compared with ours
        compare_runs([runs[each] for each in first], folder / "results" / dataset)
        lines += [f"## {dataset}", "", *recipes_table(records), ""]
        lines += [f"[Categories, curves, best, median and worst](results/{dataset}/report.md)", ""]
    lines += ablation_section(runs)
    page = folder / "results.md"
    write_atomically(page, "\n".join(lines).encode("utf-8"))
    return page


def describe(plan: Plan, runs: Mapping[Training, Path]) -> list[str]:
    """Say what was run, and how much of what the full comparison asks for."""
    seeds = sorted({each.seed for each in runs})
    whole = plan.steps == FULL_STEPS and plan.batch_size == FULL_BATCH and len(seeds) >= FULL_SEEDS
    datasets = [name for name in DATASETS if any(each.dataset == name for each in runs)]
    command = f"python -m benchmarks.bench_quality --steps {plan.steps}"
    command += f" --batch-size {plan.batch_size} --seeds {' '.join(map(str, seeds))}"
    command += f" --datasets {' '.join(datasets)}" if len(datasets) < len(DATASETS) else ""
    command += "" if any(each.change for each in runs) else " --no-ablations"
    command += f" --set {' '.join(plan.overrides)}" if plan.overrides else ""
    lines = [
        "Written by [bench_quality](../benchmarks/bench_quality.py) (`make bench-quality`):",
        "",
        f"    {command}",
        "",
        f"{plan.steps} steps of batch {plan.batch_size}, schedules scaled to that; seeds "
        f"{', '.join(map(str, seeds))}. Means of categories on the test split, all stored views of "
        "each object; of several seeds the mean and the standard deviation. The last column is the "
        "mean difference of voxel IoU over the test objects, scores averaged over seeds, and its "
        "standard error.",
    ]
    if not whole or plan.overrides:
        lines += [
            "",
            f"**Provisional.** The full comparison takes {FULL_STEPS} steps of batch {FULL_BATCH}, "
            f"{FULL_SEEDS} seeds and no further settings, which asks for a GPU: "
            "`make bench-quality`.",
        ]
    return lines


def recipes_table(records: Mapping[Training, RunRecord]) -> list[str]:
    """Give a row for each recipe, and for each baseline."""
    anyone = next(iter(records.values()))
    metrics = [name for name in METRICS if anyone.mean(name) is not None]
    header = ["method", *(METRICS[name].heading for name in metrics), f"{OURS} − it"]
    ours = [record for each, record in records.items() if each.recipe == OURS]
    rows = []
    for recipe in RECIPES:
        of_recipe = [record for each, record in records.items() if each.recipe == recipe]
        scores = [spread(name, [record.mean(name) for record in of_recipe]) for name in metrics]
        rows.append([f"`{recipe}`", *scores, difference(ours, of_recipe)])
    for method in BASELINES:
        scores = [spread(name, [anyone.mean(name, method)]) for name in metrics]
        rows.append([method.replace("_", " "), *scores, ""])
    return table(header, rows)


def ablation_section(runs: Mapping[Training, Path]) -> list[str]:
    """Give what each part of our recipe is worth."""
    changed = [each for each in runs if each.change]
    if not changed:
        return []
    whole = [each for each in runs if each.recipe == OURS and each.dataset == changed[0].dataset]
    records = dict(zip(whole, read_runs([runs[each] for each in whole]), strict=True))
    ours = [record for each, record in records.items() if not each.change]
    rows = [["all of it", spread("voxel_iou", [record.mean("voxel_iou") for record in ours]), ""]]
    for change, overrides in ABLATIONS.items():
        others = [record for each, record in records.items() if each.change == change]
        score = spread("voxel_iou", [record.mean("voxel_iou") for record in others])
        settings = " ".join(f"`{override}`" for override in overrides)
        rows.append([f"{change} ({settings})", score, difference(ours, others)])
    heading = f"## What the parts of {OURS} are worth, on {changed[0].dataset}"
    return [heading, "", *table(["", "voxel IoU", "all of it − it"], rows), ""]


def spread(metric: str, values: Sequence[float | None]) -> str:
    """Write the mean of the seeds, and the standard deviation of several."""
    known = [value for value in values if value is not None]
    if not known:
        return ABSENT
    text = format_score(metric, float(np.mean(known)))
    if len(known) == 1:
        return text
    return f"{text} ± {format_score(metric, float(np.std(known, ddof=1)))}"


def difference(ours: Sequence[RunRecord], others: Sequence[RunRecord]) -> str:
    """Write the mean over the test objects of ours less another, and its standard error."""
    if not ours or not others or list(ours) == list(others):
        return ABSENT
    first, second = averaged(ours), averaged(others)
    differences = np.array([first[name] - second[name] for name in first if name in second])
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return f"{differences.mean():+.3f} ± {error:.3f}"


def averaged(records: Sequence[RunRecord]) -> dict[str, float]:
    """Give each test object's voxel IoU, the mean over the seeds."""
    names = records[0].objects
    return {name: float(np.mean([each.objects[name] for each in records])) for name in names}


def main() -> None:
    """Train what is missing and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs")
    parser.add_argument("--steps", type=int, default=FULL_STEPS)
    parser.add_argument("--batch-size", type=int, default=FULL_BATCH)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(FULL_SEEDS)))
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--no-ablations", action="store_true")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="for all runs")
    arguments = parser.parse_args()
    plan = Plan(arguments.steps, arguments.batch_size, arguments.set)
    trainings = [
        Training(dataset, recipe, seed)
        for seed in arguments.seeds
        for dataset in arguments.datasets
        for recipe in RECIPES
    ]
    if not arguments.no_ablations:
        trainings += [
            Training(arguments.datasets[0], OURS, seed, change)
            for seed in arguments.seeds
            for change in ABLATIONS
        ]
    runs = {training: plan.run(training) for training in trainings}
    print(f"written: {write_page(plan, runs, arguments.datasets, arguments.output)}")


if __name__ == "__main__":
    main()
