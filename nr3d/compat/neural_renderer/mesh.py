"""A mesh whose vertices or textures are learned."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from nr3d.checks import INTEGERS, check_count, check_tensor, format_shape
from nr3d.compat.neural_renderer.convert import as_count, default_device
from nr3d.compat.neural_renderer.faces import check_indices
from nr3d.compat.neural_renderer.files import load_obj


class Mesh(nn.Module):
    """Vertices, faces and texture cubes of one object.

    Like the port: `Mesh(vertices [V, 3], faces [F, 3], textures=None, texture_size=4)`; without
    textures they are a parameter, 0.05 times normal noise. Like the original: `Mesh(path,
    texture_size=4, normalization=True)`; vertices and textures are parameters.

    Attributes:
        vertices: [V, 3]
        faces: [F, 3], int32
        textures: [F, T, T, T, 3]
        num_vertices: V.
        num_faces: F.
        texture_size: T.
    """

    def __init__(
        self,
        vertices: Tensor | str | os.PathLike[str],
        faces: Tensor | int | None = None,
        textures: Tensor | None = None,
        texture_size: int = 4,
        normalization: bool = True,
    ) -> None:
        super().__init__()
        is_file = isinstance(vertices, (str, os.PathLike))
        if is_file:
            if isinstance(faces, int):  # where the original has the texture size
                texture_size = faces
            vertices, faces = load_obj(Path(vertices), normalization)[:2]  # type: ignore[arg-type]
        check_tensor("Mesh", "vertices", vertices, shape=("V", 3))
        assert isinstance(vertices, Tensor)
        check_tensor("Mesh", "faces", faces, shape=("F", 3), dtypes=INTEGERS, like=vertices)
        assert isinstance(faces, Tensor)
        check_indices("Mesh", faces, vertices.shape[0])
        self.vertices = nn.Parameter(vertices.clone()) if is_file else vertices
        self.faces = faces
        self.num_vertices, self.num_faces = vertices.shape[0], faces.shape[0]
        if textures is None:
            texture_size = as_count(texture_size)
            check_count("Mesh", "texture_size", texture_size)
            shape = (faces.shape[0], *(texture_size,) * 3, 3)
            self.textures: Tensor = nn.Parameter(0.05 * torch.randn(shape, device=faces.device))
        else:
            _check_cubes(textures, faces)
            self.textures = textures
        self.texture_size = self.textures.shape[1]

    @classmethod
    def fromobj(
        cls,
        filename_obj: str | os.PathLike[str],
        normalization: bool = True,
        load_texture: bool = False,
        texture_size: int = 4,
    ) -> Mesh:
        """Load an OBJ file, with its textures or random ones, to the GPU if there is one."""
        found = load_obj(filename_obj, normalization, texture_size, load_texture)
        textures = found[2] if load_texture else None
        return cls(found[0], found[1], textures, texture_size).to(default_device())

    def get_batch(self, batch_size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Repeat vertices [B, V, 3], faces [B, F, 3] and the sigmoid of the textures."""
        sizes = (batch_size, -1, -1)
        textures = torch.sigmoid(self.textures).expand(batch_size, *self.textures.shape)
        return self.vertices.expand(sizes), self.faces.expand(sizes), textures

    def set_lr(self, lr_vertices: float, lr_textures: float) -> None:
        """Set by what `Adam` multiplies its rate for vertices and textures from now on."""
        self.vertices.lr = lr_vertices  # type: ignore[attr-defined]
        self.textures.lr = lr_textures  # type: ignore[attr-defined]


def _check_cubes(textures: Tensor, faces: Tensor) -> None:
    shape = (faces.shape[0], "T", "T", "T", 3)
    check_tensor("Mesh", "textures", textures, shape=shape, like=faces)
    sizes = textures.shape[1:4]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ValueError(
            f"Mesh: textures must have shape {format_shape(shape)} with one T of at least 1, got "
            f"{format_shape(textures.shape)}"
        )
