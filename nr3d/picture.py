"""Pictures of mesh files."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from nr3d.checks import check_count, check_range
from nr3d.geometry import Mesh, eye_from_angles, load_mesh, normalize
from nr3d.renderer import Lights, NeuralRenderer, appearance_of
from nr3d.visualize import save_gif, save_png

SUFFIXES = (".png", ".gif")
MOST_PIXELS = 8192
MARGIN = 1.05
"""How much larger the view is than the sphere around the mesh."""
LIGHTS = Lights(
    ambient_intensity=0.45, directional_intensity=0.65, direction=(0.48, 0.8, -0.36)
)  # from above, the right and the front, where azimuth 0 looks from


def draw_file(
    path: Path,
    output: Path,
    *,
    image_size: int = 512,
    distance: float | None = None,
    elevation: float = 30.0,
    azimuth: float = 30.0,
    viewing_angle: float = 15.0,
    num_frames: int = 48,
    smooth: bool = False,
) -> None:
    """Draw a mesh file as a picture or, where `output` ends in .gif, as a turntable.

    The mesh is centred and its longest side scaled to 1; the background is white.

    Args:
        path: OBJ, GLB, glTF, PLY or STL.
        output: PNG or GIF.
        image_size: Side, pixels.
        distance: Of the camera from the middle of the mesh; when absent, as far as it takes to see
            all of it from every side.
        elevation: Of the camera, degrees; at 90 it looks down from above.
        azimuth: Of the camera, degrees; of the first one of a turntable.
        viewing_angle: Half the field of view, degrees.
        num_frames: Of a turntable.
        smooth: Light by interpolated normals, for curved surfaces.

    Raises:
        FileNotFoundError: There is no such file, or it names one that is not there.
        ValueError: A damaged file, a setting out of its range, another kind of output.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"render: the output must end in {' or '.join(SUFFIXES)}, got {output}")
    check_count("render", "num_frames", num_frames)
    check_range("render", "image_size", image_size, at_most=MOST_PIXELS)
    check_range("render", "viewing_angle", viewing_angle, above=0, below=90)
    check_range("render", "elevation", elevation)
    check_range("render", "azimuth", azimuth)
    loaded = load_mesh(path, textures=True)
    mesh = Mesh(normalize(loaded.vertices)[None], loaded.faces)
    if distance is None:
        radius = mesh.vertices.norm(dim=-1).max().item()
        distance = MARGIN * radius / math.sin(math.radians(viewing_angle))
    check_range("render", "distance", distance, above=0)
    renderer = NeuralRenderer(
        image_size=image_size,
        viewing_angle=viewing_angle,
        near=1e-3 * distance,
        far=distance + 1,  # nothing is farther from the middle than 0.87
    )
    is_still = output.suffix.lower() == ".png"
    turn = torch.arange(1 if is_still else num_frames) * (360.0 / num_frames)
    with torch.no_grad():
        frames = [
            renderer.render(
                mesh,
                eye_from_angles(distance, elevation, azimuth + angle).view(1, 1, 3),
                up=_up_from_angles(elevation, azimuth + angle),
                appearance=appearance_of(loaded),
                lights=LIGHTS,
                smooth=smooth,
                background=(1.0, 1.0, 1.0),
            ).colors
            for angle in turn
        ]
    images = torch.cat([_as_image(frame) for frame in frames]).numpy()
    if is_still:
        save_png(output, images[0])
    else:
        save_gif(output, images)


def _up_from_angles(elevation: float, azimuth: float | Tensor) -> tuple[float, float, float]:
    """Give the direction in which the eye rises with the elevation: straight above there is one."""
    e, a = math.radians(elevation), math.radians(float(azimuth))
    return -math.sin(e) * math.sin(a), math.cos(e), math.sin(e) * math.cos(a)


def _as_image(colors: Tensor | None) -> Tensor:
    """Turn [1, 1, 3, H, W] into [1, H, W, 3]."""
    assert colors is not None
    return colors[0].permute(0, 2, 3, 1).clamp(0, 1)
