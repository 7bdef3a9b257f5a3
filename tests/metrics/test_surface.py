"""Surface metrics against hand-computed values, brute force and trimesh."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.geometry.sampling import sample_surface
from nr3d.metrics import (
    SampledSurface,
    chamfer_l1,
    chamfer_l2,
    f_score,
    match_resampled,
    match_surfaces,
    normal_consistency,
)

UP = torch.tensor([0.0, 1.0, 0.0])


def square(height: float, *, side: int = 20, normal: Tensor = UP) -> SampledSurface:
    """Give a regular grid of points on the unit square at y = height."""
    line = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    points = torch.cartesian_prod(line, torch.tensor([height], dtype=torch.float64), line)
    return SampledSurface(points, normal.double().expand(len(points), 3))


def sampled(vertices: Tensor, faces: Tensor, *, seed: int, num_points: int) -> SampledSurface:
    drawn = sample_surface(vertices[None], faces, num_points=num_points, seed=seed)
    return SampledSurface(drawn.points[0], drawn.normals[0])


def distance_to_faces(
    triangles: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the exact distance of each point [P, 3] to the nearest of the triangles [F, 3, 3]."""
    from trimesh.triangles import closest_point

    nearest = [closest_point(triangles, np.tile(each, (len(triangles), 1))) for each in points]
    distances: NDArray[np.float64] = np.linalg.norm(nearest - points[:, None], axis=-1).min(axis=1)
    return distances


def test_two_parallel_squares() -> None:
    slanted = torch.tensor([0.0, -0.6, 0.8])
    match = match_surfaces(square(0.0), square(0.03, normal=slanted))
    assert chamfer_l1(match) == pytest.approx(0.03)
    assert chamfer_l2(match) == pytest.approx(2 * 0.03**2)
    assert f_score(match, threshold=0.029) == 0.0
    assert f_score(match, threshold=0.031) == 1.0
    assert normal_consistency(match) == pytest.approx(0.6)


def test_half_of_a_square_has_all_precision_and_half_the_recall() -> None:
    whole = square(0.0)
    near = whole.points[:, 0] < 0.5
    half = SampledSurface(
        *(torch.from_numpy(array[near]) for array in (whole.points, whole.normals))
    )
    match = match_surfaces(half, whole)
    assert f_score(match, threshold=0.01) == pytest.approx(2 * 0.5 / 1.5)
    gaps = np.arange(1, 11) / 20  # the ten missing rows
    assert chamfer_l1(match) == pytest.approx((0 + gaps.sum() / 20) / 2)
    assert chamfer_l2(match) == pytest.approx(np.square(gaps).sum() / 20)
    swapped = match_surfaces(whole, half)
    assert chamfer_l1(swapped) == chamfer_l1(match)
    assert f_score(swapped, threshold=0.01) == f_score(match, threshold=0.01)


def test_spheres_of_two_radii() -> None:
    vertices, faces = icosphere(4)
    inner = sampled(0.3 * vertices, faces, seed=0, num_points=20_000)
    outer = sampled(0.4 * vertices, faces, seed=1, num_points=20_000)
    match = match_surfaces(inner, outer)
    # between the spheres 0.1; the next sample lies a little beside that: less than 1 % of it
    assert chamfer_l1(match) == pytest.approx(0.1, rel=0.01)
    assert chamfer_l2(match) == pytest.approx(0.02, rel=0.02)
    assert f_score(match, threshold=0.12) == 1.0
    assert f_score(match, threshold=0.09) == 0.0
    assert normal_consistency(match) > 0.99


