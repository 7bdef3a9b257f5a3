"""Smoothness against recorded numbers, angles by hand, derivatives by differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.losses import smoothness_loss

Truth = Callable[[str], dict[str, np.ndarray]]


def test_recorded_loss_and_gradient(truth: Truth) -> None:
    recorded = truth("aux_decoder_losses")
    edges = edges_with_opposite_vertices(torch.from_numpy(recorded["template_faces"]))
    vertices = torch.from_numpy(recorded["vertices"]).requires_grad_()
    each = torch.stack([smoothness_loss(vertices[k : k + 1], edges) for k in range(3)])
    expected = torch.from_numpy(recorded["smoothness_loss_per_sample"])
    # Sphere: a sum of squares of 1e-3, each the difference of float32 numbers near 1.
    torch.testing.assert_close(each, expected, rtol=1e-4, atol=0)
    loss = smoothness_loss(vertices, edges)
    torch.testing.assert_close(
        loss, torch.tensor(recorded["smoothness_loss_batchmean"]), rtol=1e-5, atol=0
    )
    (grad,) = torch.autograd.grad(loss, vertices)
    expected = torch.from_numpy(recorded["grad_smoothness"])
    assert (grad - expected).abs().max() <= 1e-4 * expected.abs().max()  # float32, poles at folds


def hinge(angle: float) -> Tensor:
    """Two triangles on the edge (0, 1) whose planes enclose `angle` degrees. [1, 4, 3]"""
    radians = math.radians(angle)
    far = [0.5, math.cos(radians), math.sin(radians)]
    corners = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 1.0, 0.0], far]
    return torch.tensor([corners], dtype=torch.float64)


@pytest.mark.parametrize("angle", [180.0, 135.0, 90.0, 30.0])
def test_cost_of_one_angle(angle: float) -> None:
    loss = smoothness_loss(hinge(angle), torch.tensor([[0, 1, 2, 3]]))
    expected = (math.cos(math.radians(angle)) + 1) ** 2
    assert loss.item() == pytest.approx(expected, abs=2e-5)  # the formula's eps of 1e-6


def test_sum_over_edges_mean_over_meshes() -> None:
    vertices = torch.cat((hinge(90.0), hinge(180.0)))
    once = smoothness_loss(vertices, torch.tensor([[0, 1, 2, 3]]))
    twice = smoothness_loss(vertices, torch.tensor([[0, 1, 2, 3], [0, 1, 2, 3]]))
    assert once.item() == pytest.approx(0.5, abs=2e-5)
    assert twice.item() == pytest.approx(2 * once.item())


def test_gradient() -> None:
    vertices, faces = icosphere(0)
    edges = edges_with_opposite_vertices(faces)
    bumps = 0.2 * torch.randn(2, len(vertices), 3, dtype=torch.float64)
    bumpy = (vertices.double() + bumps).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: smoothness_loss(v, edges), bumpy)


def test_collapsed_mesh_has_finite_gradient() -> None:
    vertices, faces = icosphere(1)
    collapsed = torch.zeros(1, len(vertices), 3, requires_grad=True)
    loss = smoothness_loss(collapsed, edges_with_opposite_vertices(faces))
    (grad,) = torch.autograd.grad(loss, collapsed)
    assert torch.isfinite(loss)
    assert torch.isfinite(grad).all()


EDGES = torch.tensor([[0, 1, 2, 3]])


@pytest.mark.parametrize(
    ("vertices", "edges", "error", "message"),
    [
        (
            torch.zeros(4, 3),
            EDGES,
            ValueError,
            r"^smoothness_loss: vertices must have shape \[B, V, 3\], got \[4, 3\]$",
        ),
        (
            torch.zeros(1, 4, 3, dtype=torch.int64),
            EDGES,
            TypeError,
            "^smoothness_loss: vertices must be float32 or float64, got int64$",
        ),
        (
            torch.zeros(1, 4, 3),
            EDGES[:, :2],
            ValueError,
            r"^smoothness_loss: edges must have shape \[E, 4\], got \[1, 2\]$",
        ),
        (
            torch.zeros(1, 4, 3),
            EDGES.float(),
            TypeError,
            "^smoothness_loss: edges must be int32 or int64, got float32$",
        ),
        (
            torch.zeros(0, 4, 3),
            EDGES,
            ValueError,
            r"^smoothness_loss: vertices must hold at least one mesh, got shape \[0, 4, 3\]$",
        ),
    ],
)
def test_messages(vertices: Tensor, edges: Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        smoothness_loss(vertices, edges)
