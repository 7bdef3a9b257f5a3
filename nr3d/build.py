"""Turn sections of a configuration into objects; the only module that knows every family.

Configurations end here: what is built takes plain keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer

from nr3d.checks import did_you_mean
from nr3d.config import override
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.models import MODELS
from nr3d.optim import OPTIMIZERS
from nr3d.renderer import RENDERERS
from nr3d.schema import Config, ConfigError, check_section
from nr3d.training.checkpoints import load_model_weights, read_checkpoint
from nr3d.training.colors import check_colors
from nr3d.training.module import LossWeights, ReconstructionModule
from nr3d.training.run_folder import collect_versions
from nr3d.training.schedule import Schedule
from nr3d.training.tracking import WandbSettings
from nr3d.training.trainer import RunSettings, TrainerSettings

Owner = Callable[..., Any]
Built = TypeVar("Built")

FAMILIES: dict[str, Mapping[str, Owner]] = {
    "renderer": RENDERERS,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
}
SINGLE: dict[str, Owner] = {
    "dataset": MultiViewDataModule,
    "loss": LossWeights,
    "trainer": TrainerSettings,
    "wandb": WandbSettings,
}
SECTIONS = ("renderer", "model", "dataset", "loss", "optimizer", "trainer")
OPTIONAL = ("wandb",)  # sections whose defaults do without an experiment
GIVEN = {"optimizer": ("params",)}


def check_config(config: Mapping[str, Any]) -> Config:
    """Check every section against its class and fill in the defaults.

    Returns:
        The complete configuration, plain containers.

    Raises:
        ConfigError: The first wrong key, type or choice.
    """
    missing = [section for section in SECTIONS if section not in config]
    if missing:
        raise ConfigError(f"{missing[0]}: section missing in the experiment")
    sections = {key: _check_part(key, config[key]) for key in SECTIONS}
    sections |= {key: _check_part(key, config.get(key, {})) for key in OPTIONAL}
    _check_colors(sections)
    elsewhere = [f"{section}.{key}" for section, part in sections.items() for key in part]
    top = check_section("", config, RunSettings, extra=("use", *sections), elsewhere=elsewhere)
    if Path(top["name"]).parts != (top["name"],) or top["name"] == "..":
        raise ConfigError(f"name: must be the name of a folder in runs/, got {top['name']!r}")
    if not 0 <= top["seed"] < 2**32:
        raise ConfigError(f"seed: must be from 0 to {2**32 - 1}, got {top['seed']}")
    plain = {key: value for key, value in top.items() if key not in sections}
    return {**plain, **sections}


def check_values(config: Mapping[str, Any]) -> None:
    """Check what only the constructors know, such as ranges, without data and device.

    Raises:
        ConfigError: The first value that an object refuses.
    """
    data = _call("dataset", MultiViewDataModule, config["dataset"])
    _call("wandb", WandbSettings, config["wandb"])
    parts = build_trainer_settings(config).accumulate
    if data.batch_size % parts:
        raise ConfigError(
            f"dataset.batch_size: must be a multiple of trainer.accumulate, {parts}, "
            f"got {data.batch_size}"
        )
    build_module(config).configure_optimizers()


def build_renderer(config: Mapping[str, Any]) -> nn.Module:
    """Build the renderer."""
    return _build_named(config, "renderer", nn.Module)


def build_model(config: Mapping[str, Any]) -> nn.Module:
    """Build the model; its weights depend on torch's seed."""
    return _build_named(config, "model", nn.Module)


def build_data(config: Mapping[str, Any]) -> MultiViewDataModule:
    """Build the data module and check that its file fits the renderer.

    Raises:
        FileNotFoundError: If there is no such file.
        ConfigError: If the dataset was rendered for another camera or image size.
    """
    data = _call("dataset", MultiViewDataModule, config["dataset"])
    renderer = config["renderer"]
    angle = renderer.get("viewing_angle", data.viewing_angle)
    if abs(angle - data.viewing_angle) > 1e-4:
        raise ConfigError(
            f"renderer.viewing_angle: must be {data.viewing_angle:g} as in {data.path}, "
            f"got {angle:g}"
        )
    size = renderer.get("image_size", data.image_size[0])
    if data.image_size != (size, size):
        height, width = data.image_size
        raise ConfigError(
            f"renderer.image_size: must be that of the images in {data.path} ({height} x {width}), "
            f"got {size}"
        )
    return data


def build_trainer_settings(config: Mapping[str, Any]) -> TrainerSettings:
    """Build the settings of the trainer."""
    return _call("trainer", TrainerSettings, config["trainer"])


def build_wandb_settings(config: Mapping[str, Any]) -> WandbSettings | None:
    """Build the settings of Weights & Biases; None where the run does without."""
    if config["logger"] != "wandb":
        return None
    return _call("wandb", WandbSettings, config["wandb"])


