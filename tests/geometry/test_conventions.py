"""The code of docs/conventions.md runs, and its cameras are one camera."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conventions.md"
BEGINNING, *EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
LIBRARIES = ("OpenCV", "OpenGL", "PyTorch3D", "NMR_Dataset")


def run(example: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(BEGINNING + example, names)
    return names


@pytest.mark.parametrize(("library", "example"), list(zip(LIBRARIES, EXAMPLES, strict=True)))
def test_every_example_draws_the_same_image(library: str, example: str) -> None:
    assert f"\n{library}" in PAGE.read_text("utf-8").split(example)[0].rpartition("```\n")[2]
    names, expected = run(example), run(EXAMPLES[0])
    image: Tensor = names["image"]
    assert image.shape == (1, 1, 3, 96, 128)
    # 1e-6 in the projection moves outlines by as little; a pixel of an edge is a quarter at most
    assert float((image - expected["image"]).abs().mean()) < 1e-4
    torch.testing.assert_close(names["projected"], expected["projected"], rtol=0, atol=1e-5)


def test_the_ball_is_where_it_must_be_and_lit_from_the_viewer() -> None:
    """Its middle (0.2, 0.1, 0), 3 before a camera with 200 pixels: 13 to the right and 7 up."""
    image = run(EXAMPLES[0])["image"][0, 0, 0]
    rows, columns = (image > 0).nonzero().double().mean(0).tolist()
    assert columns == pytest.approx(63.5 + 40 / 3, abs=0.3)
    assert rows == pytest.approx(47.5 - 20 / 3, abs=0.3)
    assert float(image[41, 77]) > 0.99
