"""metrics.csv: columns appear, rows are appended, a resumed run continues exactly."""

from __future__ import annotations

from pathlib import Path

from nr3d.training.metrics_log import MetricsLog


def write(path: Path, steps: range, *, start_step: int = 0) -> None:
    log = MetricsLog(path, start_step=start_step)
    for step in steps:
        log.log_metrics({"loss": 1 / (step + 1), "epoch": 0}, step)
        if step % 4 == 3:
            log.log_metrics({"val/iou": step / 10}, step)


def test_new_columns_keep_the_old_rows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write(path, range(4))
    lines = path.read_text().splitlines()
    assert lines[0] == "step,loss,val/iou"
    assert lines[1] == "1,1,"
    assert lines[-1] == "4,,0.3"
    assert len(lines) == 6


def test_resuming_gives_the_file_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    write(whole, range(12))
    write(parts, range(7))
    with parts.open("a") as file:
        file.write("8,0.1")  # the process died while writing
    write(parts, range(4, 12), start_step=4)
    assert parts.read_text() == whole.read_text()


def test_nothing_to_say_writes_nothing(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.csv")
    log.log_metrics({"epoch": 1.0}, 3)
    log.log_hyperparams({"a": 1})
    assert not (tmp_path / "metrics.csv").exists()
    assert (log.name, log.version) == ("metrics", "")
