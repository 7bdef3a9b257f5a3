"""Every instruction set that the kernels are compiled for gives the same bits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, torch
from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer, kato_edges, rasterize, soft_silhouettes

digest = hashlib.sha256()
def note(*tensors):
    for tensor in tensors:
        digest.update(tensor.detach().contiguous().numpy().tobytes())

generator = torch.Generator().manual_seed(3)
for dtype in (torch.float32, torch.float64):
    vertices, faces = icosphere(2)
    meshes = vertices.to(dtype) * (0.3 + torch.rand(3, 1, 3, generator=generator, dtype=dtype) / 5)
    for size, anti_aliasing in ((33, False), (24, True)):
        renderer = NeuralRenderer(image_size=size, anti_aliasing=anti_aliasing, viewing_angle=15.0)
        leaf = meshes.clone().requires_grad_()
        eyes = eye_from_angles(2.732, 30.0, torch.tensor([[10.0, 200.0]], dtype=dtype))
        images = renderer.silhouettes(Mesh(leaf, faces), eyes.to(dtype))
        images.backward(torch.randn(images.shape, generator=generator, dtype=dtype))
        note(images, leaf.grad)
    flat = (meshes * 2 + torch.tensor([0.0, 0.0, 3.0], dtype=dtype)).requires_grad_()
    seen = rasterize(flat, faces, image_size=(21, 30))
    colors = torch.rand(3, 2, 21, 30, generator=generator, dtype=dtype)
    edged = kato_edges(colors, flat, faces=faces, face_index=seen.face_index)
    edged.backward(torch.randn(edged.shape, generator=generator, dtype=dtype))
    note(seen.face_index, seen.depth, seen.weights, flat.grad)
    for sigma in (1e-4, 1e-2):
        soft = flat.detach().requires_grad_()
        images = soft_silhouettes(soft, faces, image_size=(21, 30), sigma=sigma)
        images.backward(torch.randn(images.shape, generator=generator, dtype=dtype))
        note(images, soft.grad)
print(digest.hexdigest())
"""


def run(instructions: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NR3D_ISA": instructions}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_all_give_the_same_bits() -> None:
    digests = {name: run(name).stdout for name in ("baseline", "avx2", "avx512")}
    assert len(digests["baseline"]) == 65
    assert len(set(digests.values())) == 1, digests


def test_an_unknown_one_is_an_error() -> None:
    done = run("mmx")
    assert done.returncode != 0
    message = "NR3D_ISA: the environment variable must be baseline, avx2 or avx512, got mmx"
    assert message in done.stderr


@pytest.mark.parametrize("name", ["baseline", "avx2", "avx512"])
def test_the_variable_only_limits(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from nr3d import _C; print(_C.instruction_set())"],
        capture_output=True,
        text=True,
        env=os.environ | {"NR3D_ISA": name},
        timeout=120,
    )
    order = ["baseline", "avx2", "avx512"]
    assert order.index(done.stdout.strip()) <= order.index(name)
