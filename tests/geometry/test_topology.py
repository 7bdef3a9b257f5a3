"""Edges of closed meshes."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import edges_with_opposite_vertices


def test_edges_carry_the_far_corners_of_their_two_faces() -> None:
    tetrahedron = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    edges = edges_with_opposite_vertices(tetrahedron)
    expected = [[0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2], [1, 2, 0, 3], [1, 3, 0, 2], [2, 3, 0, 1]]
    assert edges.tolist() == expected
    assert edges_with_opposite_vertices(tetrahedron.int()).dtype == torch.int32


def test_edges_of_no_faces_are_none() -> None:
    assert edges_with_opposite_vertices(torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 4)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ([[0, 1, 2]], r"closed manifold, got 3 edges .* \(the first is 0-1 with 1\)"),
        ([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2], [0, 1, 4]], "closed manifold, got 3 edges"),
        ([[0, 1, 2], [0, 3, -1]], r"hold vertex indices of at least 0, got -1 at \[1, 2\]"),
        ([[0, 1, 1]], "three different vertices each"),
    ],
)
def test_edges_of_other_than_closed_manifolds_are_refused(
    faces: list[list[int]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"edges_with_opposite_vertices: faces must .*{message}"):
        edges_with_opposite_vertices(torch.tensor(faces))


def test_faces_of_another_dtype_are_refused() -> None:
    with pytest.raises(TypeError, match="faces must be int32 or int64, got float32"):
        edges_with_opposite_vertices(torch.zeros(1, 3))
