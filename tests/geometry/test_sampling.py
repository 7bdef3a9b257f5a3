"""Samples of surfaces against areas, planes and shells whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.geometry.sampling import sample_outside, sample_surface

SQUARE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def test_samples_fill_a_square_evenly() -> None:
    drawn = sample_surface(SQUARE[None], FACES, num_points=40_000)
    assert torch.equal(drawn.normals.abs(), torch.tensor([0.0, 0.0, 1.0]).expand(1, 40_000, 3))
    x, y, z = drawn.points[0].unbind(dim=1)
    assert not z.any()
    counts = torch.histogramdd(torch.stack((x, y), dim=1), bins=[4, 4], range=[0.0, 1.0] * 2).hist
    assert float((counts - 2500).abs().max()) < 5 * 2500**0.5  # five standard deviations


def test_faces_are_drawn_by_their_area() -> None:
    wide = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    small = torch.tensor([[0.0, 0.0, 5.0], [1.0, 0.0, 5.0], [0.0, 1.0, 5.0]])
    empty = small.new_full((3, 3), 9.0)
    vertices = torch.cat((empty, wide, empty, small, empty))[None]
    points = sample_surface(vertices, torch.arange(15).view(5, 3), num_points=10_000).points[0]
    assert set(points[:, 2].round().tolist()) == {0.0, 5.0}  # none on faces without area
    assert float((points[:, 2] > 2).double().mean()) == pytest.approx(0.25, abs=0.02)


def test_a_mesh_is_sampled_alike_in_any_batch() -> None:
    vertices, faces = icosphere(1)
    both = sample_surface(torch.stack((vertices, 2 * vertices)), faces, num_points=50, seed=3)
    alone = sample_surface(2 * vertices[None], faces, num_points=50, seed=3)
    assert torch.equal(both.points[1:], alone.points)
    torch.testing.assert_close(both.points[1], 2 * both.points[0])
    other = sample_surface(2 * vertices[None], faces, num_points=50, seed=4)
    assert not torch.equal(other.points, alone.points)


def test_a_mesh_without_area_gives_points_without_normals() -> None:
    drawn = sample_surface(torch.full((1, 4, 3), 0.25), FACES, num_points=7)
    torch.testing.assert_close(drawn.points, torch.full((1, 7, 3), 0.25))
    assert not drawn.normals.any()


def test_buried_surface_is_left_out_and_an_open_inside_is_not() -> None:
    sphere, faces = icosphere(3)
    vertices = torch.cat((0.5 * sphere, 0.3 * sphere))
    nested = torch.cat((faces, faces + len(sphere)))
    radii = sample_outside(vertices, nested, num_points=5000).points[0].norm(dim=1)
    assert float(radii.min()) > 0.49
    whole = sample_surface(vertices[None], nested, num_points=5000).points[0].norm(dim=1)
    assert float((whole < 0.4).double().mean()) == pytest.approx(9 / 34, abs=0.03)
    top = vertices[nested][:, :, 1].amin(dim=1) > 0.25  # cut a lid off both
    opened = sample_outside(vertices, nested[~top], num_points=5000).points[0].norm(dim=1)
    assert float((opened < 0.31).double().mean()) > 0.1


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: sample_surface(SQUARE, FACES, num_points=1),
            ValueError,
            r"sample_surface: vertices must have shape \[B, V, 3\], got \[4, 3\]",
        ),
        (
            lambda: sample_surface(SQUARE[None], FACES[:0], num_points=1),
            ValueError,
            r"sample_surface: faces must hold at least one face, got \[0, 3\]",
        ),
        (
            lambda: sample_surface(SQUARE[None] / 0, FACES, num_points=1),
            ValueError,
            "sample_surface: vertices must be finite, got NaN or infinity",
        ),
        (
            lambda: sample_surface(SQUARE[None], FACES, num_points=0),
            ValueError,
            "sample_surface: num_points must be at least 1, got 0",
        ),
        (
            lambda: sample_surface(SQUARE[None], FACES, num_points=1, seed=-1),
            ValueError,
            "sample_surface: seed must be at least 0, got -1",
        ),
        (
            lambda: sample_outside(SQUARE, FACES, num_points=1),
            ValueError,
            r"sample_outside: vertices must be inside the cube \[-0.5, 0.5\]\^3, got 1; normalize",
        ),
        (
            lambda: sample_outside(SQUARE[None], FACES, num_points=1),
            ValueError,
            r"sample_outside: vertices must have shape \[V, 3\], got \[1, 4, 3\]",
        ),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Tensor], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_a_surface_that_is_nearly_all_buried_is_refused() -> None:
    sphere, faces = icosphere(2)
    layers = [0.3 + 0.0005 * number for number in range(200)]
    vertices = torch.cat([0.45 * sphere, *(radius * sphere for radius in layers)])
    nested = torch.cat([faces + number * len(sphere) for number in range(201)])
    with pytest.raises(ValueError, match="must show at least 1/64 of their area outside, got"):
        sample_outside(vertices, nested, num_points=300)
