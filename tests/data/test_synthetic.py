"""The embedded default: solids, deterministic, made by one call."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from nr3d.data.building import Job
from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe

synthetic = load_recipe("synthetic")
CATEGORIES = list(synthetic.CATEGORIES)


@pytest.mark.parametrize("category", range(len(CATEGORIES)), ids=CATEGORIES)
def test_parts_are_watertight(category: int) -> None:
    make_parts = synthetic.CATEGORIES[CATEGORIES[category]]
    for number in range(20):
        for vertices, faces in make_parts(np.random.default_rng(number)):
            assert np.isfinite(vertices).all()
            edges = Counter(
                (int(face[corner]), int(face[(corner + 1) % 3]))
                for face in faces
                for corner in range(3)
            )
            assert all(edges[b, a] == count == 1 for (a, b), count in edges.items())


def volume(vertices: torch.Tensor, faces: torch.Tensor) -> float:
    a, b, c = vertices.double()[faces].unbind(dim=1)
    return float((torch.linalg.cross(a, b) * c).sum() / 6)


def test_parts_face_outward() -> None:
    for number in range(20):
        for parts in (synthetic.block, synthetic.round_body):
            vertices, faces = parts(np.random.default_rng(number))[0]
            assert volume(torch.from_numpy(vertices), torch.from_numpy(faces)) > 0


def test_meshes_fill_the_unit_cube() -> None:
    for category in range(len(CATEGORIES)):
        vertices, faces, colors = synthetic.make_mesh(category, seed=0, number=3)
        size = vertices.amax(dim=0) - vertices.amin(dim=0)
        assert float(size.max()) == pytest.approx(1.0, abs=1e-6)
        assert colors.shape == faces.shape and int(faces.max()) < len(vertices)


def test_records_depend_on_seed_and_number() -> None:
    def make(seed: int, number: int) -> np.ndarray:
        record = synthetic.make_record(Job("x", 2, {"seed": seed, "number": number}))
        return np.array(record.images)

    first = make(0, 1)
    np.testing.assert_array_equal(first, make(0, 1))
    assert (first != make(0, 2)).any() and (first != make(1, 1)).any()


def test_solids_are_voxelized_as_solids() -> None:
    record = synthetic.make_record(Job("x", 1, {"seed": 0, "number": 0}))
    assert record.voxels is not None
    lowest, highest = np.argwhere(record.voxels).min(axis=0), np.argwhere(record.voxels).max(axis=0)
    assert (highest - lowest).max() >= 30
    assert record.voxels[tuple((lowest + highest) // 2)]


def test_build_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = build("synthetic", ["-o", str(tmp_path / "s.h5"), "--limit", "7", "--workers", "0"])
    index = read_index(path)
    assert index.header.categories == tuple(CATEGORIES)
    assert index.eyes.shape == (7, 24, 3) and index.image_size == (64, 64)
    assert index.category.tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert index.header.licence == "MIT" and index.header.viewing_angle == 15.0
    build("synthetic", ["-o", str(path), "--verify"])
    assert "7 objects are sound" in capsys.readouterr().out
