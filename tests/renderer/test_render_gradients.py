"""Gradients of whole renderings that are exact, against finite differences in float64.

Colours and silhouettes have Kato's gradient to the vertices, which is none of these.
"""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from nr3d.geometry import Mesh, eye_from_angles
from nr3d.renderer import (
    CubeTextures,
    FaceColors,
    ImageTexture,
    Lights,
    Materials,
    NeuralRenderer,
    VertexColors,
)

FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [3, 2, 4]])  # a bent sheet; some are seen from behind
EYES = eye_from_angles(2.7, torch.tensor([[25.0, 10.0]]), torch.tensor([[15.0, 160.0]])).double()
AT = torch.tensor([0.1, -0.05, 0.02], dtype=torch.float64)
UP = torch.tensor([0.1, 1.0, 0.2], dtype=torch.float64)


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def sheet():
    points = [[-0.8, -0.6, 0.1], [0.9, -0.7, -0.3], [0.7, 0.5, 0.2], [-0.6, 0.6, -0.2], [0.2, 1, 1]]
    vertices = torch.tensor([points], dtype=torch.float64)
    return torch.cat((vertices, vertices * 0.8 + 0.03 * random(1, 5, 3)))


def renderer_of(anti_aliasing=False, **settings):
    return NeuralRenderer(image_size=(6, 7), anti_aliasing=anti_aliasing, **settings)


def leaves(*tensors):
    return [tensor.clone().requires_grad_() for tensor in tensors]


APPEARANCES = {
    "vertices": (VertexColors, (2, 5, 3)),
    "faces": (FaceColors, (2, 3, 3)),
    "cubes": (CubeTextures, (2, 3, 3, 3, 3, 3)),
    "cubes of one texel": (CubeTextures, (1, 3, 1, 1, 1, 3)),
}


def test_the_scene_shows_fronts_and_backs_of_most_faces():
    mesh = Mesh(sheet(), FACES)
    seen = renderer_of().render(mesh, EYES, outputs=("depth",)).fragments.face_index.unique()
    assert {0, 1, 2, 3, 4} <= set(seen.tolist())


@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("name", APPEARANCES)
def test_colours_of_every_kind(name, anti_aliasing):
    kind, shape = APPEARANCES[name]
    mesh, renderer = Mesh(sheet(), FACES), renderer_of(anti_aliasing)
    assert gradcheck(lambda v: renderer.colors(mesh, EYES, kind(v)), leaves(random(*shape)))


@pytest.mark.parametrize("wrap", ["repeat", "mirror", "clamp", "border"])
def test_images_and_their_coordinates(wrap):
    mesh, renderer = Mesh(sheet(), FACES), renderer_of()

    def colors(image, uvs):
        return renderer.colors(mesh, EYES, ImageTexture(image, uvs, wrap=wrap))

    assert gradcheck(colors, leaves(random(2, 3, 2, 3), random(3, 3, 2) * 3 - 1))


def test_materials():
    mesh, renderer = Mesh(sheet(), FACES), renderer_of()

    def colors(plain, image, uvs):
        which = torch.tensor([0, -1, 0])
        return renderer.colors(mesh, EYES, Materials(plain, [image], ["repeat"], which, uvs))

    assert gradcheck(colors, leaves(random(1, 3, 3), random(3, 3, 2), random(3, 3, 2)))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("rows", [(), (2,)])
def test_lights_and_background(rows, smooth):
    mesh, renderer = Mesh(sheet(), FACES), renderer_of()

    def colors(*values):
        lights, background = Lights(*values[:5]), values[5]
        found = renderer.render(mesh, EYES, lights=lights, background=background, smooth=smooth)
        return found.colors

    shapes = [rows] * 2 + [(*rows, 3)] * 4
    assert gradcheck(colors, leaves(*(random(*shape) + 0.2 for shape in shapes)))


@pytest.mark.parametrize("right_handed", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
def test_normals_and_lit_colours_follow_the_mesh(smooth, right_handed):
    """With `projected` fixed: the weights of a pixel's corners have no gradient."""
    vertices, renderer = sheet(), renderer_of()
    projected = renderer.project(Mesh(vertices, FACES), EYES).unflatten(0, (2, 2))

    def images(vertices):
        found = renderer.render(
            Mesh(vertices, FACES),
            projected=projected,
            right_handed=right_handed,
            outputs=("normals", "colors"),
            lights=Lights(direction=(0.3, 0.5, -0.9)),
            smooth=smooth,
        )
        return found.normals, found.colors

    assert gradcheck(images, leaves(vertices))


def test_normals_do_not_follow_the_place_on_the_face():
    """What `Rendering.normals` says is missing: none to the camera, to vertices as if it stood."""
    vertices, renderer = sheet().requires_grad_(), renderer_of()
    eyes = EYES.clone().requires_grad_()
    still = renderer.project(Mesh(vertices.detach(), FACES), EYES).unflatten(0, (2, 2))
    weights = random(2, 2, 3, 6, 7)
    grads = []
    for view in ({"eyes": eyes}, {"projected": still}):
        found = renderer.render(Mesh(vertices, FACES), **view, outputs=("normals",)).normals
        leaves = (vertices, eyes)
        grads.append(torch.autograd.grad((found * weights).sum(), leaves, allow_unused=True))
    assert grads[0][1] is None
    assert grads[0][0].abs().max() > 0
    torch.testing.assert_close(grads[0][0], grads[1][0])


@pytest.mark.parametrize("perspective", [False, True])
def test_depth_follows_mesh_and_camera(perspective):
    renderer = renderer_of(anti_aliasing=True, perspective=perspective)

    def depth(vertices, eyes, at, up):
        mesh = Mesh(vertices, FACES)
        return renderer.render(mesh, eyes, at=at, up=up, outputs=("depth",)).depth

    assert gradcheck(depth, leaves(sheet(), EYES, AT, UP))


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("rows", [1, 2])
def test_own_cameras(perspective, rows):
    """Points, eyes, `at` and `up`, of all meshes and of each."""
    renderer = renderer_of(perspective=perspective)
    eyes, at, up = (value.expand(rows, 2, 3) for value in (EYES, AT, UP))

    def project(vertices, eyes, at, up):
        return renderer.project(Mesh(vertices, FACES), eyes, at=at, up=up)

    assert gradcheck(project, leaves(sheet(), eyes, at, up))
