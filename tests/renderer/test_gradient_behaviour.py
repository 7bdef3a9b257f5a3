"""What tells the gradients apart: how far they reach, and whether they ask what the loss wants.

A square covers columns 8 to 15 and rows 8 to 23 of a 32 x 32 image; one pixel has a loss. A new
gradient needs a line in METHODS.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from nr3d.geometry import Mesh
from nr3d.renderer import RENDERERS

SIZE, LEFT, RIGHT, ROW = 32, 8, 15, 14
# Half a tenth of a pixel off the pixel borders, where the anti-aliasing switches pixels.
X0, X1 = -0.5 - 0.1 / SIZE, 0.1 / SIZE
VERTICES = torch.tensor([[X0, -0.5, 2.0], [X1, -0.5, 2], [X1, 0.5, 2], [X0, 0.5, 2]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])
LEFT_EDGE, RIGHT_EDGE = (0, 3), (1, 2)
DARKER, BRIGHTER = 1.0, -1.0  # loss = sign times the value of the pixel


@dataclass(frozen=True)
class Method:
    """What a gradient is expected to do.

    Attributes:
        settings: Of the renderer.
        reach: How many columns beyond the edge of the square a pixel can lie and still pull.
        depth: How many columns inside the edge it can lie.
        asks_the_loss: Whether a pixel pulls only where the loss can fall by it.
        feels_inner_edges: Whether the edge that the two triangles share pulls at pixels too.
    """

    settings: dict[str, float]
    reach: int
    depth: int
    asks_the_loss: bool
    feels_inner_edges: bool = False


METHODS = {
    # Inside, as far as the edge's own triangle goes on this row.
    "kato": Method({"eps": 1e-3}, reach=LEFT, depth=5, asks_the_loss=True),
    "opendr": Method({}, reach=0, depth=1, asks_the_loss=False),
    "antialias": Method({}, reach=1, depth=0, asks_the_loss=False),
    # Shares below 1e-10 are left out, from the third pixel on at this sigma.
    "soft": Method({"sigma": 1e-3}, 2, 2, asks_the_loss=False, feels_inner_edges=True),
}


def moves(name: str, sign: float, column: int) -> Tensor:
    """Give where descent moves each corner: minus the gradient of x and y, in NDC. [4, 2]"""
    kind = RENDERERS[name]
    offered = {"anti_aliasing": False, **METHODS[name].settings}
    known = inspect.signature(kind).parameters
    settings = {key: value for key, value in offered.items() if key in known}
    renderer = kind(image_size=SIZE, perspective=False, **settings)
    vertices = VERTICES[None].clone().requires_grad_()
    eyes, at = torch.zeros(1, 1, 3), torch.tensor([0.0, 0.0, 1.0])
    image = renderer.silhouettes(Mesh(vertices, FACES), eyes, at=at)
    (sign * image[0, 0, ROW, column]).backward()
    assert vertices.grad is not None
    return -vertices.grad[0, :, :2]


def test_every_renderer_is_in_the_table():
    assert set(METHODS) == set(RENDERERS)


@pytest.mark.parametrize("name", METHODS)
def test_distant_pixels(name):
    """Columns to the left of the square, that ought to be brighter."""
    for distance in range(1, LEFT + 1):
        found = moves(name, BRIGHTER, LEFT - distance)
        if distance <= METHODS[name].reach:
            assert (found[LEFT_EDGE, 0] < -1e-3).all(), distance
        else:
            assert (found == 0).all(), distance


@pytest.mark.parametrize("name", METHODS)
def test_pixels_inside(name):
    """Columns of the square that ought to be darker."""
    off_the_diagonal = LEFT_EDGE[1:] if METHODS[name].feels_inner_edges else LEFT_EDGE
    for distance in range(RIGHT - LEFT + 1):
        found = moves(name, DARKER, LEFT + distance)
        if distance < METHODS[name].depth:
            assert (found[LEFT_EDGE, 0] > 1e-3).all(), distance
        elif LEFT + distance + METHODS[name].depth <= RIGHT:  # nor within reach of the right edge
            assert found[off_the_diagonal, 0].abs().max() == 0, distance


@pytest.mark.parametrize("name", METHODS)
def test_awareness_of_the_objective(name):
    """A pixel that is white already and ought to be brighter; one that is black and ought to be
    darker: nothing can be gained."""
    method = METHODS[name]
    cases = [(BRIGHTER, LEFT)] if method.depth else []
    cases += [(DARKER, LEFT - 1)] if method.reach else []
    assert cases
    for sign, column in cases:
        found = moves(name, sign, column)
        if method.asks_the_loss:
            assert (found == 0).all()
        else:
            assert found[LEFT_EDGE, 0].abs().min() > 1e-3


@pytest.mark.parametrize("name", METHODS)
def test_signs(name):
    """What ought to be brighter draws an edge near it outwards, what ought to be darker inwards."""
    method = METHODS[name]
    for edge, outwards, border in ((LEFT_EDGE, -1, LEFT), (RIGHT_EDGE, 1, RIGHT)):
        inner, outer = border, border + outwards
        if method.reach:
            assert (moves(name, BRIGHTER, outer)[edge, 0] * outwards > 0).all()
        if method.depth:
            assert (moves(name, DARKER, inner)[edge, 0] * outwards < 0).all()


@pytest.mark.parametrize("name", [name for name in METHODS if not METHODS[name].asks_the_loss])
def test_derivatives_turn_with_the_loss(name):
    for column in (LEFT - 1, LEFT, RIGHT, RIGHT + 1):
        torch.testing.assert_close(moves(name, BRIGHTER, column), -moves(name, DARKER, column))
