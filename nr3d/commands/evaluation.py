"""Score a checkpoint beside its baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from nr3d.build import build_data, choose_device, load_trained
from nr3d.commands.providing import provide_dataset
from nr3d.training.checkpoints import find_checkpoint
from nr3d.training.evaluation import SURFACE_VIEWS
from nr3d.training.evaluation import evaluate as evaluate_model
from nr3d.training.fingerprints import hash_of_file
from nr3d.training.report import Report
from nr3d.training.report_files import print_report, write_report


def evaluate(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    split: str = "test",
    metrics: Sequence[str] | None = None,
    surface_views: int | None = None,
) -> Report:
    """Evaluate a checkpoint, or the best one of a run, with nothing but the checkpoint.

    Prints the tables and writes report.{json,csv,md} and report-objects.csv into the run's folder
    (report-SPLIT for another split than test, report-part for some of the metrics or categories),
    or NAME-report beside a checkpoint NAME.ckpt that is in none.

    Args:
        path: A checkpoint, or the folder of a run.
        overrides: `key=value` texts.
        split: train, val or test.
        metrics: Groups of metrics, None for all that the dataset can give.
        surface_views: Views of each object that the surface metrics use, None for 4.
    """
    checkpoint = find_checkpoint(path)
    config, module, step = load_trained(checkpoint, overrides)
    provide_dataset(config)
    device = choose_device(config)
    console = Console()
    report = evaluate_model(
        module.to(device),
        build_data(config),
        split=split,
        metrics=metrics,
        surface_views=SURFACE_VIEWS if surface_views is None else surface_views,
        checkpoint=str(checkpoint),
        checkpoint_hash=hash_of_file(checkpoint),
        step=step,
        device=device,
        show_progress=console.is_terminal,
    )
    print_report(report, console)
    is_part = metrics is not None or any(text.startswith("dataset.only=") for text in overrides)
    folder, name = _place(checkpoint, split=split, is_part=is_part)
    paths = write_report(report, folder, name=name)
    console.print(
        f"written: {paths[0].with_suffix('')}.{{json,csv,md}}, {paths[-1].name}",
        highlight=False,
        soft_wrap=True,
    )
    return report


def _place(checkpoint: Path, *, split: str, is_part: bool) -> tuple[Path, str]:
    """Give the folder and the name of a report, which those of other kinds do not share."""
    words = ["report"]
    if split != "test":
        words.append(split)
    if is_part:
        words.append("part")
    if checkpoint.parent.name == "checkpoints":  # of a run
        return checkpoint.parent.parent, "-".join(words)
    return checkpoint.parent, "-".join([checkpoint.stem, *words])
