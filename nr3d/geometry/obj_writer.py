"""Wavefront OBJ files: the writer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from nr3d.checks import check_count
from nr3d.geometry.surface import Surface, check_surface
from nr3d.geometry.texture_images import encode_png
from nr3d.geometry.whole_files import write_whole

MATERIAL = "material_1"


def save_obj(
    path: Path | str,
    vertices: Tensor,
    faces: Tensor,
    *,
    cubes: Tensor | None = None,
    uvs: Tensor | None = None,
    image: Tensor | None = None,
    vertex_colors: Tensor | None = None,
    decimals: int | None = None,
) -> None:
    """Write a mesh as an OBJ file; with a texture, an MTL and a PNG file of the same stem too.

    A failure leaves no incomplete file behind. Colours are of one kind at most.

    Args:
        path: The file, overwritten where it exists.
        vertices: [V, 3], any float dtype and device.
        faces: Vertex indices. [F, 3], int32 or int64
        cubes: Texture cubes, drawn into an image by `atlas_from_cubes`. [F, T, T, T, 3]
        uvs: Texture coordinates of the corners, with `image`. [F, 3, 2]
        image: RGB, row 0 at the top, written with 8 bits, clipped to [0, 1]. [3, h, w]
        vertex_colors: RGB, clipped to [0, 1], written behind the coordinates. [V, 3]
        decimals: Digits after the decimal point of a coordinate, 8 in files of Kato's renderer. By
            default as many as float32 coordinates need to survive exactly.

    Raises:
        TypeError: If a dtype is another.
        ValueError: If a shape does not fit, there is no face, a number is NaN or infinite, an index
            points at no vertex, colours are of two kinds, or `path` of a textured mesh does not end
            in .obj.
        OSError: If a file cannot be written.

    Source: Kato et al. 2018 (the exporter of the authors' renderer).
    """
    path = Path(path)
    surface = check_surface(
        "save_obj",
        vertices,
        faces,
        cubes=cubes,
        uvs=uvs,
        image=image,
        vertex_colors=vertex_colors,
    )
    if decimals is not None:
        check_count("save_obj", "decimals", decimals, at_least=0)
    number = "{:.9g}" if decimals is None else f"{{:.{decimals}f}}"
    if surface.image is None:
        write_whole({path: _encode(path, surface, number)})
        return
    if path.suffix.lower() != ".obj":
        raise ValueError(f"save_obj: path of a textured mesh must end in .obj, got {path}")
    material, png = path.with_suffix(".mtl"), path.with_suffix(".png")
    write_whole(
        {
            png: encode_png(surface.image),
            material: _lines([f"newmtl {MATERIAL}", f"map_Kd {png.name}"]),
            path: _encode(path, surface, number),
        }
    )


def _encode(path: Path, surface: Surface, number: str) -> bytes:
    rows = [f"# {path.name}", "#", ""]
    if surface.uvs is not None:
        rows += [f"mtllib {path.with_suffix('.mtl').name}", ""]
    point = " ".join(["v", number, number, number])
    if surface.vertex_colors is None:
        rows += [point.format(*row) for row in surface.vertices.tolist()]
    else:
        point += " {:.6g} {:.6g} {:.6g}"
        colors = surface.vertex_colors.tolist()
        pairs = zip(surface.vertices.tolist(), colors, strict=True)
        rows += [point.format(*row, *color) for row, color in pairs]
    rows.append("")
    corners = (surface.faces + 1).tolist()
    if surface.uvs is None:
        return _lines(rows + [f"f {a} {b} {c}" for a, b, c in corners])
    rows += [f"vt {u:.8f} {v:.8f}" for u, v in surface.uvs.reshape(-1, 2).tolist()]
    rows += ["", f"usemtl {MATERIAL}"]
    rows += [
        f"f {a}/{3 * i + 1} {b}/{3 * i + 2} {c}/{3 * i + 3}" for i, (a, b, c) in enumerate(corners)
    ]
    return _lines([*rows, ""])


def _lines(rows: Iterable[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode(errors="surrogateescape")
