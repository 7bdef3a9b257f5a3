"""The page that compares runs: its numbers, its pictures, and runs that cannot be compared."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.build import build_module, check_config
from nr3d.cli import main
from nr3d.commands import evaluate
from nr3d.config import compose, to_yaml
from nr3d.report.gallery import choose_objects
from nr3d.report.records import read_runs
from nr3d.report.tables import paired_difference, table
from nr3d.training.metrics_log import MetricsLog
from nr3d.training.run_folder import RunFolder
from tests.training.conftest import IMAGE_SIZE, write_tiny_dataset

SCORE = "voxel_iou/model"


def write_run(path: Path, dataset: Path, *overrides: str) -> Path:
    """Write what a training leaves, of a model that has learnt nothing, and evaluate it."""
    settings = [
        f"name={path.name}",
        f"dataset.path={dataset}",
        f"renderer.image_size={IMAGE_SIZE}",
        "model.decoder_widths=[8, 8]",
        "trainer.accelerator=cpu",
    ]
    config = check_config(compose("default", [*settings, *overrides]))
    run = RunFolder(path)
    run.best.parent.mkdir(parents=True)
    run.record_start(to_yaml(config), ["nr3d", "train"])
    state = build_module(config).state_dict()
    torch.save({"state_dict": state, "hyper_parameters": config, "global_step": 40}, run.best)
    log = MetricsLog(run.metrics)
    for step in range(9, 50, 10):
        log.log_metrics({"train/loss": 1 / (step + 1), "val/iou": step / 100}, step=step)
    run.log.write_text("12:00 stopped after 60 s; go on\n12:05 trained for 120 s\n")
    evaluate(path)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_dataset(tmp_path_factory.mktemp("data") / "tiny.h5")


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    other = ("seed=1", "optimizer.lr=0.5", "optimizer.weight_decay=0", "model.subdivisions=2")
    first = write_run(folder / "first", dataset)
    return [first, write_run(folder / "second", dataset, *other)]


def object_scores(run: Path) -> dict[str, float]:
    with (run / "report-objects.csv").open() as file:
        return {row["id"]: float(row[SCORE]) for row in csv.DictReader(file)}


def cells_of(page: str, start: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_page(two_runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    output = tmp_path / "page"
    arguments = ["report", *map(str, two_runs), "-o", str(output), "--objects", "1"]
    assert main(arguments) == 0
    page = (output / "report.md").read_text()
    reports = [json.loads((run / "report.json").read_text()) for run in two_runs]
    scores = [report["scores"]["voxel_iou"] for report in reports]
    means = [f"{each['model']['mean_of_categories']:.4f}" for each in scores]
    unseen = [report["scores"]["silhouette_iou"] for report in reports]
    views = [f"{each['model']['mean_of_categories']:.3f}" for each in unseen]
    first, second = (np.array(list(object_scores(run).values())) for run in two_runs)
    error = (second - first).std(ddof=1) / 2  # of four objects
    difference = f"{(second - first).mean():+.4f} ± {error:.4f}"
    assert cells_of(page, "A first") == ["40", "1000", "3.0", means[0], views[0], "–"]
    assert cells_of(page, "B second") == ["40", "1000", "3.0", means[1], views[1], difference]
    sphere = scores[0]["sphere"]["mean_of_categories"]
    sphere_views = unseen[0]["sphere"]["mean_of_categories"]
    assert cells_of(page, "sphere") == ["", "", "", f"{sphere:.4f}", f"{sphere_views:.3f}", ""]
    flat = [f"{each['model']['categories']['flat']:.4f}" for each in scores]
    assert cells_of(page, "flat") == ["2", *flat]
    assert cells_of(page, "`optimizer.lr`") == ["0.001", "0.5"]
    assert "weight_decay" not in page  # 0 and 0.0
    assert "`name`" not in page
    assert reports[0]["split_hash"] in page
    with Image.open(output / "curves.png") as curves:
        assert (
            len(curves.convert("RGB").getcolors(1 << 20) or []) > 100
        )  # two colours and their edges
    for group in ("best", "median", "worst"):
        with Image.open(output / f"gallery-{group}.png") as gallery:
            assert gallery.size == (6 * 130 + 2, 14 + 130 + 2)  # input, truth, two of each run
            for column in range(6):  # none is empty
                cell = gallery.crop((130 * column + 2, 20, 130 * column + 130, 140)).convert("L")
                assert cell.getextrema()[1] > 50
    assert not list(output.glob("*.part"))


def test_a_run_alone_without_pictures_of_objects(two_runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["report", str(two_runs[0]), "-o", str(tmp_path), "--objects", "0"]) == 0
    page = (tmp_path / "report.md").read_text()
    assert "set differently" not in page
    assert "allery" not in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "report.md"]


@dataclass(frozen=True)
class Scored:
    objects: dict[str, float] = field(default_factory=dict)


def test_objects_are_chosen_by_the_mean_over_the_runs() -> None:
    scores = {name: value / 10 for value, name in enumerate("abcdefgh")}
    other = {**scores, "h": -1.0, "only here": 5.0}
    runs = [Scored(scores), Scored(other)]
    chosen = choose_objects(runs, 2)  # type: ignore[arg-type]
    assert chosen == {"best": ["g", "f"], "median": ["d", "c"], "worst": ["a", "h"]}
    assert choose_objects(runs, 9) == chosen  # type: ignore[arg-type]
    assert choose_objects([*runs, Scored()], 2) == {}  # type: ignore[list-item]


def test_differences_are_paired() -> None:
    one, other = Scored({"a": 0.5, "b": 0.7}), Scored({"b": 0.5, "a": 0.4, "c": 0.0})
    assert paired_difference(one, other) == "+0.1500 ± 0.0500"  # type: ignore[arg-type]
    assert paired_difference(Scored({"a": 0.3}), other) == "-0.1000"  # type: ignore[arg-type]
    assert paired_difference(one, one) == paired_difference(one, Scored()) == "–"  # type: ignore[arg-type]


def test_bars_in_names_stay_in_their_cells() -> None:
    assert table(["a|b"], [["c\nd"]]) == ["| a\\|b |", "|---|", "| c d |"]


def without_configuration(run: Path) -> None:
    (run / "config.yaml").unlink()


def without_evaluation(run: Path) -> None:
    (run / "report.json").unlink()


def with_damaged_report(run: Path) -> None:
    (run / "report.json").write_text('{"scores": ')


def with_old_report(run: Path) -> None:
    (run / "report.json").write_text('{"protocol": "nmr-voxel32"}')


def with_newer_checkpoint(run: Path) -> None:
    with (run / "checkpoints" / "best.ckpt").open("ab") as file:
        file.write(b"0")


def with_other_objects(run: Path) -> None:
    text = (run / "report.json").read_text()
    split_hash = json.loads(text)["split_hash"]
    (run / "report.json").write_text(text.replace(split_hash, "f" * 64))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_configuration, "must be the folder of a run (runs/NAME/TIME), got one without"),
        (without_evaluation, "has not been evaluated; run nr3d evaluate "),
        (with_damaged_report, "report.json must be JSON, got a damaged file; run nr3d evaluate "),
        (with_old_report, "report.json must be of this version of nr3d, got one of another; run "),
        (with_newer_checkpoint, "best.ckpt, got one of another; run nr3d evaluate "),
        (with_other_objects, "runs must be scored on the same test objects, got split hashes "),
    ],
)
def test_runs_that_cannot_be_compared(
    two_runs: list[Path],
    tmp_path: Path,
    spoil: Callable[[Path], None],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoiled = Path(shutil.copytree(two_runs[1], tmp_path / "spoiled"))
    spoil(spoiled)
    output = tmp_path / "page"
    assert main(["report", str(two_runs[0]), str(spoiled), "-o", str(output)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: report: ")
    assert message in error
    assert str(spoiled) in error
    assert not output.exists()


def test_bad_arguments(two_runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="report: runs must be named once each, got "):
        read_runs([two_runs[0], two_runs[0].parent / "." / "first"])
    with pytest.raises(ValueError, match="report: runs must be 1 to 26 folders, got 0"):
        read_runs([])
    assert main(["report", str(two_runs[0]), "-o", str(tmp_path), "--objects", "-1"]) == 2


def test_a_dataset_that_has_changed(
    two_runs: list[Path], tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    run = Path(shutil.copytree(two_runs[0], tmp_path / "run"))
    text = (run / "report-objects.csv").read_text()
    (run / "report-objects.csv").write_text(text.replace("-2-", "-gone-"))
    assert main(["report", str(run), "-o", str(tmp_path / "page")]) == 2
    message = f"report: {dataset} must have the objects of {run}, got none named "
    assert message in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
