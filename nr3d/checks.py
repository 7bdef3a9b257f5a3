"""One style for every complaint about an argument.

Messages read `function: argument must be EXPECTED, got ACTUAL; REMEDY`. Wrong type or dtype raises
TypeError; wrong shape, range or device raises ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64)
REDUCED_FLOATS = (torch.float16, torch.bfloat16)
INTEGERS = (torch.int32, torch.int64)


def check_tensor(
    function: str,
    argument: str,
    value: object,
    *,
    shape: Sequence[int | str],
    dtypes: Sequence[torch.dtype] = FLOATS,
    like: Tensor | None = None,
) -> None:
    """Check type, dtype, shape and device of one tensor argument.

    Args:
        function: Name of the public function, the first word of the message.
        argument: Name of the argument.
        value: What the caller passed.
        shape: One entry per axis: a number that must match, or a letter that stands for any size.
        dtypes: Accepted dtypes.
        like: A tensor whose device `value` must share.

    Raises:
        TypeError: `value` is no tensor or has another dtype.
        ValueError: Another shape, or another device than `like`.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{function}: {argument} must be a tensor, got {type(value).__name__}")
    if value.dtype not in dtypes:
        names = " or ".join(name_of_dtype(dtype) for dtype in dtypes)
        raise TypeError(f"{function}: {argument} must be {names}, got {name_of_dtype(value.dtype)}")
    fits = value.dim() == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{function}: {argument} must have shape {format_shape(shape)}, "
            f"got {format_shape(value.shape)}"
        )
    if like is not None and value.device != like.device:
        raise ValueError(
            f"{function}: {argument} must be on {like.device}, got {value.device}; "
            "move all tensors to one device"
        )


def check_range(
    function: str,
    argument: str,
    value: float,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> None:
    """Check that a number is finite and within open (`above`, `below`) or closed bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{function}: {argument} must be a number, got {type(value).__name__}")
    inside = above < value < below and at_least <= value <= at_most
    if not (inside and math.isfinite(value)):
        wanted = _describe_range(above=above, below=below, at_least=at_least, at_most=at_most)
        raise ValueError(f"{function}: {argument} must be {wanted}, got {value}")


def check_count(function: str, argument: str, value: object, *, at_least: int = 1) -> None:
    """Check that `value` is a whole number of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{function}: {argument} must be an int, got {type(value).__name__}")
    if value < at_least:
        raise ValueError(f"{function}: {argument} must be at least {at_least}, got {value}")


def check_choice(function: str, argument: str, value: str, choices: Iterable[str]) -> None:
    """Check that `value` is one of `choices`; the message suggests the nearest."""
    known = list(choices)
    if not isinstance(value, str):
        raise TypeError(
            f"{function}: {argument} must be one of {', '.join(known)}, got {type(value).__name__}"
        )
    if value not in known:
        raise ValueError(
            f"{function}: {argument} must be one of {', '.join(known)}, got {value!r}"
            f"{did_you_mean(value, known)}"
        )


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """Give `; did you mean X?` for the entry of `known` nearest to `value`, or nothing."""
    near = get_close_matches(value, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def at_least_float32(tensor: Tensor) -> Tensor:
    """Cast half-precision values to float32 and leave every other dtype alone."""
    return tensor.float() if tensor.dtype in REDUCED_FLOATS else tensor


def name_of_dtype(dtype: torch.dtype) -> str:
    """Give `float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def format_shape(shape: Iterable[int | str]) -> str:
    """Write a shape as `[B, 3]`."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _describe_range(*, above: float, below: float, at_least: float, at_most: float) -> str:
    if math.isfinite(above) and math.isfinite(below):
        return f"inside ({above:g}, {below:g})"
    if math.isfinite(at_least) and math.isfinite(at_most):
        return f"inside [{at_least:g}, {at_most:g}]"
    words = []
    if math.isfinite(above):
        words.append(f"above {above:g}")
    if math.isfinite(at_least):
        words.append(f"at least {at_least:g}")
    if math.isfinite(below):
        words.append(f"below {below:g}")
    if math.isfinite(at_most):
        words.append(f"at most {at_most:g}")
    return " and ".join(words) or "finite"
