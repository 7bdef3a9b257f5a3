"""A Markdown page that compares runs, with its pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nr3d.checks import check_count
from nr3d.report.gallery import choose_objects, draw_galleries
from nr3d.report.records import RunRecord, read_runs
from nr3d.report.tables import (
    categories_table,
    describe,
    differences_table,
    objects_table,
    scores_table,
)
from nr3d.training.checkpoints import write_atomically
from nr3d.visualize import save_curves, save_png

CURVES = {"val/iou": "validation IoU", "train/loss": "training loss"}
OBJECTS_PER_GROUP = 3


def compare_runs(paths: Sequence[Path], output: Path, *, objects: int = OBJECTS_PER_GROUP) -> Path:
    """Write report.md, curves.png and gallery-{best,median,worst}.png.

    Args:
        paths: Folders of runs, evaluated on the same test objects; the first is what the others
            are compared with.
        output: Folder to write into; it is made.
        objects: Objects of each gallery; 0 for no galleries, which need datasets and checkpoints.

    Returns:
        The page.

    Raises:
        FileNotFoundError: As `read_runs`, or a dataset is not there.
        ValueError: As `read_runs`, or a negative count.
    """
    check_count("report", "objects", objects, at_least=0)
    runs = read_runs(paths)
    groups = choose_objects(runs, objects)
    galleries = draw_galleries(runs, groups) if groups else {}
    lines = ["# Runs compared", "", *describe(runs), ""]
    lines += _section("Scores on the test split", scores_table(runs))
    lines += _section("Voxel IoU by category", categories_table(runs))
    if len(runs) > 1:
        same = ["The configurations are the same but for the name."]
        lines += _section("What was set differently", differences_table(runs) or same)
    lines += _section("Curves", _curves(runs, output))
    for group, picture in galleries.items():
        file = f"gallery-{group}.png"
        save_png(output / file, picture)
        title = f"The {group} test objects"
        content = [f"![{title}]({file})", "", *objects_table(runs, groups[group])]
        lines += _section(title, content)
    if objects and not groups:
        lines += ["No gallery: the runs share too few objects in report-objects.csv.", ""]
    page = output / "report.md"
    write_atomically(page, "\n".join(lines).encode("utf-8"))
    return page


def _curves(runs: Sequence[RunRecord], output: Path) -> list[str]:
    panels = {
        title: {run.label: run.curves[name] for run in runs if name in run.curves}
        for name, title in CURVES.items()
    }
    drawn = {title: curves for title, curves in panels.items() if curves}
    if not drawn:
        return []
    save_curves(output / "curves.png", drawn)
    return [f"![{' and '.join(drawn)}](curves.png)"]


def _section(title: str, content: Sequence[str]) -> list[str]:
    """Give a headed part of the page, or nothing where it would be empty."""
    return [f"## {title}", "", *content, ""] if content else []
