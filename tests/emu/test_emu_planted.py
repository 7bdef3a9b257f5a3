"""The emulation can fail: kernels with bugs in them give other results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nr3d.renderer import rasterize
from tests.emu.emulation import build, compiler, emulate
from tests.renderer.scenes import soup

BUGS = {
    "rasterize_cuda.cu": ("if (lane >= by) end += before;", "if (lane > by) end += before;"),
    "kato_gradient_cuda.cu": ("  __syncwarp();\n  pixels =", "  pixels ="),
    "reduce.h": ("  __syncthreads();\n  if (threadIdx.x == 0) {", "  if (threadIdx.x == 0) {"),
}


@pytest.fixture(scope="module")
def broken(request: pytest.FixtureRequest) -> Path:
    """Kernels with a wrong index, and without two barriers that they need."""
    if compiler() is None:
        pytest.skip("needs a C++ compiler")
    return build(Path(request.config.cache.mkdir("emulation")), planted=BUGS)


def results(run, library: Path, order: str) -> Tensor:
    with emulate(library, order):
        return run()


def test_a_wrong_index_is_found(library, broken):
    scene = soup(60, seed=0)

    def run() -> Tensor:
        return rasterize(scene.vertices, scene.faces, image_size=32).face_index

    assert torch.equal(results(run, library, "0"), run())
    assert not torch.equal(results(run, broken, "0"), run())


def test_a_missing_barrier_of_a_warp_is_found(library, broken):
    scene = soup(60, seed=0)
    face_index = rasterize(scene.vertices, scene.faces, image_size=32).face_index
    image, grad = (torch.randn(1, 3, 32, 32, dtype=torch.float64) for _ in range(2))

    def run() -> Tensor:
        return torch.ops.nr3d.kato_gradient(
            scene.vertices, scene.faces, face_index, image, grad, 1e-4
        )

    assert torch.equal(results(run, library, "0"), results(run, library, "1"))
    assert not torch.equal(results(run, broken, "0"), results(run, broken, "1"))


def test_a_missing_barrier_of_a_block_is_found(library, broken):
    points, eyes = torch.rand(1, 300, 3), torch.tensor([[[0.0, 0.0, -3.0]]])
    axes, grad = torch.eye(3)[None, None], torch.randn(1, 300, 3)

    def run() -> Tensor:
        return torch.ops.nr3d.project_camera_gradient(points, eyes, axes, 0.5, grad)[0]

    torch.testing.assert_close(results(run, library, "0"), run())
    assert (results(run, broken, "0") - run()).abs().max() > 0.1
