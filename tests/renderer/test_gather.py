"""Sums in a fixed order, and the way of other devices, where no number of pixels is known."""

from __future__ import annotations

import inspect
import sys

import pytest
import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.geometry.topology import edge_numbers
from nr3d.renderer import (
    RENDERERS,
    AntialiasRenderer,
    NeuralRenderer,
    OpenDRRenderer,
    VertexColors,
    gather,
)


def test_sums_and_their_gradient():
    index = torch.tensor([[0, 2], [2, 2]])
    values = torch.arange(3.0, dtype=torch.float64, requires_grad=True)
    assert torch.equal(
        gather.sum_at(index.flatten(), torch.ones(4), 4), torch.tensor([1.0, 0, 3, 0])
    )
    assert torch.autograd.gradcheck(lambda v: gather.take(v, index).square(), (values,))


def test_edges_are_numbered_alike_by_all_their_faces():
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [1, 2, 4], [5, 6, 7]])
    numbers = edge_numbers(faces)
    shared = {int(numbers[0, 1]), int(numbers[1, 0]), int(numbers[2, 0])}
    assert len(shared) == 1
    assert len(numbers.unique()) == 10
    assert edge_numbers(faces[:0]).shape == (0, 3)
    assert len(edge_numbers(icosphere(2)[1].long()).unique()) == 480


@pytest.mark.parametrize("kind", [OpenDRRenderer, AntialiasRenderer])
def test_all_pixels_give_what_the_busy_ones_give(kind, monkeypatch):
    """On other devices than the CPU every pixel is looked at, and masked."""
    sphere, faces = icosphere(1)
    colors = VertexColors(torch.rand(1, len(sphere), 3))
    eyes = eye_from_angles(2.7, 30.0, torch.tensor([[0.0, 70.0]]))

    def gradient():
        vertices = (sphere[None] * torch.tensor([0.5, 0.6, 0.4])).clone().requires_grad_()
        images = kind(image_size=(40, 44)).render(
            Mesh(vertices, faces), eyes, outputs=("colors", "silhouettes"), appearance=colors
        )
        (images.colors.square().sum() + images.silhouettes.sum()).backward()
        return vertices.grad

    expected = gradient()

    def every_place(mask):
        return torch.arange(mask.numel())

    for module in ("opendr", "antialias"):
        monkeypatch.setattr(sys.modules[f"nr3d.renderer.{module}"], "pixels_where", every_place)
    assert expected.abs().max() > 0
    torch.testing.assert_close(gradient(), expected, rtol=1e-5, atol=1e-5)


def test_renderers_share_their_settings_and_calls():
    of_the_paper = {"downsampling", "magnification"}  # how Kato et al. trained
    wanted = inspect.signature(NeuralRenderer).parameters
    wanted = {key: wanted[key] for key in wanted if key not in of_the_paper}
    for name in ("opendr", "antialias"):
        found = inspect.signature(RENDERERS[name]).parameters
        assert set(wanted) <= set(found)
        others = {key for key in wanted if found[key].default != wanted[key].default}
        assert others <= {"anti_aliasing"}
    for method in ("silhouettes", "colors", "render", "project"):
        kinds = (NeuralRenderer, OpenDRRenderer, AntialiasRenderer)
        signatures = {str(inspect.signature(getattr(each, method))) for each in kinds}
        assert len(signatures) == 1
