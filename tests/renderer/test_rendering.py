"""Colours, depth and normals of whole scenes."""

from __future__ import annotations

import pytest
import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import (
    CubeTextures,
    FaceColors,
    ImageTexture,
    Lights,
    NeuralRenderer,
    VertexColors,
)

EYES = eye_from_angles(2.732, 30.0, torch.tensor([[20.0, 140.0, 250.0]]))


def spheres(dtype=torch.float32):
    vertices, faces = icosphere(2)
    sizes = torch.tensor([0.7, 0.5]).view(2, 1, 1)
    return Mesh((vertices * sizes).to(dtype), faces)


def appearances(mesh):
    """Give four ways to say: red grows with x."""
    x = mesh.vertices[0, :, 0] / 0.7 / 2 + 0.5
    colors = torch.stack((x, torch.zeros_like(x), 1 - x), dim=-1)
    corners = colors[mesh.faces]
    ramp = torch.linspace(0, 1, 256)
    image = torch.stack((ramp, torch.zeros(256), 1 - ramp)).view(1, 3, 1, 256)
    uvs = torch.stack(
        (x[mesh.faces] * 255 / 256 + 0.5 / 256, torch.full(mesh.faces.shape, 0.5)), -1
    )
    grid = torch.stack(torch.meshgrid(*[torch.arange(2.0)] * 3, indexing="ij"), dim=-1)
    cubes = torch.einsum("ijkc,fcd->fijkd", grid, corners)[None]  # linear: trilinear keeps it
    return {
        "vertices": VertexColors(colors[None]),
        "faces": FaceColors(corners.mean(1)[None]),
        "cubes": CubeTextures(cubes),
        "image": ImageTexture(image, uvs, wrap="clamp"),
    }


def test_all_appearances_look_alike():
    mesh = spheres()
    renderer = NeuralRenderer(image_size=48, anti_aliasing=False)
    images = {
        name: renderer.colors(mesh, EYES, appearance)
        for name, appearance in appearances(mesh).items()
    }
    reference = images["vertices"]
    assert reference.shape == (2, 3, 3, 48, 48)
    assert reference.amax() > 0.8
    assert (images["image"] - reference).abs().max() < 5e-3
    assert (images["faces"] - reference).abs().max() < 0.2
    assert (images["cubes"] - reference).abs().max() < 5e-3


def test_one_rasterization_gives_what_each_call_gives():
    mesh = spheres()
    renderer = NeuralRenderer(image_size=32)
    outputs = ("colors", "silhouettes", "depth", "normals")
    found = renderer.render(mesh, EYES, outputs=outputs)
    assert torch.equal(found.silhouettes, renderer.silhouettes(mesh, EYES))
    assert torch.equal(found.depth, renderer.depth(mesh, EYES))
    assert torch.equal(found.normals, renderer.normals(mesh, EYES))
    assert found.fragments.face_index.shape == (6, 64, 64)
    assert torch.equal(found.colors, found.silhouettes[:, :, None].expand(-1, -1, 3, -1, -1))
    assert renderer.render(mesh, EYES, outputs=("depth",)).colors is None


def test_depth_and_normals_are_those_of_a_sphere():
    vertices, faces = icosphere(4)
    renderer = NeuralRenderer(image_size=33, anti_aliasing=False)
    found = renderer.render(Mesh(vertices[None], faces), EYES, outputs=("depth", "normals"))
    middle = found.depth[0, :, 16, 16]
    torch.testing.assert_close(middle, torch.full((3,), 1.732), atol=2e-3, rtol=0)
    towards_eye = torch.nn.functional.normalize(EYES[0], dim=-1)
    torch.testing.assert_close(found.normals[0, :, :, 16, 16], towards_eye, atol=2e-2, rtol=0)
    assert (found.depth[0, :, 0, 0] == 100).all()
    assert (found.normals[0, :, :, 0, 0] == 0).all()


@pytest.mark.parametrize("smooth", [False, True])
def test_light_comes_from_where_it_says(smooth):
    vertices, faces = icosphere(3)
    eye = torch.tensor([[[0.0, 0.0, -2.732]]])
    image = (
        NeuralRenderer(image_size=32)
        .render(Mesh(vertices[None], faces), eye, lights=Lights(), smooth=smooth)
        .colors
    )
    top, bottom = image[0, 0, 0, 8, 16], image[0, 0, 0, 23, 16]
    assert top > 0.7
    torch.testing.assert_close(bottom, torch.tensor(0.5), atol=0.03, rtol=0)


def test_the_background_of_each_mesh():
    background = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    image = NeuralRenderer(image_size=16).render(spheres(), EYES, background=background).colors
    assert torch.equal(image[:, 1, :, 0, 0], background)


def test_pixels_of_a_wide_image_are_square():
    mesh = spheres()
    wide = NeuralRenderer(image_size=(32, 64)).silhouettes(mesh, EYES)
    square = NeuralRenderer(image_size=32).silhouettes(mesh, EYES)
    assert wide.shape[-2:] == (32, 64)
    torch.testing.assert_close(wide[..., 16:48], square)
    assert wide.sum() == wide[..., 16:48].sum()


def test_another_camera_may_project():
    mesh = spheres()
    renderer = NeuralRenderer(image_size=24)
    projected = renderer.project(mesh, EYES).view(2, 3, -1, 3)
    found = renderer.render(mesh, projected=projected, outputs=("silhouettes",)).silhouettes
    assert torch.equal(found, renderer.silhouettes(mesh, EYES))


def test_gradients_reach_everything():
    mesh = spheres()
    vertices = mesh.vertices.clone().requires_grad_()
    colors = torch.rand(1, mesh.vertices.shape[1], 3, requires_grad=True)
    eyes = EYES.clone().requires_grad_()
    direction = torch.tensor([0.3, 1.0, -0.4], requires_grad=True)
    found = NeuralRenderer(image_size=24).render(
        Mesh(vertices, mesh.faces),
        eyes,
        outputs=("colors", "silhouettes", "depth", "normals"),
        appearance=VertexColors(colors),
        lights=Lights(direction=direction),
    )
    images = (found.colors, found.silhouettes, found.depth, found.normals)
    generator = torch.Generator().manual_seed(0)
    sum((image * torch.rand(image.shape, generator=generator)).sum() for image in images).backward()
    for leaf in (vertices, colors, eyes, direction):
        assert leaf.grad.isfinite().all()
        assert leaf.grad.abs().sum() > 0


def test_bad_requests_are_named():
    mesh, renderer = spheres(), NeuralRenderer(image_size=16)
    with pytest.raises(ValueError, match="outputs must be one of .* did you mean colors"):
        renderer.render(mesh, EYES, outputs=("color",))
    with pytest.raises(ValueError, match="either eyes or projected must be given"):
        renderer.render(mesh)
    with pytest.raises(ValueError, match=r"projected must have shape \[2, N, 162, 3\]"):
        renderer.render(mesh, projected=torch.zeros(1, 1, 162, 3))
    with pytest.raises(ValueError, match=r"image_size must be one side or \(H, W\)"):
        NeuralRenderer(image_size=(8, 8, 8))


def test_colours_of_another_number_of_faces_are_refused():
    mesh, renderer = spheres(), NeuralRenderer(image_size=16)
    with pytest.raises(ValueError, match=r"FaceColors: values must have shape \[B, 320, C\]"):
        renderer.colors(mesh, EYES, FaceColors(torch.zeros(1, 2, 3)))
