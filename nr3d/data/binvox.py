"""Read .binvox files: run-length coded voxel grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 1024


def read_binvox(path: Path) -> NDArray[np.bool_]:
    """Read a grid.

    `translate` and `scale` of the header are the frame of whoever made it and are not used.

    Args:
        path: A file of binvox version 1.

    Returns:
        Occupancy, axes x, y, z. bool [R, R, R]

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file, the grid is no cube, or its runs do not fill it.

    Source: Patrick Min, the binvox file format: z runs before y and x, y fastest; bytes in pairs
    of value and count.
    """
    if not path.is_file():
        raise FileNotFoundError(f"voxels {path} not found")
    data = path.read_bytes()
    header, mark, runs = data.partition(b"\ndata\n")
    lines = header.decode("ascii", errors="replace").splitlines()
    sizes = [line.split()[1:] for line in lines if line.startswith("dim ")]
    if not mark or not lines or not lines[0].startswith("#binvox 1") or len(sizes) != 1:
        raise ValueError(f"voxels {path} must be a binvox file of version 1, got {lines[:1]}")
    side = int(sizes[0][0]) if all(size.isdigit() for size in sizes[0]) and sizes[0] else 0
    if sizes[0] != [str(side)] * 3 or not 0 < side <= MAX_SIDE:
        raise ValueError(f"voxels {path} must be a cube, got {' x '.join(sizes[0])}")
    pairs = np.frombuffer(runs[: len(runs) // 2 * 2], dtype=np.uint8).reshape(-1, 2)
    counts = pairs[:, 1].astype(np.int64)
    if counts.sum() != side**3 or len(runs) % 2:
        raise ValueError(
            f"voxels {path} must hold {side**3} voxels, got {counts.sum()}; copy the file again"
        )
    grid = np.repeat(pairs[:, 0] > 0, counts).reshape(side, side, side)  # [x, z, y]
    return np.ascontiguousarray(grid.transpose(0, 2, 1))


def centred(voxels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Move what is occupied into the middle of the grid, to half a cell. [R, R, R]"""
    if not voxels.any():
        return voxels
    occupied = np.argwhere(voxels)
    spare = voxels.shape[0] - 1 - occupied.max(axis=0) - occupied.min(axis=0)
    shift = spare // 2  # a spare cell stays on the upper side
    return np.roll(voxels, tuple(int(each) for each in shift), axis=(0, 1, 2))
