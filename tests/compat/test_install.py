"""`install` stands in for the old package, and only where it is safe."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, types
{before}
import nr3d.compat
nr3d.compat.install()
nr3d.compat.install()
import neural_renderer as nr
from neural_renderer.renderer import Renderer
assert nr is nr3d.compat.neural_renderer and Renderer is nr.Renderer
"""


def run(before: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(before=before)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_old_name_gives_this_package() -> None:
    done = run("")
    assert done.returncode == 0, done.stderr


def test_another_one_is_not_replaced() -> None:
    done = run("sys.modules['neural_renderer'] = types.ModuleType('neural_renderer')")
    assert done.returncode != 0
    assert "neural_renderer is already imported from an unknown place" in done.stderr
