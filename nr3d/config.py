"""Compose YAML files and command-line overrides into one plain, checked configuration.

Precedence: group file < experiment file < command line. The schema of a section is the signature
of the class it describes; whoever builds that class passes it to `check_section`.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

GROUPS = ("renderer", "model", "dataset", "trainer")

Config = dict[str, Any]


class ConfigError(ValueError):
    """A wrong configuration; the message names the YAML key."""


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
            f"use.{unknown[0]}: must be one of {', '.join(GROUPS)}{_nearest(unknown[0], GROUPS)}"
        )
    named = OmegaConf.create({"experiment": experiment_file.stem})
    merged = _merge(parts, named, chosen, OmegaConf.create({"use": use}), values)
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
    return to_plain(_merge(OmegaConf.create(dict(config)), values))


def split_overrides(overrides: Sequence[str]) -> tuple[dict[str, str], DictConfig]:
    """Separate the choices of group files from the values of keys."""
    choices: dict[str, str] = {}
    values: list[str] = []
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
            values.append(text)
    try:
        return choices, OmegaConf.from_dotlist(values)
    except Exception as error:  # YAML and OmegaConf raise unrelated types here
        raise ConfigError(f"{' '.join(values)}: {_first_line(error)}") from error


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


def check_section(
    key: str,
    section: object,
    owner: Callable[..., object],
    *,
    given: Collection[str] = (),
    extra: Iterable[str] = (),
    elsewhere: Iterable[str] = (),
) -> Config:
    """Check a section against the signature of `owner` and fill in the defaults.

    Args:
        key: The section's key in the YAML, the first word of every message.
        section: The section's content.
        owner: The class or function that receives the section as keyword arguments.
        given: Parameters that the program passes itself; they are no keys.
        extra: Further keys that belong to the section but not to `owner`; passed through.
        elsewhere: Whole keys of other sections, which an unknown key may have meant.

    Returns:
        Every key of the signature with its value, ready for YAML.

    Raises:
        ConfigError: An unknown or missing key, a wrong type or a bad choice.
    """
    if not isinstance(section, Mapping):
        raise ConfigError(f"{key}: must be a section of keys, got {section!r}")
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(owner).parameters.items()
        if name not in given and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    known = [*parameters, *extra]
    for name in section:
        if name not in known:
            whole = {_join(key, each): each for each in known}
            whole |= {each: each.rpartition(".")[2] for each in elsewhere}
            raise ConfigError(f"{_join(key, name)}: unknown key{_nearest_key(str(name), whole)}")
    annotations = _annotations(owner)
    result = {name: section[name] for name in extra if name in section}
    for name, parameter in parameters.items():
        if name in section:
            annotation = annotations.get(name, Any)
            result[name] = _convert(_join(key, name), section[name], annotation)
        elif parameter.default is parameter.empty:
            raise ConfigError(f"{_join(key, name)}: missing; add {_join(key, name)}=VALUE")
        else:
            result[name] = _plain_default(parameter.default)
    return result


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
            f"{_nearest(str(choice), known)}"
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
        raise ConfigError(f"{path}: not valid YAML: {_first_line(error)}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path}: must hold keys and values")
    return loaded


def _merge(*parts: DictConfig) -> DictConfig:
    try:
        return typing.cast(DictConfig, OmegaConf.merge(*parts))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {_first_line(error)}") from error


def _annotations(owner: Callable[..., object]) -> dict[str, Any]:
    function = owner.__init__ if isinstance(owner, type) else owner  # type: ignore[misc]
    try:
        return typing.get_type_hints(function)
    except NameError:  # names of an out-of-tree class that exist for type checkers only
        return {}


def _convert(key: str, value: Any, annotation: Any) -> Any:
    """Give `value` as `annotation` wants it (int -> float), or raise."""
    if annotation is Any or isinstance(annotation, str):
        return value
    options = _options(annotation)
    for option in options:
        fits, converted = _fit(value, option)
        if fits:
            return converted
    literals = [v for option in options if _is_literal(option) for v in typing.get_args(option)]
    if literals:
        names = ", ".join(str(literal) for literal in literals)
        raise ConfigError(
            f"{key}: must be one of {names}, got {value!r}{_nearest(str(value), map(str, literals))}"
        )
    wanted = " or ".join(_name(option) for option in options)
    raise ConfigError(f"{key}: must be {wanted}, got {value!r}")


def _fit(value: Any, annotation: Any) -> tuple[bool, Any]:
    """Tell whether a YAML value fits one plain annotation, and give it converted."""
    origin = typing.get_origin(annotation) or annotation
    if _is_literal(annotation):
        return value in typing.get_args(annotation), value
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return True, float(value)
    if annotation is int and isinstance(value, bool):
        return False, value
    if annotation is type(None):
        return value is None, value
    if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str:
        return isinstance(value, list), value
    return isinstance(origin, type) and isinstance(value, origin), value


def _options(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [leaf for part in typing.get_args(annotation) for leaf in _options(part)]
    return [annotation]


def _is_literal(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Literal


def _name(annotation: Any) -> str:
    names = {int: "an int", float: "a number", bool: "true or false", str: "a text"}
    if annotation is type(None):
        return "null"
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _plain_default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _nearest(value: str, known: Iterable[str]) -> str:
    near = get_close_matches(value, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _nearest_key(name: str, whole: Mapping[str, str]) -> str:
    """Suggest the whole key whose last word is nearest to `name`."""
    near = get_close_matches(name, whole.values(), n=1)
    keys = [key for key, last in whole.items() if last in near]
    return f"; did you mean {keys[0]}?" if keys else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
