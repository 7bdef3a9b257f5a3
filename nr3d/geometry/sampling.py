"""Points drawn from the surface of meshes, each with its normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from nr3d.checks import FLOATS, INTEGERS, check_count, check_tensor
from nr3d.geometry.normals import face_normals
from nr3d.geometry.voxelize import voxelize

GRID = 64  # cells along each axis that tell the outside from the inside
MAX_DRAWN = 64  # times as many points as wanted; a mesh that shows less of itself is refused


@dataclass(frozen=True)
class SurfaceSamples:
    """Points of B surfaces.

    Attributes:
        points: Positions in the mesh frame. [B, P, 3]
        normals: Unit normals of the faces there, on the side `face_normals` says; 0 on a face
            without area. [B, P, 3]
    """

    points: Tensor
    normals: Tensor


def sample_surface(
    vertices: Tensor, faces: Tensor, *, num_points: int, seed: int = 0
) -> SurfaceSamples:
    """Draw points evenly from the surface of each mesh: a face by its area, then a place on it.

    All meshes use the same random numbers, so what comes of one does not depend on the others of
    its batch; the numbers are NumPy's and the same on every machine and device.

    Args:
        vertices: Any length unit. [B, V, 3]
        faces: Shared by all meshes. [F, 3], int32 or int64
        num_points: Points of each mesh, P.
        seed: Of the random numbers.

    Returns:
        Points and normals, dtype and device of `vertices`. Of a mesh without area every face is as
        likely as any other.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, no faces, or a vertex that is NaN or infinite.

    Source: Osada et al. 2002, Shape Distributions (the place on a triangle).
    """
    _check("sample_surface", vertices, faces)
    check_count("sample_surface", "num_points", num_points)
    check_count("sample_surface", "seed", seed, at_least=0)
    corners = vertices[:, faces.long()]  # [B, F, 3, 3]
    sides = corners[:, :, 1:] - corners[:, :, :1]
    areas = torch.linalg.cross(sides[:, :, 0], sides[:, :, 1]).double().norm(dim=-1)
    areas = torch.where(areas.sum(dim=1, keepdim=True) > 0, areas, torch.ones_like(areas))
    random = torch.from_numpy(np.random.default_rng(seed).random((num_points, 3)))
    which, root, along = random.to(vertices.device).unbind(dim=1)
    total = areas.cumsum(dim=1)  # [B, F]
    chosen = torch.searchsorted(total, total[:, -1:] * which, right=True)
    chosen = chosen.clamp_max(len(faces) - 1)[..., None]  # [B, P, 1]
    root = root.sqrt()
    weights = torch.stack((1 - root, root * (1 - along), root * along), dim=1).to(vertices)
    picked = corners.flatten(2).gather(1, chosen.expand(-1, -1, 9)).unflatten(2, (3, 3))
    points = (picked * weights[..., None]).sum(dim=2)
    normals = face_normals(vertices, faces).gather(1, chosen.expand(-1, -1, 3))
    return SurfaceSamples(points, normals)


def sample_outside(
    vertices: Tensor, faces: Tensor, *, num_points: int, seed: int = 0
) -> SurfaceSamples:
    """Draw points evenly from that part of one mesh's surface that is not buried inside it.

    Meshes from modelling programs often hold faces in their inside, which no view shows and no
    reconstruction can have. The mesh is voxelized and filled on a grid of 64^3; a point whose cell
    and all 26 cells around it are occupied is buried and drawn again. So faces less than about two
    cells (3 % of the cube's side) below the outside remain, and so does the inside of a mesh that
    has cracks or holes a cell wide, which the fill leaves empty.

    Args:
        vertices: In the cube [-0.5, 0.5]^3. [V, 3]
        faces: [F, 3], int32 or int64
        num_points: P.
        seed: Of the random numbers.

    Returns:
        One surface, B = 1, dtype and device of `vertices`.

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device, no faces, a vertex that is NaN, infinite or outside the
            cube, or less than 1/64 of the surface outside.
    """
    check_tensor("sample_outside", "vertices", vertices, shape=("V", 3))
    _check("sample_outside", vertices[None], faces)
    reach = float(vertices[faces.long()].abs().max())
    if reach > 0.5 + 1e-5:
        raise ValueError(
            f"sample_outside: vertices must be inside the cube [-0.5, 0.5]^3, got {reach:g}; "
            "normalize the mesh"
        )
    buried = _buried_cells(voxelize(vertices[None], faces, resolution=GRID))
    num_drawn = num_points + num_points // 2 + 1
    while True:
        drawn = sample_surface(vertices[None], faces, num_points=num_drawn, seed=seed)
        cells = (drawn.points[0] * (GRID - 1) + GRID / 2).floor().long().clamp(0, GRID - 1)
        kept = (~buried[tuple(cells.unbind(dim=1))]).nonzero().flatten()[:num_points]
        if len(kept) == num_points:
            return SurfaceSamples(drawn.points[:, kept], drawn.normals[:, kept])
        num_drawn *= 2
        if num_drawn > MAX_DRAWN * num_points:
            raise ValueError(
                f"sample_outside: faces must show at least 1/{MAX_DRAWN} of their area outside, "
                f"got {len(kept)} of {num_drawn // 2} points there"
            )


def _buried_cells(voxels: Tensor) -> Tensor:
    """Find the cells that are occupied with all their 26 neighbours. [1, R, R, R] -> [R, R, R]"""
    full = pad(voxels[0], (1,) * 6)
    for axis in range(3):
        size = full.shape[axis] - 2
        before, here, after = (full.narrow(axis, start, size) for start in range(3))
        full = before & here & after
    return full


def _check(function: str, vertices: Tensor, faces: Tensor) -> None:
    check_tensor(function, "vertices", vertices, shape=("B", "V", 3), dtypes=FLOATS)
    check_tensor(function, "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
    if len(faces) == 0:
        raise ValueError(f"{function}: faces must hold at least one face, got [0, 3]")
    if not bool(torch.isfinite(vertices).all()):
        raise ValueError(f"{function}: vertices must be finite, got NaN or infinity")
