"""One pixel's pull at the vertices of any mesh, and how hard each pixel would pull."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nr3d.checks import check_range
from nr3d.comparison.descent import descent, draw_silhouettes, make_renderer, one_pixel
from nr3d.comparison.figures import Array, Arrow, draw_arrows, picture_of, place
from nr3d.comparison.tables import Row, write_csv
from nr3d.geometry import Mesh, eye_from_angles, load_mesh, normalize
from nr3d.renderer import RENDERERS, NeuralRenderer
from nr3d.visualize import contact_sheet, image_grid, save_png

SIDE = 512  # of a picture, roughly
LONGEST = 60.0  # shaft of the longest arrow, pixels of the picture
SHORTEST = 0.05  # arrows below this share of the longest are left out
SIGNS = {1: "darker", -1: "brighter"}


def compare_on_mesh(
    path: Path,
    folder: Path,
    *,
    pixel: Sequence[int],
    image_size: int = 64,
    distance: float = 2.732,
    elevation: float = 30.0,
    azimuth: float = 30.0,
    viewing_angle: float = 15.0,
) -> None:
    """Write pictures of what every gradient does to a mesh for the sake of one pixel.

    Each `METHOD_SIGN_ROW_COLUMN.png` shows arrows at the vertices, the longest equally long in all,
    and beside it, for every pixel, how hard it would pull if the loss were there: the length of the
    gradient of all vertices together, white for the most. `contact_sheet.png` has all of them,
    `gradients.csv` the numbers, vertices counted from 0.

    Args:
        path: OBJ, GLB, glTF, PLY or STL; centred, its longest side scaled to 1.
        folder: Where to write; it is made.
        pixel: Row and column of the pixel, from the top left.
        image_size: Side, pixels.
        distance: Of the camera from the middle of the mesh.
        elevation: Of the camera, degrees.
        azimuth: Of the camera, degrees.
        viewing_angle: Half the field of view, degrees.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A damaged file, a setting out of its range, a pixel outside the image.
    """
    camera = NeuralRenderer(image_size=image_size, viewing_angle=viewing_angle)
    check_range("compare-gradients", "distance", distance, above=0)
    row, column = check_pixel(pixel, image_size)
    loaded = load_mesh(path)
    mesh = Mesh(normalize(loaded.vertices)[None], loaded.faces)
    with torch.no_grad():
        eye = eye_from_angles(distance, elevation, azimuth).view(1, 1, 3)
        vertices = camera.project(mesh, eye)[0]
    folder.mkdir(parents=True, exist_ok=True)
    rows, pictures = [], []
    for method in RENDERERS:
        renderer = make_renderer(method, image_size=image_size)
        with torch.no_grad():
            image = draw_silhouettes(renderer, vertices[None], mesh.faces)[0].numpy()
        for sign, wish in SIGNS.items():
            grad = one_pixel(image_size, row, column, sign)[None]
            arrows = descent(renderer, vertices, mesh.faces, grad)[0]
            pulls = _pulls(renderer, vertices, mesh.faces, image_size, sign)
            panels = _draw_panels(image, vertices, arrows, pulls, (row, column), sign)
            longest = float(arrows.norm(dim=-1).max())
            titles = (f"{method}, {wish}: arrows up to {longest:.3g}", "pull of every pixel")
            pictures.append(image_grid(panels[None], titles=titles))
            save_png(folder / f"{method}_{sign}_{row}_{column}.png", pictures[-1])
            rows += [
                Row(method, sign, row, column, str(vertex), x, y)
                for vertex, (x, y) in enumerate(arrows.tolist())
            ]
    save_png(folder / "contact_sheet.png", contact_sheet(np.stack(pictures), columns=2))
    write_csv(folder / "gradients.csv", rows)


def check_pixel(pixel: Sequence[int], image_size: int) -> tuple[int, int]:
    """Check that a pixel lies in the image; give row and column."""
    row, column = pixel
    for name, place_ in (("row", row), ("column", column)):
        if not 0 <= place_ < image_size:
            raise ValueError(
                f"compare-gradients: pixel must have a {name} inside [0, {image_size}), got "
                f"{place_}; --image-size makes the image larger"
            )
    return row, column


def _pulls(
    renderer: torch.nn.Module, vertices: Tensor, faces: Tensor, size: int, sign: int
) -> Tensor:
    """Give the length of the gradient of a loss at each pixel. [S, S]"""
    found = []
    for row in range(size):  # the losses of a row at once
        grads = torch.zeros(size, size, size)
        grads[torch.arange(size), row, torch.arange(size)] = sign
        found.append(descent(renderer, vertices, faces, grads).flatten(1).norm(dim=1))
    return torch.stack(found)


def _draw_panels(
    image: Array,
    vertices: Tensor,
    arrows: Tensor,
    pulls: Tensor,
    pixel: tuple[int, int],
    sign: int,
) -> Array:
    """Draw arrows on the image, and pulls beside it. [2, H, W, 3]"""
    scale = max(1, SIDE // len(image))
    lengths = arrows.norm(dim=-1)
    unit = LONGEST / max(float(lengths.max()), 1e-12)
    shown = (lengths > SHORTEST * lengths.max()).nonzero()[:, 0].tolist()
    drawn = [
        Arrow(
            *place(*vertices[i, :2].tolist(), side=len(image) * scale),
            unit * float(arrows[i, 0]),
            -unit * float(arrows[i, 1]),
        )
        for i in shown
    ]
    left = draw_arrows(picture_of(image, pixel, sign, scale=scale), drawn, width=2.5, head=10.0)
    strength = (pulls / pulls.max().clamp(min=1e-12)).sqrt().numpy()  # weak ones show too
    return np.stack([left, picture_of(strength, pixel, sign, scale=scale)])
