"""Shaded views of one mesh: its colours, ambient light and one lamp on flat faces."""

from __future__ import annotations

import torch
from torch import Tensor

from nr3d.checks import INTEGERS, check_count, check_tensor
from nr3d.geometry.camera import look_at, perspective
from nr3d.renderer.appearance import Appearance
from nr3d.renderer.rasterize import rasterize

LIGHT_DIRECTION = (0.55, 0.77, -0.33)
"""Towards the lamp, in the mesh frame: each side of a box has its own brightness."""
AMBIENT = 0.25
VALUES_PER_PIXEL = 64
"""Numbers that are in memory for a pixel while its colour is looked up in an image."""


def face_brightness(
    face_index: Tensor,
    face_normals: Tensor,
    *,
    ambient: float = AMBIENT,
    light_direction: tuple[float, float, float] = LIGHT_DIRECTION,
) -> Tensor:
    """Give every pixel the brightness of the face it shows, by a lamp that is fixed to the object.

    Brightness is ambient + (1 - ambient) ((1 + n.l) / 2)^2: faces that look away from the lamp
    still differ from each other, so that one image tells the azimuth it was taken from.

    Args:
        face_index: The face at each pixel, -1 for none; indices from F on are reversed copies.
            [M, H, W], int32 or int64
        face_normals: Unit normals towards the viewer, in the frame of the lamp. [M, F, 3]
        ambient: Share of the light that comes from everywhere, in [0, 1].
        light_direction: Towards the lamp, any length.

    Returns:
        In [0, 1]; 0 where there is no face. [M, H, W]

    Raises:
        TypeError: A wrong dtype.
        ValueError: A wrong shape or device.

    Source: half-Lambert shading (Mitchell et al. 2006).
    """
    name = "face_brightness"
    check_tensor(name, "face_index", face_index, shape=("M", "H", "W"), dtypes=INTEGERS)
    shape = (face_index.shape[0], "F", 3)
    check_tensor(name, "face_normals", face_normals, shape=shape, like=face_index)
    light = face_normals.new_tensor(light_direction)
    light = light / torch.linalg.vector_norm(light)
    facing = (face_normals @ light).add(1.0).mul(0.5)
    brightness: Tensor = ambient + (1.0 - ambient) * facing.square()  # [M, F]
    face = (face_index.long() % max(face_normals.shape[1], 1)).flatten(1)  # [M, HW]
    brightness = brightness.gather(1, face).view(face_index.shape)
    return brightness * (face_index >= 0)


def normals_towards(vertices: Tensor, faces: Tensor, eyes: Tensor) -> Tensor:
    """Give unit face normals on the side that each eye sees, whatever the winding.

    Args:
        vertices: [V, 3]
        faces: [F, 3]
        eyes: [M, 3]

    Returns:
        Zero for a face without area. [M, F, 3]
    """
    corners = vertices[faces.long()]  # [F, 3, 3]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = torch.nn.functional.normalize(normals, dim=-1, eps=1e-20)
    to_eye = eyes[:, None] - corners.mean(dim=1)  # [M, F, 3]
    side = (to_eye * normals).sum(dim=-1, keepdim=True)
    return torch.where(side < 0, -normals, normals)


@torch.no_grad()
def render_views(
    vertices: Tensor,
    faces: Tensor,
    appearance: Appearance,
    eyes: Tensor,
    *,
    viewing_angle: float = 15.0,
    image_size: int = 64,
    supersampling: int = 4,
    max_values: int = 20_000_000,
) -> Tensor:
    """Render shaded views of one mesh, looking at the origin, on black.

    Args:
        vertices: Mesh frame. [V, 3]
        faces: [F, 3]
        appearance: What gives the colours, in [0, 1], of this one mesh (B = 1).
        eyes: Camera positions. [N, 3]
        viewing_angle: Half the field of view, in degrees.
        image_size: Height and width in pixels.
        supersampling: Samples per pixel along each axis.
        max_values: Views are rendered in groups that need about so many numbers at once.

    Returns:
        RGB times coverage, and coverage, rounded. uint8 [N, 4, H, W]

    Raises:
        TypeError: A wrong dtype; something else than an appearance.
        ValueError: A wrong shape, device or size.
    """
    check_tensor("render_views", "vertices", vertices, shape=("V", 3))
    check_tensor("render_views", "eyes", eyes, shape=("N", 3), like=vertices)
    check_count("render_views", "image_size", image_size)
    check_count("render_views", "supersampling", supersampling)
    if isinstance(appearance, Tensor):
        raise TypeError(
            "render_views: appearance must be an Appearance, got a Tensor; "
            "wrap colours of faces in FaceColors"
        )
    side = image_size * supersampling
    mesh_values = 12 * faces.shape[0] + 6 * vertices.shape[0]
    group = max(1, max_values // (VALUES_PER_PIXEL * side * side + mesh_values))
    views = [
        _render_group(vertices, faces, appearance, some, viewing_angle=viewing_angle, side=side)
        for some in eyes.split(group)
    ]
    image = torch.nn.functional.avg_pool2d(torch.cat(views), supersampling)
    return image.mul(255.0).add(0.5).clamp(0, 255).to(torch.uint8)


def _render_group(
    vertices: Tensor,
    faces: Tensor,
    appearance: Appearance,
    eyes: Tensor,
    *,
    viewing_angle: float,
    side: int,
) -> Tensor:
    points = vertices.expand(eyes.shape[0], *vertices.shape)
    points = perspective(look_at(points, eyes), viewing_angle=viewing_angle)
    seen = rasterize(points, faces, image_size=side)
    colors = appearance.colors(seen, vertices=points, faces=faces, num_views=eyes.shape[0])
    brightness = face_brightness(seen.face_index, normals_towards(vertices, faces, eyes))
    coverage = (seen.face_index >= 0)[:, None].to(colors.dtype)
    return torch.cat([colors * brightness[:, None], coverage], dim=1)
