"""The Laplacian against recorded numbers, a star by hand, derivatives by differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nr3d.geometry import icosphere
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.losses import laplacian_loss

Truth = Callable[[str], dict[str, np.ndarray]]


def test_recorded_loss_and_gradient(truth: Truth) -> None:
    recorded = truth("aux_decoder_losses")
    edges = edges_with_opposite_vertices(torch.from_numpy(recorded["template_faces"]))
    vertices = torch.from_numpy(recorded["vertices"]).requires_grad_()
    each = torch.stack([laplacian_loss(vertices[k : k + 1], edges) for k in range(3)])
    expected = torch.from_numpy(recorded["laplacian_loss_per_sample"])
    torch.testing.assert_close(each, expected, rtol=1e-4, atol=1e-9)
    (grad,) = torch.autograd.grad(laplacian_loss(vertices, edges), vertices)
    expected = torch.from_numpy(recorded["grad_laplacian_batchmean"])
    assert (grad - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_star_by_hand() -> None:
    vertices = torch.tensor([[[1.0, 0, 0], [0, 0, 0], [0, 4, 0], [9, 9, 9]]])
    edges = torch.tensor([[0, 1], [0, 2]])  # the last vertex has none
    # (1,0,0) - (0,2,0); (0,0,0) - (1,0,0); (0,4,0) - (1,0,0)
    assert laplacian_loss(vertices, edges).item() == pytest.approx(5 + 1 + 17)
    twice = laplacian_loss(vertices.expand(2, -1, -1), edges)
    assert twice.item() == pytest.approx(23)


def test_gradient_by_differences() -> None:
    vertices, faces = icosphere(0)
    edges = edges_with_opposite_vertices(faces)
    leaf = (vertices.double()[None] + 0.1 * torch.rand(2, *vertices.shape)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: laplacian_loss(v, edges), leaf)


@pytest.mark.parametrize(
    ("vertices", "edges", "message"),
    [
        (torch.zeros(0, 4, 3), torch.zeros(1, 2).long(), "vertices must hold at least one mesh"),
        (torch.zeros(1, 4, 3), torch.zeros(1, 1).long(), "edges must have at least two columns"),
        (torch.zeros(1, 4, 2), torch.zeros(1, 2).long(), r"vertices must have shape \[B, V, 3\]"),
    ],
)
def test_bad_input_is_named(vertices: torch.Tensor, edges: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"laplacian_loss: {message}"):
        laplacian_loss(vertices, edges)
