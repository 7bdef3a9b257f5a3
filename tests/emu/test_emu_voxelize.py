"""Voxelization on emulated CUDA threads: the same voxels as on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere
from tests.emu.scenes import PRECISIONS, on_cpu


def two_meshes(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A sphere that is closed, and the same vertices drawn out beyond the grid."""
    vertices, faces = icosphere(1)
    sphere = vertices.double() * 0.37
    stretched = sphere * torch.tensor([1.7, 0.4, 1.1]) + torch.tensor([0.1, -0.05, 0.2])
    return torch.stack([sphere, stretched.double()]).to(dtype), faces


def snail() -> tuple[Tensor, Tensor]:
    """Walls at right angles: a corridor that leads from outside into the middle."""
    corners = [(-0.4, -0.4), (-0.4, 0.4), (0.4, 0.4), (0.4, -0.2), (-0.2, -0.2), (-0.2, 0.2)]
    corners += [(0.2, 0.2), (0.2, 0.0), (0.0, 0.0), (0.0, 0.2)]
    points, faces = [], []
    for (x, y), (u, v) in zip(corners, corners[1:], strict=False):
        first = len(points)
        points += [(x, y, -0.45), (u, v, -0.45), (u, v, 0.45), (x, y, 0.45)]
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    for z in (-0.45, 0.45):
        first = len(points)
        points += [(-0.5, -0.5, z), (0.5, -0.5, z), (0.5, 0.5, z), (-0.5, 0.5, z)]
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return torch.tensor([points], dtype=torch.float64), torch.tensor(faces)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("resolution", "fill"), [(32, True), (11, True), (35, True), (16, False)])
def test_voxels_are_those_of_the_cpu(emulated, monkeypatch, resolution, fill, dtype):
    arguments = (*two_meshes(dtype), resolution, fill)
    voxels = torch.ops.nr3d.voxelize(*arguments)
    assert torch.equal(voxels, on_cpu(monkeypatch, torch.ops.nr3d.voxelize, *arguments))
    assert voxels[0].any() and not voxels[0].all()


def bottle() -> tuple[Tensor, Tensor]:
    """A box without a lid."""
    corners = [(x, y, z) for x in (-0.3, 0.3) for y in (-0.3, 0.3) for z in (-0.4, 0.4)]
    walls = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4)]
    faces = [face for a, b, c, d in walls for face in ((a, b, c), (a, c, d))]
    return torch.tensor([corners], dtype=torch.float64), torch.tensor(faces)


@pytest.mark.parametrize("turns", [0, 1, 2])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("mesh", "resolution"), [(snail, 24), (bottle, 40)])
def test_outside_finds_its_way_in(emulated, monkeypatch, mesh, resolution, sign, turns):
    vertices, faces = mesh()
    arguments = (sign * vertices.roll(turns, dims=-1), faces, resolution, True)
    voxels = torch.ops.nr3d.voxelize(*arguments)
    assert torch.equal(voxels, on_cpu(monkeypatch, torch.ops.nr3d.voxelize, *arguments))
    inside = (sign * torch.tensor([-0.1, -0.1, 0.0]).roll(turns) + 0.5) * resolution
    assert not voxels[0][tuple(inside.int())]


def test_nothing_is_nowhere(emulated):
    voxels = torch.ops.nr3d.voxelize(torch.zeros(2, 0, 3), torch.zeros(0, 3).long(), 5, True)
    assert torch.equal(voxels, torch.zeros(2, 5, 5, 5, dtype=torch.bool))


@pytest.mark.parametrize(
    ("number", "where", "value", "text"),
    [
        (1, (7, 2), 42, r"faces must hold vertex indices inside \[0, 42\), got 42 at \[7, 2\]"),
        (0, (1, 3, 0), torch.inf, r"vertices must be finite, got inf at \[1, 3, 0\]"),
    ],
)
def test_bad_values_are_told_by_the_next_call(emulated, monkeypatch, number, where, value, text):
    bad = [tensor.clone() for tensor in two_meshes(torch.float32)]
    bad[number][where] = value
    torch.ops.nr3d.voxelize(*bad, 8, True)
    with pytest.raises(ValueError, match=rf"^voxelize: {text} \(found on cpu by an earlier call\)"):
        torch.ops.nr3d.voxelize(*two_meshes(torch.float32), 8, True)
    with pytest.raises(ValueError, match=rf"^voxelize: {text}$"):
        on_cpu(monkeypatch, torch.ops.nr3d.voxelize, *bad, 8, True)
