"""The configuration that a training starts with: a fresh one, or that of the run that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nr3d.build import check_config, check_values, stored_config
from nr3d.config import compose, flatten
from nr3d.schema import Config, ConfigError
from nr3d.training.checkpoints import read_checkpoint
from nr3d.training.run_folder import RunFolder, find_resumed_run

FIXED = ("seed", "init_from", "optimizer.amsgrad")
"""Keys that count once, at the start of a run, or that its optimizer's state depends on."""


def choose_start(
    experiment: str | None, overrides: Sequence[str]
) -> tuple[Config, RunFolder | None, dict[str, Any]]:
    """Compose and check the configuration of a training.

    Args:
        experiment: Name of an experiment; None for the default, or for that of a resumed run.
        overrides: `key=value` texts.

    Returns:
        The complete configuration; the run to go on with, None for a fresh one; and its checkpoint,
        empty for a fresh one.

    Raises:
        ConfigError: A wrong key or value, or one that a run that goes on cannot change.
        FileNotFoundError: There is no such run.
        ValueError: Its checkpoint cannot be read.
    """
    run = _find_run(experiment, overrides)
    checkpoint: dict[str, Any] = {}
    if run is None:
        config = check_config(compose(experiment or "default", overrides))
    else:
        checkpoint = read_checkpoint(run.last)
        config = _resumed_config(run, checkpoint, experiment, overrides)
    check_values(config)
    return config, run, checkpoint


def _find_run(experiment: str | None, overrides: Sequence[str]) -> RunFolder | None:
    """Find the run to go on with, None for a fresh one; only that run knows all of its keys."""
    keys = [text for text in overrides if text.partition("=")[0] in ("name", "resume")]
    asked = check_config(compose(experiment or "default", keys))
    return find_resumed_run(asked["resume"], asked["name"]) if asked["resume"] else None


def _resumed_config(
    run: RunFolder,
    checkpoint: Mapping[str, Any],
    experiment: str | None,
    overrides: Sequence[str],
) -> Config:
    """Give a run's own configuration with the overrides applied."""
    before = stored_config(checkpoint, run.last)
    if experiment is not None and Path(experiment).stem != before["experiment"]:
        raise ConfigError(
            f"resume: {run.path} is a run of the experiment {before['experiment']}, "
            f"not of {experiment}"
        )
    config = {**stored_config(checkpoint, run.last, overrides), "resume": None}
    _check_fixed(dict(flatten(before)), dict(flatten(config)))
    return config


def _check_fixed(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    has_mean = [values["trainer.ema"] is not None for values in (before, after)]  # decay may change
    for key in FIXED if all(has_mean) else (*FIXED, "trainer.ema"):
        if before.get(key) != after.get(key):
            values = [_as_yaml(values.get(key)) for values in (before, after)]
            raise ConfigError(
                f"{key}: must stay {values[0]} in a run that goes on, got {values[1]}; "
                "start a fresh run, which takes its weights by init_from=PATH"
            )


def _as_yaml(value: object) -> str:
    words: dict[object, str] = {None: "null", False: "false", True: "true"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
