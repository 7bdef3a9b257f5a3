"""What users of the old library did with it, from end to end."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from nr3d.compat import neural_renderer as nr


def test_the_teapot_looks_as_in_blender(shared_data):
    vertices, faces = nr.load_obj(shared_data("teapot.obj"))
    renderer = nr.Renderer(camera_mode="look_at", image_size=256, anti_aliasing=False)
    for mode in ("silhouettes", None):
        textures = torch.ones(1, len(faces), 2, 2, 2, 3, device=vertices.device)
        images = renderer(vertices[None], faces[None], textures, mode=mode)
        alpha = images if mode else images[2]
        with Image.open(shared_data("teapot_blender.png")) as picture:
            expected = np.asarray(picture.convert("RGB")).min(-1) < 255  # white background
        assert ((alpha[0].cpu().numpy() > 0) == expected).all()


def test_vertices_are_fitted_as_before(truth, shared_data):
    """The second example of the original: a teapot becomes a rectangle."""
    case = truth("aux_trace_example2_vertices64")
    vertices, faces = nr.load_obj(shared_data("teapot.obj"))
    leaf = vertices[None].clone().requires_grad_()
    target = torch.from_numpy(case["reference_silhouette"]).to(leaf)
    renderer = nr.Renderer(camera_mode="look_at", image_size=int(case["image_size"]))
    renderer.eye = nr.get_points_from_angles(2.732, 0, 90)
    optimizer = torch.optim.Adam([leaf], lr=float(case["lr"]))
    losses = []
    for step in range(len(case["loss"])):
        optimizer.zero_grad()
        loss = (renderer(leaf, faces[None], mode="silhouettes") - target).square().sum()
        loss.backward()
        if step == 0:
            expected = torch.from_numpy(case["grad_vertices_iter0"])
            difference = (leaf.grad.cpu() - expected).abs().max()
            assert difference <= 2e-3 * expected.abs().max()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(losses[:20], case["loss"][:20], rtol=0.01)
    np.testing.assert_allclose(losses[-1], case["loss"][-1], rtol=0.1)
