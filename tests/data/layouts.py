"""A lopsided solid, and the layouts of other datasets with it, written with NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Points = NDArray[np.float64]
COLOR = np.array([200, 100, 40])
CAR = "02958343"
BOXES = (  # low and high corners; together centred, longest side 1, and like no mirror image
    ((-0.5, -0.4, -0.3), (0.5, -0.2, 0.3)),
    ((-0.5, -0.4, -0.3), (-0.3, 0.4, 0.2)),
    ((0.1, -0.4, 0.0), (0.5, 0.1, 0.3)),
)


def solid() -> tuple[Points, NDArray[np.int64]]:
    """Give vertices [24, 3] and faces [36, 3]."""
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))]
    corners = [
        [(low[0], high[0])[i], (low[1], high[1])[j], (low[2], high[2])[k]]
        for low, high in BOXES
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    ]
    faces = np.concatenate([np.array(triangles) + 8 * box for box in range(len(BOXES))])
    return np.array(corners), faces


def grid(*, cells: int = 31) -> NDArray[np.bool_]:
    """Tell which cells have their centre inside; so many are a unit. [32, 32, 32], x, y, z"""
    centre = (np.arange(32) - 15.5) / cells
    p = np.stack(np.meshgrid(centre, centre, centre, indexing="ij"), axis=-1)
    inside = [((p >= np.array(low)) & (p <= np.array(high))).all(axis=-1) for low, high in BOXES]
    occupied: NDArray[np.bool_] = np.any(inside, axis=0)
    return occupied


def draw(project: Callable[[Points], Points], side: int, fine: int = 3) -> NDArray[np.uint8]:
    """Draw the solid's silhouette: `project` gives x right and y down in [-1, 1]. [side, side]"""
    vertices, faces = solid()
    size = side * fine
    canvas = np.zeros((size, size), dtype=bool)
    pixels = (project(vertices)[:, :2] + 1) / 2 * size
    for a, b, c in pixels[faces]:
        low = np.floor(np.min([a, b, c], axis=0)).astype(int).clip(0, size)
        high = np.ceil(np.max([a, b, c], axis=0)).astype(int).clip(0, size)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        sides = [
            (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
            for p, q in ((a, b), (b, c), (c, a))
        ]
        inside = np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)
        canvas[low[1] : high[1], low[0] : high[0]] |= inside
    share = canvas.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return np.floor(share * 255).astype(np.uint8)


def kato_eye(view: int) -> Points:
    azimuth, elevation = math.radians(-15 * view), math.radians(30)
    flat = math.cos(elevation)
    x, z = flat * math.sin(azimuth), -flat * math.cos(azimuth)
    return 2.732 * np.array([x, math.sin(elevation), z])


def kato_masks() -> NDArray[np.uint8]:
    """Draw the 24 views as a camera with x right, y up, z forward sees them. [24, 64, 64]"""

    def project(points: Points, eye: Points) -> Points:
        forward = -eye / np.linalg.norm(eye)
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        up = np.cross(forward, right)
        away = points - eye
        depth = away @ forward * math.tan(math.radians(15))
        return np.stack([away @ right / depth, -(away @ up) / depth], axis=1)

    eyes = [kato_eye(view) for view in range(24)]
    return np.stack([draw(lambda points, eye=eye: project(points, eye), 64) for eye in eyes])


