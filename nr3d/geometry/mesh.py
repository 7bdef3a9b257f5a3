"""A batch of meshes that share one topology."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nr3d.checks import FLOATS, INTEGERS, REDUCED_FLOATS, check_tensor


@dataclass(frozen=True)
class Mesh:
    """B meshes with the same faces: what a deformed template is.

    Attributes:
        vertices: Positions in the mesh frame, any length unit. [B, V, 3]
        faces: Vertex indices of each triangle. [F, 3], int32 or int64
    """

    vertices: Tensor
    faces: Tensor

    def __post_init__(self) -> None:
        check_tensor(
            "Mesh",
            "vertices",
            self.vertices,
            shape=("B", "V", 3),
            dtypes=(*FLOATS, *REDUCED_FLOATS),
        )
        check_tensor(
            "Mesh", "faces", self.faces, shape=("F", 3), dtypes=INTEGERS, like=self.vertices
        )

    def to(self, device: torch.device | str) -> Mesh:
        """Move both tensors to `device`."""
        return Mesh(self.vertices.to(device), self.faces.to(device))


@dataclass(frozen=True)
class LoadedMesh:
    """One mesh as a file holds it.

    Attributes:
        vertices: Positions in the file's own frame and length unit. [V, 3], float32
        faces: Vertex indices of each triangle. [F, 3], int64
        face_colors: RGB in [0, 1], or None where the file knows no colours. [F, 3], float32
    """

    vertices: Tensor
    faces: Tensor
    face_colors: Tensor | None = None
