"""Renderers that index tensors by faces nobody has looked at: a complaint, no wrong access."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import AntialiasRenderer, Lights, NeuralRenderer, OpenDRRenderer, VertexColors
from tests.emu.emulation import emulate

MESSAGE = r"faces must hold vertex indices inside \[0, 12\), got 99 at \[5, 1\] .found on cpu by an"


@pytest.mark.parametrize("kind", [NeuralRenderer, OpenDRRenderer, AntialiasRenderer])
@pytest.mark.parametrize("what", ["silhouettes", "colors", "lit colors", "normals"])
def test_faces_out_of_range_are_told(library, kind, what):
    vertices, faces = icosphere(0)
    bad = faces.clone()
    bad[5, 1] = 99
    eyes = eye_from_angles(2.732, 30.0, torch.tensor([[20.0]]))
    renderer = kind(image_size=16, viewing_angle=15.0)
    leaf = (vertices[None] * 0.5).requires_grad_()

    def draw(faces: torch.Tensor) -> torch.Tensor:
        if what == "silhouettes":
            return renderer.silhouettes(Mesh(leaf, faces), eyes)
        if what == "normals":
            return renderer.normals(Mesh(leaf, faces), eyes)
        lights = Lights() if what == "lit colors" else None
        return renderer.colors(Mesh(leaf, faces), eyes, VertexColors(vertices[None]), lights=lights)

    with emulate(library, "0"), pytest.raises(ValueError, match=MESSAGE):
        draw(bad).sum().backward()
        draw(faces)