def build_module(
    config: Mapping[str, Any], *, categories: Sequence[str] = ()
) -> ReconstructionModule:
    """Build model, renderer, losses and optimizer, the weights from the configuration's seed."""
    pl.seed_everything(config["seed"], verbose=False)
    settings = build_trainer_settings(config)
    return ReconstructionModule(
        build_model(config),
        build_renderer(config),
        weights=_call("loss", LossWeights, config["loss"]),
        make_optimizer=partial(_make_optimizer, config),
        schedule=Schedule(
            max_steps=settings.max_steps,
            drop_at=settings.drop_rate_at,
            drop_to=settings.drop_rate_to,
            warm_up=settings.warm_up,
            cosine=settings.cosine,
        ),
        ema=settings.ema,
        categories=tuple(categories),
        seed=config["seed"],
        config=config,
    )


def load_trained(
    path: Path, overrides: Sequence[str] = ()
) -> tuple[Config, ReconstructionModule, int]:
    """Rebuild what a checkpoint holds, from nothing but the checkpoint.

    Returns:
        Its configuration with the overrides applied, the module with its weights, and its step.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole checkpoint of nr3d, or an override changes the model.
        ConfigError: If the stored configuration or an override is wrong.
    """
    checkpoint = read_checkpoint(path)
    config = stored_config(checkpoint, path, overrides)
    module = build_module(config)
    load_model_weights(module.model, checkpoint, path)
    module.averaged = None  # its mean weights, if any, are the model's now
    return config, module.eval(), int(checkpoint["global_step"])


def stored_config(
    checkpoint: Mapping[str, Any], path: Path, overrides: Sequence[str] = ()
) -> Config:
    """Give the configuration of a checkpoint with the overrides applied.

    Raises:
        ConfigError: If an override is wrong, or another version of nr3d wrote the checkpoint and
            this one does not know its keys.
    """
    stored = checkpoint["hyper_parameters"]
    try:
        check_config(stored)
    except ConfigError as error:
        version = checkpoint.get("nr3d_version", "an earlier version")
        raise ConfigError(
            f"{path}: must have a configuration of this version of nr3d, "
            f"{collect_versions()['nr3d']}, got one of {version}: {error}; "
            "use the version that wrote it, or start a fresh run"
        ) from error
    return check_config(override(stored, overrides))


def choose_device(config: Mapping[str, Any]) -> torch.device:
    """Give the device that evaluation and reconstruction use, by `trainer.accelerator`."""
    wanted = config["trainer"]["accelerator"]
    use_cuda = wanted in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")


def _check_part(key: str, section: Any) -> Config:
    owner = SINGLE.get(key) or _find_class(key, section)
    extra = ("name",) if key in FAMILIES else ()
    return check_section(key, section, owner, given=GIVEN.get(key, ()), extra=extra)


def _check_colors(sections: Mapping[str, Config]) -> None:
    """Check that a head for colours and its loss come together."""
    try:
        check_colors(
            predicts=bool(sections["model"].get("colors")), weight=sections["loss"]["color"]
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _find_class(key: str, section: Any) -> Owner:
    """Find the class that `name` means: a key of the family's table, or a dotted path."""
    table = FAMILIES[key]
    if not isinstance(section, Mapping):
        raise ConfigError(f"{key}: must be a section of keys, got {section!r}")
    name = str(section.get("name"))
    if name in table:
        return table[name]
    module_name, _, attribute = name.rpartition(".")
    if not module_name:
        raise ConfigError(
            f"{key}.name: must be one of {', '.join(table)} or a dotted path, got {name!r}"
            f"{did_you_mean(name, table)}"
        )
    try:
        found: Owner = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key}.name: cannot import {name}: {error}") from error
    return found


def _build_named(config: Mapping[str, Any], key: str, kind: type[Built]) -> Built:
    section = {name: value for name, value in config[key].items() if name != "name"}
    built = _call(key, _find_class(key, config[key]), section)
    if not isinstance(built, kind):
        raise ConfigError(f"{key}.name: {config[key]['name']} is no {kind.__name__}")
    return built


def _make_optimizer(config: Mapping[str, Any], groups: Any) -> Optimizer:
    section = {name: value for name, value in config["optimizer"].items() if name != "name"}
    optimizer: Optimizer = _call(
        "optimizer", partial(_find_class("optimizer", config["optimizer"]), groups), section
    )
    return optimizer


def _call(key: str, owner: Callable[..., Built], section: Mapping[str, Any]) -> Built:
    """Construct; a complaint of the constructor becomes one about the section."""
    try:
        return owner(**section)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: {str(error).removeprefix(f'{key}: ')}") from error
