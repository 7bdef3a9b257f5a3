"""Train, or go on with a run, and evaluate what came of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nr3d.build import (
    build_data,
    build_module,
    build_trainer_settings,
    build_wandb_settings,
)
from nr3d.commands.evaluation import evaluate
from nr3d.commands.providing import provide_dataset
from nr3d.commands.starting import choose_start
from nr3d.config import to_yaml
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import SPLITS
from nr3d.schema import Config, ConfigError
from nr3d.training.checkpoints import (
    check_weights,
    find_checkpoint,
    load_model_weights,
    read_checkpoint,
)
from nr3d.training.processes import is_main_process
from nr3d.training.report import Report
from nr3d.training.run_folder import RUNS, RunFolder, create_run_folder
from nr3d.training.tracking import track
from nr3d.training.trainer import fit

log = logging.getLogger("nr3d")


def print_config(experiment: str | None, overrides: Sequence[str]) -> None:
    """Print the complete configuration that training would have as YAML, once it is checked.

    What only the machine or the dataset can refuse is found out by training.
    """
    print(to_yaml(choose_start(experiment, overrides)[0]), end="")


def train(experiment: str | None, overrides: Sequence[str], *, command: Sequence[str]) -> bool:
    """Train, or go on with a run, and evaluate its best checkpoint on the test split.

    Args:
        experiment: Name of an experiment; None for the default, or for that of a resumed run.
        overrides: `key=value` texts.
        command: The command line, for the run's folder.

    Returns:
        False if a signal stopped training early; other processes than the main one say True.
    """
    config, resumed, stored = choose_start(experiment, overrides)
    start_step = int(stored.get("global_step", 0))
    data = _open_data(config)
    module = build_module(config, categories=data.categories)
    if resumed is not None:
        check_weights(module, stored["state_dict"], resumed.last)
        stored.clear()  # weights and moments, which the trainer reads for itself
    elif config["init_from"]:
        path = find_checkpoint(Path(config["init_from"]))
        load_model_weights(module.model, read_checkpoint(path), path)
    settings, wandb = build_trainer_settings(config), build_wandb_settings(config)
    run = resumed or _start_run(config["name"])
    if is_main_process():
        run.record_start(to_yaml(config), command)
    with (
        _log_to(run),
        track(
            run,
            start_step=start_step,
            wandb=wandb,
            config=config,
            validate_every=settings.validate_every,
            max_steps=settings.max_steps,
        ) as tracking,
    ):
        log.info("%s: %s from step %d", run.path, config["experiment"], start_step)
        started = time.perf_counter()
        finished = fit(
            module,
            data,
            settings=settings,
            run=run,
            start_step=start_step,
            loggers=tracking.loggers,
            callbacks=tracking.callbacks,
        )
        seconds = time.perf_counter() - started
        if not finished:
            log.info("stopped after %.0f s; go on with resume=%s", seconds, run.path)
            return not is_main_process()  # Lightning kills all if one of its children fails
        log.info("trained for %.0f s", seconds)
        if is_main_process():
            tracking.record_report(_report_run(run))
    return True


def _open_data(config: Config) -> MultiViewDataModule:
    """Open the dataset and check, before hours of work, that validation and test can use it."""
    provide_dataset(config)
    data = build_data(config)
    counts = {split: len(data.index.objects_of(split)) for split in SPLITS}
    empty = [split for split, count in counts.items() if count == 0]
    if empty:
        raise ConfigError(
            f"dataset.path: {data.path} must hold objects of every split, got "
            f"{', '.join(f'{count} {split}' for split, count in counts.items())}; "
            "build it from more objects"
        )
    if data.index.resolution is None:
        raise ConfigError(
            f"dataset.path: {data.path} must hold voxels, which validation chooses the best "
            "checkpoint by, got none; build it from a source with voxels or point clouds"
        )
    return data


def _start_run(name: str) -> RunFolder:
    """Make a run's folder; processes other than the main one are told later which it is."""
    return create_run_folder(name) if is_main_process() else RunFolder(RUNS / name)


def _report_run(run: RunFolder) -> Report:
    """Evaluate the run's best checkpoint on the test split."""
    report = evaluate(run.path)
    log.info(
        "test IoU %.4f, sphere %.4f, mean shape %.4f, nearest training shape %.4f",
        *(report.mean("voxel_iou", name) for name in ("model", "sphere", "mean_shape", "nearest")),
    )
    return report


@contextmanager
def _log_to(run: RunFolder) -> Iterator[None]:
    """Send notes of nr3d to the terminal and the run's log; tracebacks to the log only.

    Of several processes only the main one does.
    """
    if not is_main_process():
        yield
        return
    to_file = logging.FileHandler(run.log, encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    to_terminal = logging.StreamHandler()
    to_terminal.setFormatter(logging.Formatter("%(message)s"))
    to_terminal.addFilter(lambda record: record.exc_info is None)
    log.setLevel(logging.INFO)
    log.addHandler(to_file)
    log.addHandler(to_terminal)
    try:
        yield
    except BaseException:
        log.error("failed", exc_info=True)
        raise
    finally:
        log.removeHandler(to_file)
        log.removeHandler(to_terminal)
        to_file.close()
