"""Every message of nr3d/checks.py, word for word."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from nr3d import checks

MESSAGES: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: checks.check_tensor("draw", "points", [1], shape=(3,)),
        TypeError,
        "draw: points must be a tensor, got list",
    ),
    (
        lambda: checks.check_tensor(
            "draw", "points", torch.zeros(3, dtype=torch.int64), shape=(3,)
        ),
        TypeError,
        "draw: points must be float32 or float64, got int64",
    ),
    (
        lambda: checks.check_tensor("draw", "points", torch.zeros(2, 4), shape=("B", 3)),
        ValueError,
        "draw: points must have shape [B, 3], got [2, 4]",
    ),
    (
        lambda: checks.check_tensor("draw", "points", torch.zeros(3), shape=("B", 3)),
        ValueError,
        "draw: points must have shape [B, 3], got [3]",
    ),
    (
        lambda: checks.check_tensor(
            "draw", "points", torch.zeros(3), shape=(3,), like=torch.zeros(1, device="meta")
        ),
        ValueError,
        "draw: points must be on meta, got cpu; move all tensors to one device",
    ),
    (
        lambda: checks.check_range("draw", "near", "0"),  # type: ignore[arg-type]
        TypeError,
        "draw: near must be a number, got str",
    ),
    (
        lambda: checks.check_range("draw", "near", True),
        TypeError,
        "draw: near must be a number, got bool",
    ),
    (
        lambda: checks.check_range("draw", "angle", 90, above=0, below=90),
        ValueError,
        "draw: angle must be inside (0, 90), got 90",
    ),
    (
        lambda: checks.check_range("draw", "share", 1.5, at_least=0, at_most=1),
        ValueError,
        "draw: share must be inside [0, 1], got 1.5",
    ),
    (
        lambda: checks.check_range("draw", "near", 0, above=0),
        ValueError,
        "draw: near must be above 0, got 0",
    ),
    (
        lambda: checks.check_range("draw", "near", -1, at_least=0),
        ValueError,
        "draw: near must be at least 0, got -1",
    ),
    (
        lambda: checks.check_range("draw", "near", 2, below=2),
        ValueError,
        "draw: near must be below 2, got 2",
    ),
    (
        lambda: checks.check_range("draw", "near", 3, above=0, at_most=2),
        ValueError,
        "draw: near must be above 0 and at most 2, got 3",
    ),
    (
        lambda: checks.check_range("draw", "far", math.inf),
        ValueError,
        "draw: far must be finite, got inf",
    ),
    (
        lambda: checks.check_range("draw", "far", math.nan),
        ValueError,
        "draw: far must be finite, got nan",
    ),
    (
        lambda: checks.check_count("draw", "image_size", 1.0),
        TypeError,
        "draw: image_size must be an int, got float",
    ),
    (
        lambda: checks.check_count("draw", "image_size", True),
        TypeError,
        "draw: image_size must be an int, got bool",
    ),
    (
        lambda: checks.check_count("draw", "image_size", 0),
        ValueError,
        "draw: image_size must be at least 1, got 0",
    ),
    (
        lambda: checks.check_choice("draw", "style", "hrad", ["hard", "soft"]),
        ValueError,
        "draw: style must be one of hard, soft, got 'hrad'; did you mean hard?",
    ),
    (
        lambda: checks.check_choice("draw", "style", "xyz", ["hard", "soft"]),
        ValueError,
        "draw: style must be one of hard, soft, got 'xyz'",
    ),
    (
        lambda: checks.check_choice("draw", "style", None, ["hard", "soft"]),
        TypeError,
        "draw: style must be one of hard, soft, got NoneType",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES, ids=[m[2] for m in MESSAGES])
def test_a_bad_argument_is_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()


def test_good_arguments_pass() -> None:
    like = torch.zeros(1)
    checks.check_tensor("draw", "points", torch.zeros(5, 3), shape=("B", 3), like=like)
    checks.check_tensor(
        "draw", "faces", torch.zeros(0, 3).int(), shape=("F", 3), dtypes=checks.INTEGERS
    )
    checks.check_range("draw", "near", 0.1, above=0, below=1)
    checks.check_range("draw", "share", 1, at_least=0, at_most=1)
    checks.check_count("draw", "image_size", 0, at_least=0)
    checks.check_choice("draw", "style", "hard", (name for name in ("hard", "soft")))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.int64, torch.int64),
    ],
)
def test_only_half_precision_is_widened(dtype: Any, expected: Any) -> None:
    assert checks.at_least_float32(torch.zeros(2, dtype=dtype)).dtype == expected
