"""What gives a mesh its colours: vertices, faces, texture cubes or an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nr3d.checks import REDUCED_FLOATS, check_tensor, format_shape
from nr3d.geometry.mesh import LoadedMesh
from nr3d.renderer.cubes import sample_cubes
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.rasterize import Fragments
from nr3d.renderer.uv import gather_faces, sample_images, sample_uv

GREY = 0.7
"""Brightness of a mesh whose file knows no colours."""


class Appearance(Protocol):
    """Gives the colour of every pixel from what is seen there.

    Those of this module take colours of the dtype of the mesh; half precision is cast to float32.
    Values are not looked at: NaN in colours or coordinates gives NaN where they are seen.
    """

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """Colour M = B N views, N of each mesh.

        Args:
            fragments: Of `rasterize(vertices, faces)`.
            vertices: Projected. [M, V, 3]
            faces: [F, 3]
            num_views: N.

        Returns:
            RGB, 0 where nothing is seen. [M, 3, H, W]
        """
        ...


@dataclass(frozen=True)
class VertexColors:
    """RGB at every vertex, interpolated in the scene.

    A face that reaches behind the camera extrapolates: it may show colours far outside [0, 1].

    Attributes:
        values: [B or 1, V, 3]
    """

    values: Tensor

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """See `Appearance`."""
        axes = (vertices.shape[1], "C")
        values = _of_views("VertexColors", "values", self.values, axes, fragments, num_views)
        return interpolate_vertices(values, fragments, vertices=vertices, faces=faces)


@dataclass(frozen=True)
class FaceColors:
    """One RGB for each face.

    Attributes:
        values: [B or 1, F, 3]
    """

    values: Tensor

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """See `Appearance`."""
        axes = (faces.shape[0], "C")
        values = _of_views("FaceColors", "values", self.values, axes, fragments, num_views)
        return gather_faces(values, fragments)


@dataclass(frozen=True)
class CubeTextures:
    """A small cube of colours for each face, looked up at barycentric coordinates.

    Attributes:
        cubes: Entry [i, j, k] belongs to the weights (i, j, k) / (T - 1). [B or 1, F, T, T, T, 3]

    Source: Kato et al. 2018.
    """

    cubes: Tensor

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """See `Appearance`."""
        axes = (faces.shape[0], "T", "T", "T", "C")
        cubes = _of_views("CubeTextures", "cubes", self.cubes, axes, fragments, num_views)
        return sample_cubes(cubes, fragments, vertices=vertices, faces=faces)


@dataclass(frozen=True)
class ImageTexture:
    """An image, looked up at interpolated coordinates.

    Attributes:
        image: RGB. [B or 1, 3, h, w]
        uvs: Coordinates of the corners of every face, (0, 0) at the image's bottom left. [F, 3, 2]
        wrap: `repeat`, `mirror`, `clamp` or `border`.
    """

    image: Tensor
    uvs: Tensor
    wrap: str = "repeat"

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """See `Appearance`."""
        axes = ("C", "h", "w")
        return sample_uv(
            _of_views("ImageTexture", "image", self.image, axes, fragments, num_views),
            self.uvs,
            fragments,
            vertices=vertices,
            faces=faces,
            wrap=self.wrap,
        )


@dataclass(frozen=True)
class Materials:
    """Images on some faces, one colour on each of the others.

    Attributes:
        face_colors: RGB of every face. [B or 1, F, 3]
        images: RGB images. Each [3, h, w]
        wraps: How each image goes on outside; see `ImageTexture`.
        face_image: Index of each face's image, -1 for none. [F]
        uvs: As for `ImageTexture`. [F, 3, 2]
    """

    face_colors: Tensor
    images: Sequence[Tensor]
    wraps: Sequence[str]
    face_image: Tensor
    uvs: Tensor

    def colors(
        self, fragments: Fragments, *, vertices: Tensor, faces: Tensor, num_views: int
    ) -> Tensor:
        """See `Appearance`."""
        axes = (faces.shape[0], "C")
        plain = _of_views("Materials", "face_colors", self.face_colors, axes, fragments, num_views)
        base = gather_faces(plain, fragments)
        for image in self.images:
            _check_colors("Materials", "images", image, ("C", "h", "w"), fragments)
        drawn = sample_images(
            self.images,
            self.face_image,
            self.uvs,
            fragments,
            vertices=vertices,
            faces=faces,
            wraps=self.wraps,
        )
        shows = (self.face_image >= 0).to(base.dtype).view(1, -1, 1)
        return torch.where(gather_faces(shows, fragments) > 0, drawn, base)


def appearance_of(mesh: LoadedMesh) -> Appearance:
    """Give what a file knows of a mesh's colours: its images, else those of vertices or faces.

    Args:
        mesh: As `load_mesh` gives it; images are there only if it read `textures`.

    Returns:
        `Materials` where a face has an image and texture coordinates; its other faces have their
        `face_colors`. Else `VertexColors`, unless they are of a part only and materials have the
        rest; else `FaceColors`, grey where the file knows no colours.
    """
    colors = mesh.face_colors
    if colors is None:
        shape, vertices = (len(mesh.faces), 3), mesh.vertices
        colors = torch.full(shape, GREY, dtype=vertices.dtype, device=vertices.device)
    textured = [i for i, material in enumerate(mesh.materials) if material.texture is not None]
    if textured and mesh.uvs is not None and mesh.face_material is not None:
        face_image = torch.full_like(mesh.face_material, -1)
        for number, i in enumerate(textured):
            face_image[mesh.face_material == i] = number
        materials = [mesh.materials[i] for i in textured]
        images = [material.texture for material in materials if material.texture is not None]
        wraps = [material.wrap for material in materials]
        return Materials(colors[None], images, wraps, face_image, mesh.uvs)
    if mesh.vertex_colors is not None and not _has_some_materials(mesh.face_material):
        return VertexColors(mesh.vertex_colors[None])
    return FaceColors(colors[None])


def _has_some_materials(face_material: Tensor | None) -> bool:
    """Tell whether some faces have a material and others none, as in a scene of unlike parts."""
    if face_material is None:
        return False
    has = face_material >= 0
    return bool(has.any()) and not bool(has.all())


def _check_colors(
    function: str, argument: str, value: object, shape: tuple[int | str, ...], fragments: Fragments
) -> None:
    """Check colours of 3 channels, the axis C; half precision will be cast to float32."""
    dtype = fragments.depth.dtype
    dtypes = (dtype, *REDUCED_FLOATS) if dtype == torch.float32 else (dtype,)
    check_tensor(function, argument, value, shape=shape, dtypes=dtypes, like=fragments.depth)
    assert isinstance(value, Tensor)
    num_channels = value.shape[shape.index("C")]
    if num_channels != 3:
        raise ValueError(
            f"{function}: {argument} must have 3 channels, got {num_channels} "
            f"in shape {format_shape(value.shape)}"
        )


def _of_views(
    function: str,
    argument: str,
    value: Tensor,
    axes: tuple[int | str, ...],
    fragments: Fragments,
    num_views: int,
) -> Tensor:
    """Check colours [B or 1, axes] and repeat them for all views."""
    _check_colors(function, argument, value, ("B", *axes), fragments)
    num_meshes = fragments.depth.shape[0] // num_views
    if value.shape[0] not in (1, num_meshes):
        raise ValueError(
            f"{function}: {argument} must have 1 or {num_meshes} rows, as many as there are "
            f"meshes, got shape {format_shape(value.shape)}"
        )
    return of_all_views(value, num_views)


def of_all_views(values: Tensor, num_views: int) -> Tensor:
    """Repeat what belongs to each of B meshes for its N views; what belongs to all serves all."""
    if values.shape[0] == 1 or num_views == 1:
        return values
    return torch.repeat_interleave(values, num_views, dim=0)