def kato_arrays(masks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Store one object as Kato's files do. [24, 4, 64, 64], [32, 32, 32]"""
    alpha = masks.astype(np.float64) / 255
    white = alpha[:, None] * (COLOR[:, None, None] / 255) + (1 - alpha[:, None])
    colors = ((1 - white) * 255 + 1e-9).astype(np.uint8)
    y, x, z = np.meshgrid(*[np.arange(32)] * 3, indexing="ij")
    return np.concatenate([colors, masks[:, None]], axis=1), grid()[x, y, 31 - z]


def write_kato(
    folder: Path, rows: dict[str, int], *, synset: str = CAR, save: Any = np.savez_compressed
) -> None:
    """Write small archives of random blobs, `rows` objects a split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in rows.items():
        random = np.random.default_rng(sum(map(ord, synset + split)))
        images = np.zeros((count, 24, 4, 64, 64), dtype=np.uint8)
        images[:, :, :3, 20:40, 20:40] = random.integers(0, 200, size=(count, 24, 3, 20, 20))
        images[:, :, 3, 20:40, 20:40] = 255
        voxels = random.random((count, 32, 32, 32)) < 0.1
        save(folder / f"{synset}_{split}_images.npz", images)
        save(folder / f"{synset}_{split}_voxels.npz", voxels)


def nmr_matrices(view: int, *, right_handed: bool) -> tuple[Points, Points]:
    """Give world_mat and camera_mat: x right, y down, z forward, pixels in [-1, 1]."""
    eye = kato_eye(view)
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0.0, 1.0, 0.0]) * (1 if right_handed else -1)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right) * (1 if right_handed else -1)
    world = np.eye(4)
    world[:3, :3] = [right, down, forward]
    world[:3, 3] = -world[:3, :3] @ eye
    focal = 1 / math.tan(math.radians(15))
    return world, np.diag([focal, focal, 1.0, 1.0])


def write_nmr(folder: Path, *, right_handed: bool = False) -> None:
    """Write one object of NMR_Dataset with cameras, images, masks and points."""
    (folder / "image").mkdir(parents=True)
    (folder / "mask").mkdir()
    cameras = {}
    for view in range(24):
        world, camera = nmr_matrices(view, right_handed=right_handed)
        cameras |= {f"world_mat_{view}": world, f"camera_mat_{view}": camera}
        whole = camera @ world

        def project(points: Points, matrix: Points = whole) -> Points:
            pixels = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
            return pixels[:, :2] / pixels[:, 2:3]

        mask = draw(project, 64)
        alpha = mask[..., None] / 255
        white = (alpha * COLOR + (1 - alpha) * 255).astype(np.uint8)
        Image.fromarray(white).save(folder / f"image/{view:04d}.png")
        Image.fromarray(mask).save(folder / f"mask/{view:04d}.png")
    np.savez(folder / "cameras.npz", **cameras)
    points, normals = surface()
    np.savez(folder / "pointcloud.npz", points=points, normals=normals)


def surface() -> tuple[Points, Points]:
    """Spread points over the surface of the solid; give them and the normals there. [P, 3] each"""
    random = np.random.default_rng(0)
    vertices, faces = solid()
    weights = random.dirichlet(np.ones(3), size=(len(faces), 6000))
    points = np.einsum("fpk,fkd->fpd", weights, vertices[faces]).reshape(-1, 3)
    hidden = np.zeros(len(points), dtype=bool)
    for low, high in BOXES:  # what another box covers is no surface
        hidden |= ((points > np.array(low) + 1e-6) & (points < np.array(high) - 1e-6)).all(axis=1)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return points[~hidden], np.repeat(normals, 6000, axis=0)[~hidden]


SHAPENET_SCALE = 1 / math.sqrt(1.0**2 + 0.8**2 + 0.6**2)  # ShapeNet's boxes have a diagonal of 1


def blender_matrix(azimuth: float, elevation: float, distance: float) -> Points:
    """Give OBJ to camera (x right, y up, z backward) as 3D-R2N2's Blender had it. [3, 4]"""
    a, e = math.radians(-azimuth), math.radians(-elevation)
    world_to_object = np.array(
        [
            [math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), -math.sin(e)],
            [-math.sin(a), math.cos(a), 0.0],
            [math.cos(a) * math.sin(e), math.sin(a) * math.sin(e), math.cos(e)],
        ]
    )
    object_to_camera = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    y_up_to_z_up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    rotation = object_to_camera @ world_to_object @ y_up_to_z_up
    shift = -object_to_camera @ np.array([distance, 0.0, 0.0])
    return np.concatenate([rotation, shift[:, None]], axis=1)


def binvox(voxels: NDArray[np.bool_]) -> bytes:
    """Code a grid [x, y, z]: z before y, runs of at most 255."""
    data = bytearray(b"#binvox 1\ndim 32 32 32\ntranslate -0.5 -0.5 -0.5\nscale 1\ndata\n")
    flat = voxels.transpose(0, 2, 1).flatten()
    start = 0
    for end in range(1, len(flat) + 1):
        if end == len(flat) or flat[end] != flat[start] or end - start == 255:
            data += bytes([int(flat[start]), end - start])
            start = end
    return bytes(data)


def write_r2n2(root: Path, model: str, *, synset: str = CAR, blank: bool = False) -> None:
    """Write one object of 3D-R2N2: renderings, metadata, grid."""
    folder = root / "ShapeNetRendering" / synset / model / "rendering"
    folder.mkdir(parents=True)
    random = np.random.default_rng(sum(map(ord, model)))
    lines = []
    for view in range(24):
        azimuth, elevation, ratio = random.uniform((0, 25, 0.65), (360, 30, 1.0))
        lines.append(f"{azimuth} {elevation} 0 {ratio} 25")

        pose = blender_matrix(azimuth, elevation, ratio * 1.75)

        def project(points: Points, matrix: Points = pose) -> Points:
            seen = points * SHAPENET_SCALE @ matrix[:, :3].T + matrix[:, 3]
            return np.stack([seen[:, 0], -seen[:, 1]], axis=1) * 2.1875 / -seen[:, 2:3]

        mask = np.zeros((137, 137), dtype=np.uint8) if blank else draw(project, 137, fine=2)
        rgba = np.concatenate([np.broadcast_to(COLOR, (137, 137, 3)), mask[..., None]], axis=2)
        Image.fromarray(rgba.astype(np.uint8)).save(folder / f"{view:02d}.png")
    (folder / "rendering_metadata.txt").write_text("\n".join(lines) + "\n")
    (folder / "renderings.txt").write_text("".join(f"{view:02d}.png\n" for view in range(24)))
    voxels = root / "ShapeNetVox32" / synset / model
    voxels.mkdir(parents=True)
    (voxels / "model.binvox").write_bytes(binvox(np.roll(grid(cells=32), -2, axis=1)))


def write_core(root: Path, place: str, *, shift: float = 0.0) -> None:
    """Write the solid as an OBJ file of ShapeNetCore, somewhere in a diagonal of 1."""
    vertices, faces = solid()
    rows = [f"v {x} {y} {z}" for x, y, z in vertices * SHAPENET_SCALE + shift]
    rows += [f"f {a} {b} {c}" for a, b, c in faces + 1]
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text("\n".join(rows) + "\n")
