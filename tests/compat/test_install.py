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


OLD_FILES = """
names = "cross get_points_from_angles lighting load_obj look look_at perspective projection"
for name in (names + " save_obj vertices_to_faces").split():
    module = __import__("neural_renderer." + name, fromlist=[name])
    assert getattr(module, name) is getattr(nr, name), name
    assert callable(getattr(nr, name)), name
from neural_renderer.mesh import Mesh
from neural_renderer.optimizers import Adam
from neural_renderer.rasterize import rasterize_silhouettes
from neural_renderer.renderer import Renderer
assert Renderer is nr.renderer.Renderer is nr.Renderer
assert rasterize_silhouettes is nr.rasterize_silhouettes
"""

OTHER_CUDA = """
import torch
torch.cuda.is_available = lambda: True
torch.Tensor.cuda = lambda self: self
from nr3d.compat import neural_renderer as nr
assert nr.Renderer().dist_coeffs.device.type == "cpu"
"""


def run(before: str, after: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(before=before) + after
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_old_name_gives_this_package() -> None:
    done = run("")
    assert done.returncode == 0, done.stderr


def test_another_one_is_not_replaced() -> None:
    done = run("sys.modules['neural_renderer'] = types.ModuleType('neural_renderer')")
    assert done.returncode != 0
    assert "neural_renderer is already imported from an unknown place" in done.stderr


def test_the_files_of_the_old_package_can_be_imported() -> None:
    done = run("", OLD_FILES)
    assert done.returncode == 0, done.stderr


def test_a_program_that_replaced_cuda_stays_on_the_cpu() -> None:
    done = run("", OTHER_CUDA)
    assert done.returncode == 0, done.stderr
