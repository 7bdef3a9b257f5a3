"""A section's schema is the signature of the class it describes."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

Config = dict[str, Any]


class ConfigError(ValueError):
    """A wrong configuration; the message names the YAML key."""


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
        if name not in given
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    known = [*parameters, *extra]
    for name in section:
        if name not in known:
            whole = {_join(key, each): each for each in known}
            whole |= {each: each.rpartition(".")[2] for each in elsewhere}
            hint = _nearest_key(str(name), whole) or f"; there are {', '.join(map(str, known))}"
            raise ConfigError(f"{_join(key, name)}: unknown key{hint}")
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
        names = [str(literal) for literal in literals]
        raise ConfigError(
            f"{key}: must be one of {', '.join(names)}, got {value!r}{nearest(str(value), names)}"
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
    if _is_list(origin):
        length = _list_length(annotation)
        fits = isinstance(value, list) and length in (None, len(value))
        return fits and _elements_fit(value, annotation), value
    return isinstance(origin, type) and isinstance(value, origin), value


def _elements_fit(values: Sequence[Any], annotation: Any) -> bool:
    """Tell whether each value fits what the annotation of a list says of its elements."""
    parts = [part for part in typing.get_args(annotation) if part is not Ellipsis] or [Any]
    parts = parts * len(values) if len(parts) == 1 else parts
    return all(
        any(each is Any or _fit(value, each)[0] for each in _options(part))
        for value, part in zip(values, parts, strict=True)
    )


def _options(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [leaf for part in typing.get_args(annotation) for leaf in _options(part)]
    return [annotation]


def _is_list(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str


def _list_length(annotation: Any) -> int | None:
    """Give how many values `tuple[X, Y]` has; None for lists of any length."""
    parts = typing.get_args(annotation)
    is_fixed = typing.get_origin(annotation) is tuple and Ellipsis not in parts
    return len(parts) if is_fixed else None


def _is_literal(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Literal


def _name(annotation: Any) -> str:
    names = {int: "an int", float: "a number", bool: "true or false", str: "a text"}
    if annotation is type(None):
        return "null"
    if _is_list(typing.get_origin(annotation) or annotation):
        length = _list_length(annotation)
        return f"a list of {_elements_name(annotation, length)}".removesuffix(" of ")
    return names.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _elements_name(annotation: Any, length: int | None) -> str:
    """Name how many elements a list has and what they are, as far as the annotation says."""
    plural = {int: "ints", float: "numbers", str: "texts"}
    parts = typing.get_args(annotation)
    kinds = [plural[each] for part in parts for each in _options(part) if each in plural]
    kind = kinds[0] if len(set(kinds)) == 1 else ""
    return " ".join(word for word in (str(length or ""), kind) if word)


def _plain_default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def nearest(value: str, known: Iterable[str]) -> str:
    """Give `; did you mean X?` for the entry of `known` nearest to `value`, or nothing."""
    near = get_close_matches(value, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _nearest_key(name: str, whole: Mapping[str, str]) -> str:
    """Suggest the whole key whose last word is nearest to `name`."""
    near = get_close_matches(name, whole.values(), n=1)
    keys = [key for key, last in whole.items() if last in near]
    return f"; did you mean {keys[0]}?" if keys else ""
