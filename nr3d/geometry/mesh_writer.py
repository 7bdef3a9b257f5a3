"""Mesh files of any kind that can be written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nr3d.geometry.obj_writer import save_obj
from nr3d.geometry.surface import Surface, check_surface
from nr3d.geometry.texture_cubes import between_outer_pixels, sample_image
from nr3d.geometry.texture_images import image_from_texture
from nr3d.geometry.whole_files import write_whole

WRITTEN = (".obj", ".glb", ".ply")


def save_mesh(
    path: Path | str,
    vertices: Tensor,
    faces: Tensor,
    *,
    cubes: Tensor | None = None,
    uvs: Tensor | None = None,
    image: Tensor | None = None,
    vertex_colors: Tensor | None = None,
) -> None:
    """Write a mesh as a GLB, PLY or OBJ file, with vertex colours or a texture.

    A GLB file holds its image; an OBJ file has files beside it (`save_obj`). A PLY file cannot have
    an image: its vertices get the colours that the texture has at the corners. A corner of a
    textured mesh is a vertex of its own in GLB and PLY files, 3 F in all; texture coordinates are
    those of `sample_uv` there, where cubes in an OBJ file have Kato's (`atlas_from_cubes`).
    Positions are float32, colours have 8 bits (not in OBJ files). A failure leaves no incomplete
    file behind.

    Images in GLB files have a material that is rough, without metal and seen from both sides.
    Vertex colours are written as trimesh writes and reads them, so that they come back exactly: as
    they are and without a material, which would hide them from its `vertex_colors`. glTF takes
    `COLOR_0` to be linear and images to be sRGB: viewers that convert show vertex colours brighter
    than the same colours in an image, those without an environment darker. Bake an image for them.

    Args:
        path: The file, overwritten where it exists; its suffix says what it becomes.
        vertices: [V, 3], any float dtype and device.
        faces: Vertex indices. [F, 3], int32 or int64
        cubes: Texture cubes, drawn into an image by `atlas_from_cubes`. [F, T, T, T, 3]
        uvs: Texture coordinates of the corners, with `image`. [F, 3, 2]
        image: RGB, row 0 at the top, clipped to [0, 1]. [3, h, w]
        vertex_colors: RGB, clipped to [0, 1]. [V, 3]

    Raises:
        TypeError: If a dtype is another.
        ValueError: If the suffix is unknown, there is no face, a shape does not fit, a number is
            NaN or infinite, an index points at no vertex, or colours are of two kinds.
        OSError: If a file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise ValueError(f"save_mesh: path must end in {', '.join(WRITTEN)}, got {path}")
    colors: dict[str, Any] = {"cubes": cubes, "uvs": uvs, "image": image}
    colors["vertex_colors"] = vertex_colors
    surface = check_surface("save_mesh", vertices, faces, **colors)
    if suffix == ".obj":
        save_obj(path, vertices, faces, **colors)
        return
    if cubes is not None:
        surface = replace(surface, uvs=_to_pixel_centres(surface))
    scene = _to_trimesh(surface, is_glb=suffix == ".glb")
    write_whole({path: scene.export(file_type=suffix[1:])})


def _to_pixel_centres(surface: Surface) -> Tensor:
    """Move an atlas' coordinates to where viewers have pixel i: at (i + 0.5) / size. [F, 3, 2]"""
    assert surface.uvs is not None and surface.image is not None
    size = torch.tensor([surface.image.shape[2], surface.image.shape[1]])
    return (surface.uvs * (size - 1) + 0.5) / size


def _to_trimesh(surface: Surface, *, is_glb: bool) -> Any:
    import trimesh  # slow to import, and needed for few files

    visuals: Any = trimesh.visual  # parts of trimesh carry no types
    vertices, faces, colors = surface.vertices, surface.faces, surface.vertex_colors
    if surface.uvs is not None and surface.image is not None:
        vertices = vertices[faces].view(-1, 3)
        faces = torch.arange(len(vertices)).view(-1, 3)
        uvs = surface.uvs.view(-1, 2)
        if is_glb:
            image = image_from_texture(surface.image)
            material = visuals.material.PBRMaterial(
                baseColorTexture=image, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
            )
            visual = visuals.TextureVisuals(uv=uvs.numpy(), material=material)
            return trimesh.Trimesh(vertices.numpy(), faces.numpy(), visual=visual, process=False)
        uvs = torch.where((uvs >= 0) & (uvs <= 1), uvs, uvs - uvs.floor())
        uvs = between_outer_pixels(uvs, surface.image).to(surface.image.dtype)
        colors = sample_image(surface.image, uvs, is_bordered=False, bilinear=True)
    mesh = trimesh.Trimesh(vertices.numpy(), faces.numpy(), process=False)
    if colors is not None:
        pixels = colors.clamp(0.0, 1.0).mul(255.0).round().byte().numpy()
        mesh.visual = visuals.ColorVisuals(mesh, vertex_colors=pixels)
    return mesh
