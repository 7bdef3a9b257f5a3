"""The voxelizer against recorded grids, its plain torch twin, and shapes of known volume."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere, voxelize, voxelize_reference, voxelize_surface

Truth = Callable[[str], dict[str, np.ndarray]]


def grids(recorded: dict[str, np.ndarray], name: str) -> Tensor:
    shape = tuple(recorded["shape"])
    bits = np.unpackbits(recorded[name])[: math.prod(shape)]
    return torch.from_numpy(bits.reshape(shape).astype(bool))


def box(low: float, high: float) -> tuple[Tensor, Tensor]:
    """Give a cube of twelve faces. [8, 3], [12, 3]"""
    corners = torch.cartesian_prod(*[torch.tensor([low, high])] * 3)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return corners, torch.tensor(faces)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_recorded_grids_cell_by_cell(truth: Truth, dtype: torch.dtype) -> None:
    recorded = truth("aux_voxelization")
    vertices = torch.from_numpy(recorded["vertices"]).to(dtype)
    faces = torch.from_numpy(recorded["face_indices"])
    assert torch.equal(voxelize(vertices, faces), grids(recorded, "filled"))
    assert torch.equal(voxelize_surface(vertices, faces), grids(recorded, "shell"))


def test_reference_equals_a_recorded_grid(truth: Truth) -> None:
    recorded = truth("aux_voxelization")
    vertices, faces = torch.from_numpy(recorded["vertices"]), recorded["face_indices"]
    filled = voxelize_reference.voxelize(vertices[1:2], torch.from_numpy(faces))
    assert torch.equal(filled, grids(recorded, "filled")[1:2])


def degenerate(vertices: Tensor) -> Tensor:
    """Put corners on grid points, on each other, on a line, and far outside. [B, 60, 3]"""
    step = 1.0 / 15  # cells of resolution 16
    vertices[0] = (vertices[0] / step).round() * step - 0.5 / 16
    vertices[1, ::2] = vertices[1, 1::2]
    vertices[2] = vertices[2, :, :1]
    vertices[3] *= 3.0
    vertices[4] *= 1e6
    vertices[5, :, 2] = 0.0
    return vertices


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("resolution", [2, 7, 16])
def test_agrees_with_the_reference_on_random_and_degenerate_soups(
    dtype: torch.dtype, resolution: int
) -> None:
    vertices = degenerate(torch.rand(8, 60, 3, dtype=dtype) - 0.5)
    faces = torch.randint(0, 60, (25, 3))
    for fill, native in ((True, voxelize), (False, voxelize_surface)):
        expected = voxelize_reference.voxelize(vertices, faces, resolution=resolution, fill=fill)
        assert torch.equal(native(vertices, faces, resolution=resolution), expected)


def test_cube_fills_the_grid_and_a_box_its_cells() -> None:
    vertices, faces = box(-0.5, 0.5)
    assert bool(voxelize(vertices[None], faces).all())
    vertices, faces = box(0.1, 0.3)  # 0.1 and 0.3 lie in cells 19 and 25
    occupied = voxelize(vertices[None], faces)[0].nonzero()
    assert occupied.amin(dim=0).tolist() == [19] * 3
    assert occupied.amax(dim=0).tolist() == [25] * 3
    assert len(occupied) == 7**3


def test_axes_are_x_y_z_of_the_mesh_frame() -> None:
    vertices, faces = box(-0.02, 0.02)
    offset = torch.tensor([0.4, -0.4, 0.0])
    x, y, z = voxelize((vertices + offset)[None], faces)[0].nonzero().float().mean(dim=0).tolist()
    assert x > 26 and y < 5 and 14 < z < 17


def test_volume_of_a_sphere() -> None:
    vertices, faces = icosphere(4)
    volume = voxelize(0.4 * vertices[None], faces, resolution=128).sum() / 127**3
    # the shell reaches up to a cell beyond the surface
    assert 1.0 < float(volume) / (4 / 3 * math.pi * 0.4**3) < 1.06


def test_open_shell_stays_hollow() -> None:
    vertices, faces = box(-0.3, 0.3)
    closed, opened = voxelize(vertices[None], faces), voxelize(vertices[None], faces[2:])
    assert bool(closed[0, 16, 16, 16]) and not bool(opened[0, 16, 16, 16])
    assert torch.equal(opened, voxelize_surface(vertices[None], faces[2:]))


def test_outside_is_clipped() -> None:
    vertices, faces = box(-0.2, 0.2)
    shifted = torch.stack((vertices + torch.tensor([0.5, 0.0, 0.0]), vertices + 5.0))
    partly, gone = voxelize(shifted, faces)
    assert bool(partly[-1].any()) and not bool(partly[:20].any())
    assert not bool(gone.any())


def test_any_number_of_threads_gives_the_same() -> None:
    vertices = torch.rand(7, 200, 3) - 0.5
    faces = torch.randint(0, 200, (100, 3))
    alone = voxelize(vertices, faces)
    torch.set_num_threads(3)
    assert torch.equal(voxelize(vertices, faces), alone)


def test_empty_batches_and_meshes_give_empty_grids() -> None:
    faces = torch.zeros(0, 3, dtype=torch.int64)
    assert voxelize(torch.zeros(0, 4, 3), faces, resolution=5).shape == (0, 5, 5, 5)
    assert not bool(voxelize(torch.zeros(2, 4, 3), faces).any())
    assert not bool(voxelize(torch.zeros(2, 0, 3), faces).any())


def test_layouts_and_dtypes_are_accepted() -> None:
    vertices, faces = icosphere(1)
    expected = voxelize(0.4 * vertices[None], faces)
    strided = (0.4 * vertices).t().contiguous().t()[None].expand(3, -1, -1)
    assert torch.equal(voxelize(strided, faces.int().t().contiguous().t())[2:], expected)
    half = (0.4 * vertices[None]).half()
    assert torch.equal(voxelize(half, faces), voxelize(half.float(), faces))
    learned = (0.4 * vertices[None]).requires_grad_()
    assert not voxelize(learned, faces).requires_grad


def test_op_keeps_its_contract() -> None:
    vertices, faces = icosphere(0)
    arguments = (0.4 * vertices[None], faces, 8, True)
    torch.library.opcheck(torch.ops.nr3d.voxelize.default, arguments)


VERTICES, FACES = torch.zeros(2, 4, 3), torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize(
    ("vertices", "faces", "resolution", "kind", "message"),
    [
        (VERTICES * math.nan, FACES, 32, ValueError, r"vertices must be finite, got nan at \[0, 0"),
        (VERTICES - math.inf, FACES, 32, ValueError, r"vertices must be finite, got -inf at \[0"),
        (VERTICES, FACES + 2, 32, ValueError, r"\[0, 4\), got 4 at \[0, 2\]"),
        (VERTICES, FACES - 1, 32, ValueError, r"\[0, 4\), got -1 at \[0, 0\]"),
        (VERTICES, FACES, 1, ValueError, "resolution must be at least 2, got 1"),
        (VERTICES[0], FACES, 32, ValueError, r"vertices must have shape \[B, V, 3\], got \[4, 3\]"),
        (VERTICES, FACES[0], 32, ValueError, r"faces must have shape \[F, 3\], got \[3\]"),
        (VERTICES.long(), FACES, 32, TypeError, "vertices must be float32 or .*, got int64"),
        (VERTICES, FACES.float(), 32, TypeError, "faces must be int32 or int64, got float32"),
        (VERTICES.to("meta"), FACES, 32, ValueError, "faces must be on meta, got cpu; move all"),
    ],
)
def test_wrong_arguments_are_named(
    vertices: Tensor, faces: Tensor, resolution: int, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"^voxelize: .*{message}"):
        voxelize(vertices, faces, resolution=resolution)
    with pytest.raises(kind, match=f"^voxelize(_surface)?: .*{message}"):
        voxelize_surface(vertices, faces, resolution=resolution)
