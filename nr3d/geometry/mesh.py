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
class Material:
    """What a file says of a surface.

    Attributes:
        name: As the file has it; may be empty.
        diffuse: RGB in [0, 1].
        texture: An image that takes the place of `diffuse`, row 0 at the top, in [0, 1]; None where
            there is none or it was not read. [3, h, w], float32
        clamp: Whether the image ends at its border instead of being repeated.
        mirror: Whether every other repetition of it is mirrored.
    """

    name: str
    diffuse: tuple[float, float, float]
    texture: Tensor | None = None
    clamp: bool = False
    mirror: bool = False

    @property
    def wrap(self) -> str:
        """How the image goes on outside: `clamp`, `mirror` or `repeat`."""
        return "clamp" if self.clamp else "mirror" if self.mirror else "repeat"


@dataclass(frozen=True)
class LoadedMesh:
    """One mesh as a file holds it.

    Attributes:
        vertices: Positions in the file's own frame and length unit. [V, 3], float32
        faces: Vertex indices of each triangle. [F, 3], int64
        face_colors: RGB in [0, 1], or None where the file knows no colours. Materials come first,
            then vertex colours; textures and vertex colours are averaged. [F, 3], float32
        uvs: Texture coordinates of the corners, u to the right and v up, (0, 0) the lower left
            corner of the image, any range; None where none were read. [F, 3, 2], float32
        materials: Those that faces use; see `face_material`.
        face_material: Index into `materials`, -1 for none; None where no face has a known material.
            [F], int64
        vertex_colors: RGB in [0, 1], or None where the file has none. [V, 3], float32
    """

    vertices: Tensor
    faces: Tensor
    face_colors: Tensor | None = None
    uvs: Tensor | None = None
    materials: tuple[Material, ...] = ()
    face_material: Tensor | None = None
    vertex_colors: Tensor | None = None