def test_a_cube_inside_a_cube() -> None:
    import trimesh

    outer, inner = (trimesh.creation.box((size,) * 3) for size in (1.0, 0.8))
    faces = torch.tensor(np.array(outer.faces))
    points = [
        sampled(torch.tensor(np.array(box.vertices)), faces, seed=seed, num_points=20_000)
        for seed, box in enumerate((inner, outer))
    ]
    match = match_surfaces(*points)
    to_outer = distance_to_faces(outer.triangles, points[0].points[:500])
    to_inner = distance_to_faces(inner.triangles, points[1].points[:500])
    np.testing.assert_allclose(to_outer, 0.1, atol=1e-9)
    # point to point is never below point to surface, and above it by the spacing of samples only
    for found, exact in ((match.accuracy[:500], to_outer), (match.completeness[:500], to_inner)):
        assert (found >= exact - 1e-7).all()
        assert (found - exact).mean() < 0.003
    # outer to inner: a face's middle (share 0.8^2) is 0.1 away, its border further
    beyond = (np.linspace(0, 0.1, 2001)[1:] + np.linspace(0, 0.1, 2001)[:-1]) / 2
    edge = np.sqrt(0.01 + beyond**2).mean()
    corner = np.sqrt(0.01 + beyond[::20, None] ** 2 + beyond[::20] ** 2).mean()
    expected = 0.64 * 0.1 + 2 * 0.8 * 0.2 * edge + 0.04 * corner
    assert chamfer_l1(match) == pytest.approx((0.1 + expected) / 2, rel=0.01)


def test_equal_to_brute_force() -> None:
    random = torch.Generator().manual_seed(0)
    points = [torch.rand(size, 3, generator=random, dtype=torch.float64) for size in (70, 90)]
    normals = [torch.nn.functional.normalize(each - 0.5, dim=1) for each in points]
    match = match_surfaces(*map(SampledSurface, points, normals), num_threads=2)
    distances = torch.cdist(*points, compute_mode="donot_use_mm_for_euclid_dist")
    cosines = (normals[0] @ normals[1].T).abs()
    accuracy, first = distances.min(dim=1)
    completeness, second = distances.min(dim=0)
    assert chamfer_l1(match) == pytest.approx(float(accuracy.mean() + completeness.mean()) / 2)
    squares = accuracy.square().mean() + completeness.square().mean()
    assert chamfer_l2(match) == pytest.approx(float(squares))
    expected = cosines.gather(1, first[:, None]).mean() + cosines.gather(0, second[None]).mean()
    assert normal_consistency(match) == pytest.approx(float(expected) / 2)


def test_resampled_says_what_another_sample_scores() -> None:
    vertices, faces = icosphere(3)
    first, second = (sampled(0.4 * vertices, faces, seed=s, num_points=5000) for s in (0, 1))
    expected, found = match_surfaces(first, second), match_resampled(first)
    spacing = 0.5 * math.sqrt(4 * math.pi * 0.4**2 / 5000)  # mean distance to the nearest of many
    assert chamfer_l1(found) == pytest.approx(chamfer_l1(expected), rel=0.03)
    assert chamfer_l1(found) == pytest.approx(spacing, rel=0.03)
    assert chamfer_l1(match_surfaces(first, first)) == 0.0


POINTS = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SampledSurface(POINTS[:, :2], POINTS),
            r"SampledSurface: points must have shape \[P, 3\], got \[2, 2\]",
        ),
        (
            lambda: SampledSurface(POINTS, POINTS[:1]),
            r"SampledSurface: normals must have shape \[2, 3\], got \[1, 3\]",
        ),
        (
            lambda: SampledSurface(POINTS[:0], POINTS[:0]),
            r"SampledSurface: len\(points\) must be at least 1, got 0",
        ),
        (
            lambda: SampledSurface(POINTS / 0, POINTS),
            "SampledSurface: points must be finite, got NaN or infinity",
        ),
        (
            lambda: match_resampled(SampledSurface(POINTS[:1], POINTS[:1])),
            r"match_resampled: len\(points\) must be at least 2, got 1",
        ),
        (
            lambda: match_surfaces(square(0.0), square(0.0), num_threads=0),
            "match_surfaces: num_threads must be at least 1, got 0",
        ),
        (
            lambda: f_score(match_resampled(square(0.0)), threshold=0.0),
            "f_score: threshold must be above 0, got 0.0",
        ),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_integers_are_no_points() -> None:
    with pytest.raises(TypeError, match="SampledSurface: points must be .*, got int64"):
        SampledSurface(POINTS.long(), POINTS)
