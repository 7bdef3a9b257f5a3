"""The cameras of every layout become ours: our renderer draws the silhouettes they hold."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from nr3d.data.format import read_index
from nr3d.data.multiview import ImageFile
from nr3d.data.recipes import build
from nr3d.data.verify import verify_dataset
from nr3d.geometry import Mesh
from nr3d.metrics import (
    SampledSurface,
    chamfer_l1,
    f_score,
    match_surfaces,
    normal_consistency,
)
from nr3d.renderer import NeuralRenderer
from tests.data import layouts
from tests.data.layouts import CAR, COLOR


def agreement(path: Path, *, mirrored: bool, cells: int = 31) -> tuple[float, float]:
    """Draw the solid with the eyes of a file; give IoU of silhouettes (worst view) and grids."""
    index = read_index(path)
    with h5py.File(path) as file:
        images = torch.from_numpy(file["images"][0]).float() / 255
        voxels = file["voxels"][0]
    vertices, faces = layouts.solid()
    wanted = layouts.grid(cells=cells)
    if mirrored:
        vertices, wanted = vertices * [-1, 1, 1], wanted[::-1]
    renderer = NeuralRenderer(
        image_size=index.image_size[0], viewing_angle=index.header.viewing_angle
    )
    mesh = Mesh(torch.from_numpy(vertices).float()[None], torch.from_numpy(faces))
    drawn = renderer.silhouettes(mesh, torch.from_numpy(index.eyes[:1]))[0]
    held = images[:, 3]
    overlap = torch.minimum(drawn, held).sum((1, 2)) / torch.maximum(drawn, held).sum((1, 2))
    colors = images[:, :3] - held[:, None] * torch.from_numpy(COLOR / 255)[:, None, None]
    assert float(colors.abs().max()) < 2.5 / 255, "colours times coverage"
    both, either = (voxels & wanted).sum(), (voxels | wanted).sum()
    return float(overlap.min()), float(both / either)


def test_kato_npz(tmp_path: Path) -> None:
    masks = layouts.kato_masks()
    layouts.write_kato(tmp_path / "in", {"val": 1, "test": 1})
    images, voxels = layouts.kato_arrays(masks)
    np.savez(tmp_path / f"in/{CAR}_train_images.npz", whatever=images[None])
    np.savez(tmp_path / f"in/{CAR}_train_voxels.npz", key=voxels[None])
    argv = ["-i", str(tmp_path / "in"), "-o", str(tmp_path / "k.h5"), "--synsets", "car"]
    silhouettes, grids = agreement(build("kato_npz", argv), mirrored=False)
    assert silhouettes > 0.97 and grids == 1.0


@pytest.mark.parametrize("right_handed", [False, True])
def test_nmr_dataset(tmp_path: Path, right_handed: bool) -> None:
    root = tmp_path / "NMR_Dataset"
    layouts.write_nmr(root / CAR / "abc", right_handed=right_handed)
    for split, text in (("train", "abc\n"), ("val", ""), ("test", "")):
        (root / CAR / f"softras_{split}.lst").write_text(text)
    argv = ["-i", str(root), "-o", str(tmp_path / "n.h5"), "--synsets", CAR, "--workers", "0"]
    path = build("nmr_dataset", argv)
    silhouettes, grids = agreement(path, mirrored=right_handed)
    assert silhouettes > 0.97
    assert grids > 0.75  # every cell that the surface touches, not those whose centre is inside
    verify_dataset(path)
    surface = ImageFile(path).surfaces(np.array([0]))
    assert surface is not None and read_index(path).num_points == 10_000
    points, normals = (array[0].double().numpy() for array in surface)
    if right_handed:  # back into the world in which `agreement` mirrors the solid
        points, normals = points * [-1, 1, 1], normals * [-1, 1, 1]
    check_on_the_solid(points, normals)


def check_on_the_solid(points: layouts.Points, normals: layouts.Points) -> None:
    """Check that all points lie on the surface of the solid, which normals leave, and cover it."""
    step, rounding = 1e-3, 3e-4  # float16 moves a point by 1.3e-4 at most
    assert is_inside(points - step * normals, grown_by=rounding).all()
    assert not is_inside(points + step * normals, grown_by=-rounding).any()
    np.testing.assert_allclose(np.abs(normals).max(axis=1), 1)  # its faces lie along the axes
    every, theirs = (torch.from_numpy(array[::10]) for array in layouts.surface())
    match = match_surfaces(
        SampledSurface(torch.from_numpy(points), torch.from_numpy(normals)),
        SampledSurface(every, theirs),
    )
    assert chamfer_l1(match) < 0.01 and normal_consistency(match) > 0.97
    assert f_score(match, threshold=0.05) == 1.0


def is_inside(
    points: layouts.Points, *, grown_by: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    boxes = [
        ((points > np.array(low) - grown_by) & (points < np.array(high) + grown_by)).all(axis=1)
        for low, high in layouts.BOXES
    ]
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.any(boxes, axis=0)
    return inside


def test_r2n2(tmp_path: Path) -> None:
    layouts.write_r2n2(tmp_path, "abc")
    splits = tmp_path / "splits.json"
    splits.write_text(f'{{"train": {{"{CAR}": {{"abc": [0, 1]}}}}, "val": {{}}, "test": {{}}}}')
    argv = ["-i", str(tmp_path), "-o", str(tmp_path / "r.h5"), "--synsets", "car"]
    path = build("r2n2", [*argv, "--splits", str(splits), "--workers", "0"])
    silhouettes, grids = agreement(path, mirrored=True, cells=32)
    assert silhouettes > 0.94  # the scale is known to a fraction of a voxel
    assert grids == 1.0
    distances = np.linalg.norm(read_index(path).eyes[0], axis=1) * layouts.SHAPENET_SCALE
    ratio = distances / 1.75
    assert ratio.min() > 0.63 and ratio.max() < 1.02


@pytest.mark.parametrize("place", ["abc/model.obj", "abc/models/model_normalized.obj"])
def test_shapenet_core(tmp_path: Path, place: str) -> None:
    layouts.write_core(tmp_path / "core" / CAR, place, shift=0.3)
    argv = ["-i", str(tmp_path / "core"), "-o", str(tmp_path / "c.h5"), "--workers", "0"]
    path = build("shapenet_core", argv)
    index = read_index(path)
    assert index.ids == (f"{CAR}/abc",) and index.header.categories == ("car",)
    with h5py.File(path) as file:
        held = file["images"][0, :, 3] / 255.0
        voxels = file["voxels"][0]
    drawn = layouts.kato_masks() / 255.0
    overlap = np.minimum(drawn, held).sum((1, 2)) / np.maximum(drawn, held).sum((1, 2))
    assert overlap.min() > 0.97
    assert (voxels & layouts.grid()).sum() / (voxels | layouts.grid()).sum() > 0.75
