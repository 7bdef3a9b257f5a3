"""Train, or go on with a run, and evaluate what came of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nr3d.build import (
    build_data,
    build_module,
    build_trainer_settings,
    build_wandb_settings,
    check_config,
    check_values,
    stored_config,
)
from nr3d.commands.embedded import build_embedded_dataset
from nr3d.commands.evaluation import evaluate
from nr3d.config import compose, to_yaml
from nr3d.schema import Config, ConfigError
from nr3d.training.checkpoints import (
    check_weights,
    find_checkpoint,
    load_model_weights,
    read_checkpoint,
)
from nr3d.training.processes import is_main_process
from nr3d.training.report import Report
from nr3d.training.run_folder import RUNS, RunFolder, create_run_folder, find_resumed_run
from nr3d.training.tracking import track
from nr3d.training.trainer import fit

log = logging.getLogger("nr3d")


def print_config(experiment: str | None, overrides: Sequence[str]) -> None:
    """Print the complete configuration as YAML, once all of it would be taken."""
    config = check_config(compose(experiment or "default", overrides))
    check_values(config)
    print(to_yaml(config), end="")


def train(experiment: str | None, overrides: Sequence[str], *, command: Sequence[str]) -> bool:
    """Train, or go on with a run, and evaluate its best checkpoint on the test split.

    Args:
        experiment: Name of an experiment; None for the default, or for that of a resumed run.
        overrides: `key=value` texts.
        command: The command line, for the run's folder.

    Returns:
        False if a signal stopped training early; other processes than the main one say True.
    """
    resumed = _find_run(experiment, overrides)
    start_step, stored = 0, None
    if resumed is None:
        config = check_config(compose(experiment or "default", overrides))
    else:
        stored = read_checkpoint(resumed.last)
        config, start_step = _resume_config(resumed, stored, experiment, overrides)
    check_values(config)
    build_embedded_dataset(config)
    data = build_data(config)
    module = build_module(config, categories=data.categories)
    if resumed is not None and stored is not None:
        check_weights(module, stored["state_dict"], resumed.last)
        del stored  # weights and moments, which the trainer reads for itself
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


def _find_run(experiment: str | None, overrides: Sequence[str]) -> RunFolder | None:
    """Find the run to go on with, None for a fresh one; only that run knows all of its keys."""
    keys = [text for text in overrides if text.partition("=")[0] in ("name", "resume")]
    asked = check_config(compose(experiment or "default", keys))
    return find_resumed_run(asked["resume"], asked["name"]) if asked["resume"] else None


def _resume_config(
    run: RunFolder,
    checkpoint: Mapping[str, Any],
    experiment: str | None,
    overrides: Sequence[str],
) -> tuple[Config, int]:
    """Give a run's own configuration with the overrides applied, and its step."""
    stored = checkpoint["hyper_parameters"]
    if experiment is not None and Path(experiment).stem != stored["experiment"]:
        raise ConfigError(
            f"resume: {run.path} is a run of the experiment {stored['experiment']}, "
            f"not of {experiment}"
        )
    config = {**stored_config(checkpoint, run.last, overrides), "resume": None}
    return config, int(checkpoint["global_step"])


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
