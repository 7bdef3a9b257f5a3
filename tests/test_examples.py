"""The examples run, small, and write their animations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CASES = {
    "turntable": ["--image-size", "24", "--step", "90"],
    "fit_vertices": ["--image-size", "24", "--steps", "12"],
    "fit_textures": ["--image-size", "24", "--steps", "3"],
    "find_camera": ["--image-size", "24", "--steps", "12"],
}


def test_every_example_is_tried() -> None:
    assert sorted(CASES) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", CASES)
def test_it_writes_an_animation(name: str, tmp_path: Path) -> None:
    output = tmp_path / "out.gif"
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "-o", str(output), *CASES[name]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with Image.open(output) as animation:
        assert animation.size == (24, 24)
        assert animation.n_frames > 1
