"""From meshes and eyes to silhouettes and back, against recorded chains and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from nr3d.geometry import Mesh, eye_from_angles, icosphere, look_at, perspective
from nr3d.renderer import NeuralRenderer, kato_edges, rasterize


def spheres(num_meshes: int) -> Mesh:
    vertices, faces = icosphere(2)
    radii = 0.4 + 0.3 * torch.rand(num_meshes, 1, 3)
    return Mesh(radii * vertices, faces)


def ring_of_eyes(count: int) -> Tensor:
    azimuths = torch.arange(count) * 360.0 / count
    return eye_from_angles(torch.tensor(2.732), torch.tensor(30.0), azimuths).expand(1, count, 3)


def test_one_view_after_another_gives_the_same():
    mesh, eyes = spheres(3), ring_of_eyes(4)
    renderer = NeuralRenderer(image_size=24)
    images = renderer.silhouettes(mesh, eyes)
    assert images.shape == (3, 4, 24, 24)
    assert torch.equal(images, renderer.silhouettes(mesh, eyes.expand(3, 4, 3)))
    for b in range(3):
        for n in range(4):
            one = Mesh(mesh.vertices[b : b + 1], mesh.faces)
            alone = renderer.silhouettes(one, eyes[:, n : n + 1])
            assert torch.equal(alone[0, 0], images[b, n])


def test_views_of_their_own_for_each_mesh():
    mesh = spheres(2)
    renderer = NeuralRenderer(image_size=16)
    eyes = torch.stack([ring_of_eyes(3)[0], ring_of_eyes(5)[0, 1:4]])
    images = renderer.silhouettes(mesh, eyes)
    for b in range(2):
        one = Mesh(mesh.vertices[b : b + 1], mesh.faces)
        assert torch.equal(renderer.silhouettes(one, eyes[b : b + 1])[0], images[b])


def test_at_and_up_turn_the_camera():
    mesh, eyes = spheres(1), ring_of_eyes(4)
    renderer = NeuralRenderer(image_size=32)
    plain = renderer.silhouettes(mesh, eyes)
    shift = torch.tensor([0.3, -0.1, 0.2])
    moved = Mesh(mesh.vertices + shift, mesh.faces)
    assert (renderer.silhouettes(moved, eyes + shift, at=shift) - plain).abs().mean() < 1e-3
    per_view = shift.expand(1, eyes.shape[1], 3)
    same = renderer.silhouettes(moved, eyes + shift, at=per_view)
    assert torch.equal(same, renderer.silhouettes(moved, eyes + shift, at=shift))
    upside_down = renderer.silhouettes(mesh, eyes, up=(0.0, -1.0, 0.0))
    assert (upside_down - plain.flip(2, 3)).abs().mean() < 1e-3
    with pytest.raises(ValueError, match="NeuralRenderer: at must have 1 or 1 rows"):
        renderer.silhouettes(mesh, eyes, at=per_view[:, :1])


def test_anti_aliasing_averages_four_pixels():
    mesh, eyes = spheres(2), ring_of_eyes(2)
    fine = NeuralRenderer(image_size=48, anti_aliasing=False).silhouettes(mesh, eyes)
    smooth = NeuralRenderer(image_size=24).silhouettes(mesh, eyes)
    assert torch.equal(smooth, functional.avg_pool2d(fine, 2))
    assert ((smooth > 0) & (smooth < 1)).any()


def test_near_and_far_cut():
    mesh, eyes = spheres(1), torch.tensor([[[0.0, 0.0, -3.0]]])
    assert NeuralRenderer(image_size=16).silhouettes(mesh, eyes).sum() > 0
    for limits in ({"far": 2.0}, {"near": 5.0}):
        assert NeuralRenderer(image_size=16, **limits).silhouettes(mesh, eyes).sum() == 0


def test_gradients_reach_vertices_and_eyes():
    mesh, eyes = spheres(2), ring_of_eyes(3).clone().requires_grad_()
    leaf = mesh.vertices.clone().requires_grad_()
    images = NeuralRenderer(image_size=16).silhouettes(Mesh(leaf, mesh.faces), eyes)
    images.sum().backward()
    assert leaf.grad.isfinite().all() and (leaf.grad.abs().amax((1, 2)) > 0).all()
    assert eyes.grad.isfinite().all() and (eyes.grad.abs().amax(-1) > 0).all()


CHAINS = [
    f"case_{case}_64_aa1_fillback{fill_back}"
    for case in ("07_teapot_5views", "08_icospheres4")
    for fill_back in (0, 1)
]


def chain_of(case, dtype=torch.float32):
    """The renderer of a recorded chain, its meshes (vertices to differentiate) and its eyes."""
    eyes = torch.from_numpy(case["eyes"])[:, None].to(dtype)
    vertices = torch.from_numpy(case["vertices"]).to(dtype)
    vertices = vertices.expand(len(eyes), *vertices.shape[-2:]).clone().requires_grad_()
    renderer = NeuralRenderer(
        image_size=64,
        viewing_angle=float(case["viewing_angle"]),
        anti_aliasing=False,
        eps=float(case["eps"]),
        fill_back=bool(case["fill_back"]),
    )
    return renderer, Mesh(vertices, torch.from_numpy(case["face_indices"])), eyes


@pytest.mark.parametrize("name", CHAINS)
def test_the_camera_of_the_chain(truth, name):
    case = truth(name)
    renderer, mesh, eyes = chain_of(case)
    faces, num_faces = mesh.faces.long(), len(mesh.faces)
    projected = renderer.project(mesh, eyes)
    recorded = torch.from_numpy(case["faces"])  # with fill_back, the backs come second
    torch.testing.assert_close(projected[:, faces], recorded[:, :num_faces], rtol=0, atol=1e-6)
    grad_faces = torch.from_numpy(case["grad_faces_alpha"]).double()
    corners = faces if grad_faces.shape[1] == num_faces else torch.cat([faces, faces.flip(1)])
    grad_projected = torch.zeros(projected.shape, dtype=torch.float64)
    grad_projected.index_add_(1, corners.flatten(), grad_faces.flatten(1, 2))
    projected.backward(grad_projected.float())
    expected = torch.from_numpy(case["grad_vertices_alpha"])
    assert (mesh.vertices.grad - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("name", CHAINS)
def test_the_chain_through_the_camera(truth, name):
    case = truth(name)
    expected = torch.from_numpy(case["grad_vertices_alpha"])
    errors = []
    for dtype in (torch.float32, torch.float64):
        renderer, mesh, eyes = chain_of(case, dtype)
        images = renderer.silhouettes(mesh, eyes)[:, 0]
        assert torch.equal(images, torch.from_numpy(case["alpha"]).to(dtype))
        images.backward(torch.from_numpy(case["grad_alpha"]).to(dtype))
        errors.append((mesh.vertices.grad - expected).abs() / expected.abs().max())
    # The camera's roundings move crossings by 1e-6 px or so, which only the poles of the gradient
    # (one over the distance) enlarge, in a handful of entries. The recorded camera rounded in
    # float32 too, in another order, so that the chain in float64 is the yardstick.
    single, exact = errors
    assert single.max() <= 1e-3 and exact.max() <= 1e-2
    assert (single > 1e-4).sum() <= (exact > 1e-4).sum()
    assert (exact > 1e-4).float().mean() <= 5e-3


def test_the_reconstruction_pipeline_of_the_authors(truth):
    # Theirs scales face vertices by 127/126 and samples the double-size silhouette at i * 127/63.
    case = truth("aux_mesh_reconstruction_silhouette")
    vertices = torch.from_numpy(case["vertices"]).requires_grad_()
    faces = torch.from_numpy(case["faces"])
    points = look_at(vertices, torch.from_numpy(case["eyes"]))
    points = perspective(points, viewing_angle=float(case["viewing_angle"])) * (127 / 126)
    face_index = rasterize(points, faces, image_size=128).face_index
    alpha = (face_index >= 0).float()[:, None]
    internal = torch.from_numpy(case["internal_alpha"]).float().flip(1)
    assert torch.equal(alpha[:, 0], internal)
    alpha = kato_edges(alpha, points, faces=faces, face_index=face_index, eps=1e-3)
    images = functional.interpolate(alpha, size=64, mode="bilinear", align_corners=True)[:, 0]
    silhouettes = torch.from_numpy(case["silhouettes"])
    torch.testing.assert_close(images, silhouettes, rtol=0, atol=1e-5)  # rounding of the samples
    target = torch.from_numpy(case["target"])
    overlap = (images * target).sum((1, 2))
    union = (images + target - images * target).sum((1, 2))
    loss = 1 - (overlap / union).mean()
    assert loss.item() == pytest.approx(float(case["iou_loss"]), abs=1e-5)
    loss.backward()
    expected = torch.from_numpy(case["grad_vertices"])
    error = (vertices.grad - expected).abs().max()
    assert error <= 2e-3 * expected.abs().max()  # as between their fused and unfused kernels


@pytest.mark.parametrize("by_render", [False, True])
def test_the_options_of_the_authors_pipeline(truth, by_render):
    case = truth("aux_mesh_reconstruction_silhouette")
    vertices = torch.from_numpy(case["vertices"]).requires_grad_()
    renderer = NeuralRenderer(
        image_size=64,
        viewing_angle=float(case["viewing_angle"]),
        eps=1e-3,
        downsampling="corner_aligned",
        magnification=127 / 126,
    )
    mesh = Mesh(vertices, torch.from_numpy(case["faces"]))
    eyes = torch.from_numpy(case["eyes"]).expand(len(vertices), 3)[:, None]
    if by_render:
        images = renderer.render(mesh, eyes, outputs=("silhouettes",)).silhouettes[:, 0]
    else:
        images = renderer.silhouettes(mesh, eyes)[:, 0]
    torch.testing.assert_close(images, torch.from_numpy(case["silhouettes"]), rtol=0, atol=1e-5)
    target = torch.from_numpy(case["target"])
    overlap = (images * target).sum((1, 2))
    union = (images + target - images * target).sum((1, 2))
    (1 - (overlap / union).mean()).backward()
    expected = torch.from_numpy(case["grad_vertices"])
    assert (vertices.grad - expected).abs().max() <= 2e-3 * expected.abs().max()


def test_corner_aligned_images_of_every_kind():
    sphere, faces = icosphere(2)
    mesh = Mesh(0.4 * sphere[None], faces)
    settings = {"image_size": (16, 24), "downsampling": "corner_aligned"}
    found = NeuralRenderer(**settings).render(
        mesh, ring_of_eyes(1), outputs=("colors", "silhouettes", "depth", "normals")
    )
    assert found.colors.shape == (1, 1, 3, 16, 24) and found.depth.shape == (1, 1, 16, 24)
    torch.testing.assert_close(found.colors[:, :, 0], found.silhouettes)
    with pytest.raises(ValueError, match="downsampling must be mean without anti_aliasing, got"):
        NeuralRenderer(anti_aliasing=False, downsampling="corner_aligned")
    with pytest.raises(ValueError, match="downsampling must be one of mean, corner_aligned"):
        NeuralRenderer(downsampling="nearest")
    with pytest.raises(ValueError, match="magnification must be above 0, got 0"):
        NeuralRenderer(magnification=0)


def test_the_teapot_looks_as_in_blender(truth, shared_data):
    teapot = truth("aux_load_obj_teapot")
    mesh = Mesh(
        torch.from_numpy(teapot["vertices_normalized"])[None], torch.from_numpy(teapot["faces"])
    )
    renderer = NeuralRenderer(image_size=256, anti_aliasing=False)
    eye = torch.tensor([[[0.0, 0.0, -2.7320508]]])
    covered = renderer.silhouettes(mesh, eye)[0, 0].numpy() > 0
    with Image.open(shared_data("teapot_blender.png")) as picture:
        expected = np.asarray(picture.convert("RGB")).min(-1) < 255  # white background
    assert expected.sum() == 7580
    assert (covered != expected).sum() == 0


def test_descent_raises_the_iou():
    target_mesh, eyes = spheres(1), ring_of_eyes(4)
    renderer = NeuralRenderer(image_size=32)
    target = renderer.silhouettes(target_mesh, eyes)
    vertices = (0.35 * icosphere(2)[0][None] + 0.1).requires_grad_()
    optimizer = torch.optim.Adam([vertices], lr=0.01)
    losses = []
    for _ in range(40):
        images = renderer.silhouettes(Mesh(vertices, target_mesh.faces), eyes)
        overlap = (images * target).sum((2, 3))
        loss = 1 - (overlap / (images + target - images * target).sum((2, 3))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert 1 - losses[0] < 0.6
    assert 1 - losses[-1] > 0.85  # free vertices and no smoothness: the last tenth needs either


def test_the_image_does_not_depend_on_the_mesh_being_a_view():
    mesh = spheres(1)
    eyes = ring_of_eyes(1)
    renderer = NeuralRenderer(image_size=16)
    expected = renderer.silhouettes(mesh, eyes).expand(3, 1, 16, 16)
    shared = Mesh(mesh.vertices.expand(3, -1, -1), mesh.faces)
    assert torch.equal(renderer.silhouettes(shared, eyes), expected)
