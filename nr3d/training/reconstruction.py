"""From an image file to a mesh file and a sheet of views to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.data.photo import load_photo
from nr3d.geometry import save_obj
from nr3d.geometry.camera import eye_from_angles
from nr3d.geometry.mesh import Mesh
from nr3d.renderer.appearance import FaceColors
from nr3d.renderer.shading import render_views
from nr3d.visualize import Array, contact_sheet, save_png

NUM_AZIMUTHS = 16
DISTANCE = 2.732
ELEVATION = 30.0
VIEW_SIZE = 128
COLUMNS = 6  # the input and 16 views fill three rows but for one cell
FACE_GREY = 0.9


def reconstruct_photo(
    predict: Callable[[Tensor], Mesh],
    image: Path,
    folder: Path,
    *,
    image_size: int,
    viewing_angle: float,
    device: torch.device | str = "cpu",
) -> tuple[Path, Path]:
    """Reconstruct one image: <stem>.obj and <stem>.png, the input and 16 views around the mesh.

    Args:
        predict: Images [B, 4, S, S] in [0, 1] -> Mesh.
        image: With transparency, or on a plain background, of any size.
        folder: Where to write; it is made.
        image_size: S, what the model was trained with.
        viewing_angle: Of the sheet, half the field of view in degrees.
        device: Where `predict` wants its images.

    Returns:
        The paths of the mesh and the sheet.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, its background is not plain, or no object is on it.
    """
    photo = load_photo(image, image_size=image_size)
    with torch.no_grad():
        mesh = predict(photo[None].to(device))
    vertices, faces = mesh.vertices[0].float().cpu(), mesh.faces.cpu()
    folder.mkdir(parents=True, exist_ok=True)
    obj_path, sheet_path = folder / f"{image.stem}.obj", folder / f"{image.stem}.png"
    save_obj(obj_path, vertices, faces)
    save_png(sheet_path, preview_sheet(photo, vertices, faces, viewing_angle=viewing_angle))
    return obj_path, sheet_path


def preview_sheet(photo: Tensor, vertices: Tensor, faces: Tensor, *, viewing_angle: float) -> Array:
    """Draw the input, then 16 views 22.5 degrees apart at elevation 30, the first from azimuth 0.

    Args:
        photo: The network's input. [4, S, S]
        vertices: [V, 3]
        faces: [F, 3]
        viewing_angle: Half the field of view, in degrees.

    Returns:
        RGB in [0, 1]. [H', W', 3]
    """
    azimuths = torch.arange(NUM_AZIMUTHS) * (360.0 / NUM_AZIMUTHS)
    eyes = eye_from_angles(DISTANCE, ELEVATION, azimuths).to(vertices.dtype)
    grey = FaceColors(torch.full((1, faces.shape[0], 3), FACE_GREY, dtype=vertices.dtype))
    views = render_views(
        vertices, faces, grey, eyes, viewing_angle=viewing_angle, image_size=VIEW_SIZE
    )
    enlarged = torch.nn.functional.interpolate(photo[None, :3], (VIEW_SIZE, VIEW_SIZE))
    images = torch.cat([enlarged, views[:, :3].float() / 255.0])
    return contact_sheet(np.asarray(images.permute(0, 2, 3, 1)), columns=COLUMNS)
