"""Where faces are small, the rule of the anti-aliasing finds few outline edges: shown without it.

Pairs of a covered and an uncovered pixel are looked at one by one, by a table of edges of our own.
"""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer, antialias, rasterize

SIZE = 64


def project(level: int) -> tuple[Tensor, Tensor]:
    sphere, faces = icosphere(level)
    camera = NeuralRenderer(image_size=SIZE, viewing_angle=15.0)
    eye = eye_from_angles(2.732, 30.0, 10.0).view(1, 1, 3).double()
    return camera.project(Mesh(0.4 * sphere[None].double(), faces), eye), faces


def side(start, end, point):
    along, across = (
        (end[0] - start[0], end[1] - start[1]),
        (point[0] - start[0], point[1] - start[1]),
    )
    return along[0] * across[1] - along[1] * across[0] > 0


def outline_edges(points, faces):
    """Give the outline edges of each face: all third corners lie on one side."""
    thirds: dict[frozenset[int], list[int]] = {}
    for face in faces:
        for k in range(3):
            thirds.setdefault(frozenset((face[k], face[k - 2])), []).append(face[k - 1])
    found = []
    for face in faces:
        edges = [(face[k], face[k - 2]) for k in range(3)]
        found.append(
            [
                (points[a], points[b])
                for a, b in edges
                if len({side(points[a], points[b], points[c]) for c in thirds[frozenset((a, b))]})
                == 1
            ]
        )
    return found


def crossing(edges, a, b, u):
    """Give where the first edge that is mostly across the pair crosses it, None without one."""
    v = 1 - u
    for start, end in edges:
        run, rise = end[u] - start[u], end[v] - start[v]
        if rise == 0 or abs(rise) < abs(run):
            continue
        tau = (a[v] - start[v]) / rise
        d = (start[u] + tau * run - a[u]) / (b[u] - a[u])
        if 0 <= tau <= 1 and 0 <= d <= 1:
            return d
    return None


@pytest.mark.parametrize(
    ("level", "blended", "without_edge"), [(3, 0.02, 0.97), (2, 0.16, 0.70), (1, 0.43, 0.33)]
)
def test_few_pairs_of_a_fine_sphere_have_an_outline_edge(level, blended, without_edge):
    vertices, faces = project(level)
    seen = rasterize(vertices, faces, image_size=SIZE)
    alpha = (seen.face_index >= 0).double()
    found = antialias(
        alpha[:, None], vertices, faces=faces, face_index=seen.face_index, depth=seen.depth
    )
    columns, rows = (
        (vertices[0, :, 0] + 1) * SIZE / 2 - 0.5,
        (1 - vertices[0, :, 1]) * SIZE / 2 - 0.5,
    )
    points = torch.stack((columns, rows), -1).tolist()
    outlines = outline_edges(points, faces.tolist())
    every_edge = [edge for edges in outlines for edge in edges]
    index, expected, counts = seen.face_index[0].tolist(), alpha[0].clone(), Counter()
    for row in range(SIZE - 1):
        for column in range(SIZE - 1):
            for u, other in ((0, (column + 1, row)), (1, (column, row + 1))):
                here = (column, row)
                if (index[row][column] >= 0) == (index[other[1]][other[0]] >= 0):
                    continue
                a, b = (here, other) if index[row][column] >= 0 else (other, here)
                edges = outlines[index[a[1]][a[0]] % len(faces)]
                d = crossing(edges, a, b, u)
                counts["pairs"] += 1
                counts["without edge"] += not edges
                counts["blended"] += d is not None
                counts["crossed by any"] += crossing(every_edge, a, b, u) is not None
                if d is not None and d < 0.5:
                    expected[a[1], a[0]] -= 0.5 - d
                elif d is not None:
                    expected[b[1], b[0]] += d - 0.5
    torch.testing.assert_close(found[0, 0], expected)
    shares = {name: count / counts["pairs"] for name, count in counts.items()}
    assert 0 < shares["blended"] < blended
    assert shares["without edge"] > without_edge
    # A circle is mostly across 1 / sqrt(2) of the pairs that it passes.
    assert shares["crossed by any"] == pytest.approx(0.5**0.5, abs=0.03)
