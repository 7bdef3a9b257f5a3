"""Compose YAML files and command-line overrides into one plain, checked configuration.

Precedence: group file < experiment file < command line. Sections join key by key; a value that is a
table (a schedule) replaces the earlier one whole. Keys are checked by nr3d/schema.py.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nr3d.schema import Config, ConfigError, nearest

GROUPS = ("renderer", "model", "dataset", "trainer")


def configs_folder() -> Path:
    """Give ./configs if it holds experiments, else the copy inside the installed package.

    Raises:
        ConfigError: If neither exists.
    """
    local = Path("configs")
    shipped = Path(__file__).parent / "_share" / "configs"
    checkout = Path(__file__).parent.parent / "configs"
    for folder in (local, shipped, checkout):
        if (folder / "experiment").is_dir():
            return folder
    raise ConfigError(f"configs: no folder ./configs and none in {shipped.parent}; reinstall nr3d")


def list_choices() -> dict[str, list[str]]:
    """List the YAML files of each group, the experiments first."""
    folder = configs_folder()
    return {
        group: sorted(path.stem for path in (folder / group).glob("*.yaml"))
        for group in ("experiment", *GROUPS)
    }


def compose(experiment: str, overrides: Sequence[str]) -> Config:
    """Compose one experiment with its overrides.

    Args:
        experiment: The name of a file in configs/experiment, or the path of a YAML file.
        overrides: `group=choice` and `section.key=value`; the later one wins.

    Returns:
        Plain dicts, lists and scalars, interpolations resolved, keys not yet checked.

    Raises:
        ConfigError: An unknown experiment or choice, a broken file, override or interpolation.
    """
    choices, values = split_overrides(overrides)
    experiment_file = _experiment_file(experiment)
    chosen = _load(experiment_file)
    use = dict(OmegaConf.to_container(chosen.get("use") or OmegaConf.create()))  # type: ignore[arg-type]
    use.update(choices)
    parts = OmegaConf.create({group: _load_group(group, use) for group in GROUPS})
    unknown = sorted(set(map(str, use)) - set(GROUPS))
    if unknown:
        raise ConfigError(
            f"use.{unknown[0]}: must be one of {', '.join(GROUPS)}{nearest(unknown[0], GROUPS)}"
        )
    named = OmegaConf.create({"experiment": experiment_file.stem})
    merged = _merge(parts, named, chosen, OmegaConf.create({"use": use}), *values)
    return to_plain(merged)


def override(config: Mapping[str, Any], overrides: Sequence[str]) -> Config:
    """Apply `section.key=value` to a stored configuration; its groups are fixed.

    Raises:
        ConfigError: A malformed override, or one that chooses another group file.
    """
    choices, values = split_overrides(overrides)
    for group, choice in choices.items():
        if choice != config.get("use", {}).get(group):
            raise ConfigError(
                f"{group}: cannot be changed to {choice} in a stored configuration; "
                f"set single keys ({group}.KEY=VALUE) or start a fresh run"
            )
    return to_plain(_merge(OmegaConf.create(dict(config)), *values))


def split_overrides(overrides: Sequence[str]) -> tuple[dict[str, str], list[DictConfig]]:
    """Separate the choices of group files from the values of keys, one part for each of these."""
    choices: dict[str, str] = {}
    values: list[DictConfig] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip("."):
            raise ConfigError(f"{text!r}: an override must read key=value")
        key = key.removeprefix("use.")
        if key in ("use", "experiment"):
            raise ConfigError(
                f"{key}: cannot be overridden; the experiment is the first argument, "
                "a group is chosen by GROUP=CHOICE"
            )
        if key in GROUPS:
            choices[key] = value
        else:
            try:
                values.append(OmegaConf.from_dotlist([text]))
            except Exception as error:  # YAML and OmegaConf raise unrelated types here
                raise ConfigError(f"{text}: {_first_line(error)}") from error
    return choices, values


def to_plain(config: DictConfig) -> Config:
    """Resolve interpolations and give plain containers."""
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {_first_line(error)}") from error
    assert isinstance(plain, dict)
    return typing.cast(Config, plain)


def to_yaml(config: Mapping[str, Any]) -> str:
    """Write a plain configuration as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def flatten(config: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    """Give every key as `section.key` with its value."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value


def read_yaml(path: Path) -> Config:
    """Read a configuration that `to_yaml` wrote.

    Raises:
        ConfigError: If it is no YAML with keys and values.
    """
    return to_plain(_load(path))


def _experiment_file(experiment: str) -> Path:
    path = Path(experiment)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"experiment: file {experiment} not found")
        return path
    return _choice_file("experiment", experiment)


def _choice_file(group: str, choice: object) -> Path:
    known = list_choices()[group]
    if choice not in known:
        raise ConfigError(
            f"{group}: must be one of {', '.join(known)}, got {choice!r}"
            f"{nearest(str(choice), known)}"
        )
    return configs_folder() / group / f"{choice}.yaml"


def _load_group(group: str, use: Mapping[Any, Any]) -> DictConfig:
    if not use.get(group):
        known = ", ".join(list_choices()[group])
        raise ConfigError(f"use.{group}: missing; name one of {known}")
    return _load(_choice_file(group, use[group]))


def _load(path: Path) -> DictConfig:
    try:
        loaded = OmegaConf.load(path)
    except Exception as error:  # YAML errors have no common base with OmegaConf's
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path}: must hold keys and values")
    return loaded


def _merge(*parts: DictConfig) -> DictConfig:
    merged = OmegaConf.create()
    try:
        for part in parts:
            _drop_replaced_tables(merged, part)
            merged.merge_with(part)
        return merged
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {_first_line(error)}") from error


def _drop_replaced_tables(base: DictConfig, part: DictConfig) -> None:
    """Remove from `base` the tables that `part` has, too: OmegaConf would mix the two."""
    plain = typing.cast(Config, OmegaConf.to_container(part, resolve=False))
    for section, values in plain.items():
        if isinstance(values, dict) and isinstance(base.get(section), DictConfig):
            for key, value in values.items():
                if isinstance(value, dict):
                    base[section].pop(key, None)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
