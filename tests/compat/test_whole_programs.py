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


def test_textures_are_fitted(shared_data):
    """The third example: the teapot takes on the colours of an image."""
    vertices, faces = nr.load_obj(shared_data("teapot.obj"))
    textures = torch.zeros(1, len(faces), 4, 4, 4, 3, device=vertices.device, requires_grad=True)
    renderer = nr.Renderer(camera_mode="look_at", image_size=64, perspective=False)
    renderer.light_intensity_directional = 0.0
    renderer.light_intensity_ambient = 1.0
    color = torch.tensor([0.8, 0.4, 0.2], device=vertices.device).view(1, 3, 1, 1)
    optimizer = torch.optim.Adam([textures], lr=0.1, betas=(0.5, 0.999))
    losses = []
    for step in range(60):
        renderer.eye = nr.get_points_from_angles(2.732, 0, 30.0 * step)
        optimizer.zero_grad()
        image, _, alpha = renderer(vertices[None], faces[None], torch.tanh(textures))
        loss = ((image - color) * alpha[:, None]).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_a_camera_is_found(shared_data):
    """The fourth example: the eye moves until the teapot has the given silhouette."""
    vertices, faces = nr.load_obj(shared_data("teapot.obj"))
    renderer = nr.Renderer(camera_mode="look_at", image_size=64)
    eye = nr.get_points_from_angles(2.732, 30, -15)
    renderer.eye = eye
    target = (renderer(vertices[None], faces[None], mode="silhouettes") != 0).float()
    renderer.eye = torch.nn.Parameter(torch.tensor([6.0, 10.0, -14.0], device=vertices.device))
    optimizer = torch.optim.Adam(renderer.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        image = renderer(vertices[None], faces[None], mode="silhouettes")
        loss = (image - target).square().sum()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * target.sum()
    np.testing.assert_allclose(renderer.eye.detach().cpu().numpy(), eye, atol=0.2)
