"""From an image file to a mesh file, with colours if they are known, and a sheet of views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.geometry import save_mesh
from nr3d.geometry.camera import eye_from_angles
from nr3d.geometry.mesh import Mesh
from nr3d.renderer import NeuralRenderer
from nr3d.renderer.appearance import FaceColors, VertexColors
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
    photo: Tensor,
    target: Path,
    *,
    viewing_angle: float,
    predict_colors: Callable[[Tensor], Tensor | None] = lambda images: None,
    suffix: str = ".obj",
    device: torch.device | str = "cpu",
) -> tuple[Path, Path]:
    """Reconstruct one image: a mesh, and a PNG of the input and 16 views around the mesh.

    Predicted colours hold the light of the images that the network learnt from.

    Args:
        predict: Images [B, 4, S, S] in [0, 1] -> Mesh.
        photo: What `load_photo` gives, of the size that the model was trained with. [4, S, S]
        target: Path of what is written, without a suffix; its folder exists.
        viewing_angle: Of the sheet, half the field of view in degrees.
        predict_colors: The same images -> RGB of the vertices in [0, 1], [B, V, 3], or None for a
            mesh without colours, which the sheet shows in grey.
        suffix: Of the mesh: .obj, .glb or .ply, as `save_mesh` writes them.
        device: Where `predict` wants its images.

    Returns:
        The paths of the mesh and the sheet.
    """
    with torch.no_grad():
        mesh, colors = predict(photo[None].to(device)), predict_colors(photo[None].to(device))
    vertices, faces = mesh.vertices[0].float().cpu(), mesh.faces.cpu()
    colors = None if colors is None else colors[0].float().cpu()
    mesh_path = target.with_name(target.name + suffix)
    sheet_path = target.with_name(target.name + ".png")
    save_mesh(mesh_path, vertices, faces, vertex_colors=colors)
    sheet = preview_sheet(photo, vertices, faces, colors=colors, viewing_angle=viewing_angle)
    save_png(sheet_path, sheet)
    return mesh_path, sheet_path


def preview_sheet(
    photo: Tensor,
    vertices: Tensor,
    faces: Tensor,
    *,
    viewing_angle: float,
    colors: Tensor | None = None,
) -> Array:
    """Draw the input, then 16 views 22.5 degrees apart at elevation 30, the first from azimuth 0.

    Args:
        photo: The network's input. [4, S, S]
        vertices: [V, 3]
        faces: [F, 3]
        viewing_angle: Half the field of view, in degrees.
        colors: RGB of the vertices, drawn without light, which is in them already; without
            colours, grey in the light of our datasets. [V, 3]

    Returns:
        RGB in [0, 1]. [H', W', 3]
    """
    azimuths = torch.arange(NUM_AZIMUTHS) * (360.0 / NUM_AZIMUTHS)
    eyes = eye_from_angles(DISTANCE, ELEVATION, azimuths).to(vertices.dtype)
    if colors is None:
        grey = FaceColors(torch.full((1, faces.shape[0], 3), FACE_GREY, dtype=vertices.dtype))
        views = render_views(
            vertices, faces, grey, eyes, viewing_angle=viewing_angle, image_size=VIEW_SIZE
        )
        views = views[:, :3].float() / 255.0
    else:
        renderer = NeuralRenderer(image_size=VIEW_SIZE, viewing_angle=viewing_angle)
        mesh = Mesh(vertices[None], faces)
        views = renderer.colors(mesh, eyes[None], VertexColors(colors[None]))[0]
    enlarged = torch.nn.functional.interpolate(photo[None, :3], (VIEW_SIZE, VIEW_SIZE))
    images = torch.cat([enlarged, views])
    return contact_sheet(np.asarray(images.permute(0, 2, 3, 1)), columns=COLUMNS)
