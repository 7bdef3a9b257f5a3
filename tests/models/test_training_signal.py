"""Model, renderer, losses and optimizer together: the loss falls."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.losses import silhouette_iou_loss, smoothness_loss
from nr3d.models import MeshDeformer
from nr3d.optim import OPTIMIZERS
from nr3d.renderer import NeuralRenderer


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_silhouettes_of_boxy_shapes_are_learned(optimizer: str) -> None:
    renderer = NeuralRenderer(image_size=32, viewing_angle=15.0)
    azimuths = torch.tensor([0.0, 120.0, 240.0])
    eyes = eye_from_angles(2.732, 30.0, azimuths)[None]  # [1, N, 3]
    sphere, faces = icosphere(2)
    sizes = torch.tensor([[0.45, 0.15, 0.45], [0.15, 0.45, 0.15]])  # a plate and a post
    with torch.no_grad():
        shapes = Mesh(sphere * sizes[:, None], faces)
        target = renderer.silhouettes(shapes, eyes)  # [2, N, H, W]
    images = target[:, :1].expand(-1, 4, -1, -1)
    model = MeshDeformer(
        encoder="small",
        image_size=32,
        subdivisions=2,
        decoder_widths=(64, 128),
        free_zero_coordinates=True,
    )
    edges = edges_with_opposite_vertices(model.faces)
    descent = OPTIMIZERS[optimizer](model.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        mesh = model(images)
        silhouettes = renderer.silhouettes(mesh, eyes)
        silhouette = silhouette_iou_loss(silhouettes.flatten(0, 1), target.flatten(0, 1))
        loss = silhouette + 1e-3 * smoothness_loss(mesh.vertices, edges)
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(silhouette.item())
    assert losses[-1] < 0.6 * losses[0], losses  # from 0.47 to 0.24 or less
