"""Texture cubes from images and images from texture cubes, as Kato's renderer has them.

A cube holds the colours of one face: texel (i, j, k) is the colour at the barycentric weights
(i, j, k) / (T - 1) of its three corners, so that only the plane i + j + k = T - 1 is on the face.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nr3d.checks import check_choice, check_count, check_tensor
from nr3d.geometry.mesh import LoadedMesh
from nr3d.geometry.mtl import GREY

WRAPS = ("repeat", "mirror", "clamp", "border")
TILE = 16  # pixels per side that a face has in an atlas
NUM_STEPS = 4  # along an edge when the texture of a face is averaged


def cubes_from_texture(
    mesh: LoadedMesh, texture_size: int = 4, *, wrap: str = "repeat", bilinear: bool = True
) -> Tensor:
    """Give the texture cubes of a mesh: what its materials, images and vertex colours look like.

    The corners' texture coordinates are wrapped first and those of the texels lie between them, as
    the authors' importer does it: a face that reaches across the border of the image is not cut
    there. With `border` nothing is wrapped, and what lies outside the image is black.

    Args:
        mesh: With `uvs` and images in its `materials`; faces without have the colour of their
            material, of their vertices, or grey.
        texture_size: T, at least 2.
        wrap: What happens to coordinates outside [0, 1]: `repeat`, `mirror`, `clamp` or `border`.
            With `repeat`, a material's own `wrap` counts. 0 and 1 stay where they are.
        bilinear: Whether to interpolate between pixels; else the nearest one is taken.

    Returns:
        RGB in [0, 1]. [F, T, T, T, 3], float32

    Raises:
        TypeError: If `texture_size` is no int.
        ValueError: If it is below 2, or `wrap` is unknown.

    Source: Kato et al. 2018 (the importer of the authors' renderer, whose wrapping at 0 and 1 and
    whose border are mended).
    """
    check_count("cubes_from_texture", "texture_size", texture_size, at_least=2)
    check_choice("cubes_from_texture", "wrap", wrap, WRAPS)
    steps = torch.arange(texture_size, device=mesh.faces.device)
    grid = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), dim=-1)
    weights = grid / grid.sum(dim=-1, keepdim=True).clamp(min=1)  # texel (0, 0, 0): no corner
    flat = _plain_colors(mesh, weights.view(-1, 3))
    cubes = flat.view(len(mesh.faces), *grid.shape)
    for i, material in enumerate(mesh.materials):
        if material.texture is None or mesh.uvs is None:
            continue
        has_material = mesh.face_material == i
        own = material.wrap if wrap == "repeat" else wrap
        corners = wrap_corners(mesh.uvs[has_material], own)
        uvs = torch.einsum("ijkc,fcd->fijkd", weights, corners)
        cubes[has_material] = sample_image(
            material.texture, uvs, is_bordered=own == "border", bilinear=bilinear
        )
    return cubes


def atlas_from_cubes(cubes: Tensor) -> tuple[Tensor, Tensor]:
    """Draw texture cubes as triangles into one image, 16 x 16 pixels per face.

    Args:
        cubes: [F, T, T, T, 3]

    Returns:
        The image, row 0 at the top [3, h, w], and the texture coordinates of the corners
        [F, 3, 2], (0, 0) the lower left pixel and (1, 1) the upper right one.

    Raises:
        TypeError: If `cubes` is no float32 or float64 tensor.
        ValueError: If its shape is another, T is below 2 or there is no face.

    Source: Kato et al. 2018 (the exporter of the authors' renderer).
    """
    check_cubes("atlas_from_cubes", cubes)
    num_faces, size = cubes.shape[:2]
    columns = math.isqrt(num_faces - 1) + 1
    rows = (num_faces - 1) // columns + 1
    tiles = cubes.new_zeros(rows * columns, TILE, TILE, 3)
    texels = cubes.reshape(num_faces, size**3, 3)
    for index, weight in _tile_lookup(size, like=cubes):
        tiles[:num_faces] += texels[:, index] * weight[..., None]
    beside = torch.arange(TILE - 1, device=cubes.device)
    tiles[:, beside, beside + 1] = tiles[:, beside, beside]  # a margin along the long edge
    image = tiles.view(rows, columns, TILE, TILE, 3).permute(4, 0, 2, 1, 3)
    image = image.reshape(3, rows * TILE, columns * TILE).flip(1)
    face = torch.arange(num_faces, device=cubes.device)
    origin = torch.stack((face % columns, face // columns), dim=1) * TILE
    corners = torch.tensor([[0, 0], [0, TILE - 1], [TILE - 1, TILE - 1]], device=cubes.device)
    last = torch.tensor([columns * TILE - 1, rows * TILE - 1], device=cubes.device)
    return image, (origin[:, None] + corners).to(cubes.dtype) / last


def check_cubes(function: str, cubes: Tensor) -> None:
    """Check that texture cubes are cubes of two texels per side or more, and there are any."""
    check_tensor(function, "cubes", cubes, shape=("F", "T", "T", "T", 3))
    num_faces, *sizes = cubes.shape[:4]
    if len(set(sizes)) != 1 or sizes[0] < 2 or num_faces == 0:
        raise ValueError(
            f"{function}: cubes must have shape [F, T, T, T, 3] with F >= 1 and T >= 2, "
            f"got {list(cubes.shape)}"
        )


def wrap_corners(uvs: Tensor, wrap: str) -> Tensor:
    """Bring the texture coordinates of faces into [0, 1]; `border` leaves them. [F, 3, 2]"""
    if wrap == "repeat":
        low, high = uvs.amin(dim=1, keepdim=True), uvs.amax(dim=1, keepdim=True)
        is_inside = (low >= 0) & (high <= 1)
        moved = uvs - low.floor()  # into the first tile: a face from 1 to 2 goes from 0 to 1
        return torch.where(is_inside, uvs, torch.where(moved <= 1, moved, moved.frac()))
    if wrap == "mirror":
        wave = uvs.remainder(2.0)
        return torch.where(wave <= 1, wave, 2 - wave)
    return uvs.clamp(0.0, 1.0) if wrap == "clamp" else uvs


def sample_image(image: Tensor, uvs: Tensor, *, is_bordered: bool, bilinear: bool) -> Tensor:
    """Look up an image [3, h, w] at uvs [..., 2]; 0 and 1 are the centres of its outer pixels.

    Outside the image lie its outer pixels, or black ones if it `is_bordered`.
    """
    pixels = image.flip(1).permute(1, 2, 0)  # v = 0 is the last row
    last = torch.tensor([image.shape[2] - 1, image.shape[1] - 1], device=uvs.device)
    place = uvs * last
    corner = place.floor() if bilinear else (place + 0.5).floor()
    fraction = place - corner if bilinear else torch.zeros_like(place)
    total = uvs.new_zeros(*uvs.shape[:-1], 3)
    for offset in [(0, 0), (1, 0), (0, 1), (1, 1)] if bilinear else [(0, 0)]:
        step = torch.tensor(offset, device=uvs.device)
        texel = corner + step
        weight = torch.where(step > 0, fraction, 1 - fraction).prod(dim=-1)
        if is_bordered:
            weight = weight * ((texel >= 0) & (texel <= last)).all(dim=-1)
        x, y = texel.clamp(min=torch.zeros_like(last), max=last).long().unbind(dim=-1)
        total += pixels[y, x] * weight[..., None]
    return total


def between_outer_pixels(uvs: Tensor, image: Tensor) -> Tensor:
    """Turn viewers' coordinates, 0 and 1 the image's border, into those of `sample_image`."""
    size = torch.tensor([image.shape[2], image.shape[1]], device=uvs.device)
    return ((uvs * size - 0.5) / (size - 1).clamp(min=1)).clamp(0.0, 1.0)


def average_colors(mesh: LoadedMesh) -> Tensor | None:
    """Give one colour per face, or None where the mesh has no colours at all. [F, 3]"""
    if mesh.face_material is None and mesh.vertex_colors is None:
        return mesh.face_colors
    colors = _plain_colors(mesh, torch.full((1, 3), 1 / 3))[:, 0]
    steps = torch.arange(NUM_STEPS)
    grid = torch.cartesian_prod(steps, steps, steps)
    weights = (grid[grid.sum(dim=1) == NUM_STEPS - 1] + 1 / 3) / NUM_STEPS  # inside: no neighbours
    for i, material in enumerate(mesh.materials):
        if material.texture is not None and mesh.uvs is not None:
            uvs = torch.einsum("nc,fcd->fnd", weights, mesh.uvs[mesh.face_material == i])
            is_inside = (uvs >= 0) & (uvs <= 1)
            repeated = material.wrap == "repeat"
            outside = uvs - uvs.floor() if repeated else wrap_corners(uvs, material.wrap)
            uvs = between_outer_pixels(torch.where(is_inside, uvs, outside), material.texture)
            found = sample_image(material.texture, uvs, is_bordered=False, bilinear=True)
            colors[mesh.face_material == i] = found.mean(dim=1)
    return colors


def _plain_colors(mesh: LoadedMesh, weights: Tensor) -> Tensor:
    """Give the colours without images at corner weights [n, 3]. [F, n, 3]"""
    shape = (len(mesh.faces), len(weights), 3)
    if mesh.vertex_colors is not None:
        colors = torch.einsum("nc,fcd->fnd", weights, mesh.vertex_colors[mesh.faces])
    elif mesh.face_colors is not None:
        colors = mesh.face_colors[:, None].expand(shape).clone()
    else:
        colors = torch.tensor(GREY, device=mesh.faces.device).expand(shape).clone()
    for i, material in enumerate(mesh.materials):
        colors[mesh.face_material == i] = torch.tensor(material.diffuse, device=colors.device)
    return colors


def _tile_lookup(size: int, *, like: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Give the texel and weight of each trilinear corner for every pixel of a tile. [16, 16]"""
    steps = torch.arange(TILE, device=like.device).to(like.dtype) / (TILE - 1)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    weights = torch.stack((1 - y, y - x, x), dim=-1) / (1 + 1e-5)
    place = (weights * (size - 1)).clamp(0.0, size - 1 - 1e-5)
    low = place.floor()
    fraction = place - low
    found = []
    for corner in range(8):
        bits = torch.tensor([corner >> axis & 1 for axis in range(3)], device=like.device)
        texel = low.long() + bits
        weight = torch.where(bits > 0, fraction, 1 - fraction).prod(dim=-1)
        found.append(((texel[..., 0] * size + texel[..., 1]) * size + texel[..., 2], weight))
    return found
