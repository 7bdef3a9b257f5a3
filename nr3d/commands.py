"""What the commands do: configuration -> objects -> work -> files."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from nr3d.build import (
    build_data,
    build_module,
    build_trainer_settings,
    build_wandb_settings,
    check_config,
    choose_device,
    load_trained,
    stored_config,
)
from nr3d.config import compose, to_yaml
from nr3d.data import recipes
from nr3d.schema import Config, ConfigError
from nr3d.training.checkpoints import (
    check_weights,
    find_checkpoint,
    load_model_weights,
    read_checkpoint,
)
from nr3d.training.evaluation import SURFACE_VIEWS
from nr3d.training.evaluation import evaluate as evaluate_model
from nr3d.training.fingerprints import hash_of_file
from nr3d.training.processes import is_main_process, one_at_a_time
from nr3d.training.reconstruction import reconstruct_photo
from nr3d.training.report import Report
from nr3d.training.report_files import print_report, write_report
from nr3d.training.run_folder import (
    RUNS,
    RunFolder,
    create_run_folder,
    find_newest_checkpoint,
    find_resumed_run,
)
from nr3d.training.tracking import track
from nr3d.training.trainer import fit

EMBEDDED = "synthetic"  # the recipe whose dataset is made at its first use
log = logging.getLogger("nr3d")


def print_config(experiment: str | None, overrides: Sequence[str]) -> None:
    """Print the complete configuration as YAML."""
    print(to_yaml(check_config(compose(experiment or "default", overrides))), end="")


def train(experiment: str | None, overrides: Sequence[str], *, command: Sequence[str]) -> bool:
    """Train, or go on with a run, and evaluate its best checkpoint on the test split.

    Args:
        experiment: Name of an experiment; None for the default, or for that of a resumed run.
        overrides: `key=value` texts.
        command: The command line, for the run's folder.

    Returns:
        False if a signal stopped training early; other processes than the main one say True.
    """
    config = check_config(compose(experiment or "default", overrides))
    resumed = find_resumed_run(config["resume"], config["name"]) if config["resume"] else None
    start_step, stored = 0, None
    if resumed is not None:
        stored = read_checkpoint(resumed.last)
        config, start_step = _resume_config(resumed, stored, experiment, overrides)
    _build_embedded_dataset(config)
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


def evaluate(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    split: str = "test",
    metrics: Sequence[str] | None = None,
    surface_views: int | None = None,
) -> Report:
    """Evaluate a checkpoint, or the best one of a run, with nothing but the checkpoint.

    Writes report.{json,csv,md} and report-objects.csv (report-SPLIT for another split than test)
    into the run's folder, or beside a checkpoint that is in none, and prints the tables.

    Args:
        path: A checkpoint, or the folder of a run.
        overrides: `key=value` texts.
        split: train, val or test.
        metrics: Groups of metrics, None for all that the dataset can give.
        surface_views: Views of each object that the surface metrics use, None for 4.
    """
    checkpoint = find_checkpoint(path)
    config, module, step = load_trained(checkpoint, overrides)
    _build_embedded_dataset(config)
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
    in_run = checkpoint.parent.name == "checkpoints"
    folder = checkpoint.parent.parent if in_run else checkpoint.parent
    name = "report" if split == "test" else f"report-{split}"
    paths = write_report(report, folder, name=name)
    print_report(report, console)
    console.print(
        f"written: {paths[0].with_suffix('')}.{{json,csv,md}}, {paths[-1].name}",
        highlight=False,
        soft_wrap=True,
    )
    return report


def reconstruct(
    images: Sequence[Path],
    output: Path,
    *,
    checkpoint: Path | None = None,
    suffix: str = ".obj",
) -> None:
    """Write a mesh and a preview sheet (PNG) for each image, in colour if the model knows colours.

    Args:
        images: Files that `load_photo` reads.
        output: The folder for what is written.
        checkpoint: A checkpoint or a run; the newest run when absent.
        suffix: Of the meshes: .obj, .glb or .ply.
    """
    chosen = checkpoint or find_newest_checkpoint()
    if chosen is None:
        raise FileNotFoundError("reconstruct: no run in runs/; train first or give --checkpoint")
    chosen = find_checkpoint(chosen)
    config, module, _ = load_trained(chosen)
    device = choose_device(config)
    module.to(device)
    print(f"checkpoint: {chosen}")
    for image in images:
        paths = reconstruct_photo(
            module,
            image,
            output,
            image_size=config["renderer"]["image_size"],
            viewing_angle=config["renderer"]["viewing_angle"],
            predict_colors=module.predict_colors,
            suffix=suffix,
            device=device,
        )
        print(f"{image} -> {', '.join(str(path) for path in paths)}")


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


def _build_embedded_dataset(config: Config) -> None:
    """Make the embedded dataset at its first use; every other one has to be there."""
    path = Path(config["dataset"]["path"])
    if path.exists() or path != Path(recipes.load_recipe(EMBEDDED).DEFAULT_PATH):
        return
    with one_at_a_time(path):
        if not path.exists():  # another process may have made it meanwhile
            print(f"{path} does not exist yet; making it")
            recipes.build(EMBEDDED, ["-o", str(path)])


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
