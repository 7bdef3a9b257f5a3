"""The template sphere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from nr3d.geometry import edges_with_opposite_vertices, icosphere


@pytest.mark.parametrize("subdivisions", [0, 1, 2, 3, 4])
def test_sphere_is_a_closed_surface_of_unit_vectors(subdivisions: int) -> None:
    vertices, faces = icosphere(subdivisions)
    assert vertices.shape == (10 * 4**subdivisions + 2, 3) and vertices.dtype == torch.float32
    assert faces.shape == (20 * 4**subdivisions, 3) and faces.dtype == torch.int64
    torch.testing.assert_close(vertices.norm(dim=1), torch.ones(len(vertices)))
    assert float(vertices.abs().max()) == 1.0
    edges = edges_with_opposite_vertices(faces)
    assert len(vertices) - len(edges) + len(faces) == 2  # Euler


def test_faces_are_counter_clockwise_from_outside() -> None:
    vertices, faces = icosphere(3)
    a, b, c = vertices[faces].unbind(dim=1)
    assert bool((torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(dim=1).gt(0).all())


def test_zero_coordinates_are_exactly_zero() -> None:
    vertices, _ = icosphere(3)
    assert not bool(((vertices != 0) & (vertices.abs() < 1e-3)).any())
    assert (vertices == 0).sum(dim=0).tolist() == [4, 40, 32]


def test_equals_the_recorded_template(truth: Callable[[str], dict[str, np.ndarray]]) -> None:
    template = truth("aux_decoder_losses")
    expected, expected_faces = template["template_vertices"], template["template_faces"]
    vertices, faces = icosphere(3)
    distance, match = cKDTree(vertices.numpy()).query(expected)
    assert distance.max() < 2e-5  # the template's file has six digits
    assert len(np.unique(match)) == len(expected)
    ours = {frozenset(face) for face in faces.tolist()}
    assert ours == {frozenset(face) for face in match[expected_faces].tolist()}


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="icosphere: subdivisions must be at least 0, got -1"):
        icosphere(-1)
    with pytest.raises(ValueError, match="icosphere: subdivisions must be at most 8 .*, got 9"):
        icosphere(9)
    with pytest.raises(TypeError, match="icosphere: subdivisions must be an int, got float"):
        icosphere(3.0)  # type: ignore[arg-type]
