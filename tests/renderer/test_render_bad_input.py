"""What the renderer does with meshes, cameras and textures that are odd or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import torch

from nr3d.geometry import Mesh, icosphere
from nr3d.renderer import (
    CubeTextures,
    FaceColors,
    ImageTexture,
    Lights,
    Materials,
    NeuralRenderer,
    VertexColors,
)

OUTPUTS = ("colors", "silhouettes", "depth", "normals")
EYE = torch.tensor([[[0.0, 0.3, -3.0]]])
RENDERER = NeuralRenderer(image_size=12)


def ball():
    vertices, faces = icosphere(1)
    return Mesh(vertices[None] * 0.7, faces)


def draw(mesh, eyes=EYE, **settings):
    return RENDERER.render(mesh, eyes, outputs=OUTPUTS, lights=Lights(), **settings)


@pytest.mark.parametrize(
    ("num_meshes", "num_vertices", "num_faces", "message"),
    [
        (1, 42, 0, "faces must hold at least 1 face, got shape [0, 3]"),
        (1, 0, 0, "faces must hold at least 1 face, got shape [0, 3]"),
        (1, 0, 80, "faces must hold vertex indices inside [0, 0), got 0 at [0, 0]"),
        (0, 42, 80, "vertices must hold at least 1 mesh, got shape [0, 42, 3]"),
    ],
)
def test_empty_meshes_are_refused(num_meshes, num_vertices, num_faces, message):
    mesh = ball()
    mesh = Mesh(mesh.vertices[:num_meshes, :num_vertices], mesh.faces[:num_faces])
    for call in (draw, RENDERER.silhouettes, RENDERER.depth, RENDERER.normals):
        with pytest.raises(ValueError, match="^rasterize: " + re.escape(message)):
            call(mesh, EYE)


def test_no_views_are_refused():
    with pytest.raises(ValueError, match=r"vertices must hold at least 1 mesh, got shape \[0, 42"):
        draw(ball(), EYE[:, :0])


def test_meshes_that_are_no_manifolds_are_drawn():
    """Three faces at an edge, one of them twice, one turned around, one a line, one a point."""
    faces = torch.tensor(
        [[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 4], [2, 1, 0], [0, 1, 1], [2] * 3]
    )
    points = [[0.0, -0.6, 0], [0, 0.6, 0], [0.8, 0, 0.1], [-0.7, 0.1, 0.3], [0.2, 0, -0.8], [9] * 3]
    vertices = torch.tensor([points], requires_grad=True)
    for smooth in (False, True):
        found = draw(Mesh(vertices, faces), smooth=smooth)
        images = [getattr(found, name) for name in OUTPUTS]
        assert all(image.isfinite().all() for image in images)
        assert found.silhouettes.sum() > 5
        (grad,) = torch.autograd.grad(sum(image.sum() for image in images), vertices)
        assert grad.isfinite().all() and (grad[0, 5] == 0).all()


def test_an_eye_at_the_point_that_it_looks_at_is_refused():
    with pytest.raises(
        ValueError, match=r"^rasterize: vertices must be finite, got nan at \[0, 0, "
    ):
        draw(ball(), EYE, at=tuple(EYE.flatten().tolist()))


@pytest.mark.parametrize(
    "settings",
    [
        {"up": (0.0, 0.3, -3.0)},  # parallel to the viewing direction
        {"up": (0.0, 0.0, 0.0)},
        {"at": (0.0, 0.6, -6.0)},  # everything lies behind
    ],
)
def test_cameras_that_see_nothing_draw_nothing(settings):
    vertices, eyes = ball().vertices.requires_grad_(), EYE.clone().requires_grad_()
    found = draw(Mesh(vertices, ball().faces), eyes, **settings)
    assert (found.silhouettes == 0).all() and (found.colors == 0).all()
    assert (found.depth == 100).all() and (found.normals == 0).all()
    for image in (found.colors, found.depth, found.normals):
        grads = torch.autograd.grad(
            image.sum(), (vertices, eyes), allow_unused=True, retain_graph=True
        )
        assert all(grad is None or grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("size", [-3, 0, (8, -8), (-8, 8)])
def test_image_sizes_must_be_positive(size):
    shown = size if isinstance(size, int) else min(size)
    message = f"^NeuralRenderer: image_size must be at least 1, got {shown}$"
    with pytest.raises(ValueError, match=message):
        NeuralRenderer(image_size=size)


@pytest.mark.parametrize("anti_aliasing", [False, True])
def test_images_and_textures_of_one_pixel(anti_aliasing):
    """An image of one pixel, and three ways to say that all is of one colour."""
    mesh, color = ball(), torch.tensor([0.2, 0.5, 0.9])
    num_faces = mesh.faces.shape[0]
    ways = [
        FaceColors(color.expand(1, num_faces, 3)),
        CubeTextures(color.expand(1, num_faces, 1, 1, 1, 3)),
        ImageTexture(color.view(1, 3, 1, 1), torch.rand(num_faces, 3, 2) * 4 - 2),
    ]
    renderer = NeuralRenderer(image_size=1, viewing_angle=10.0, anti_aliasing=anti_aliasing)
    for appearance in ways:
        image = renderer.colors(mesh, EYE, appearance)
        torch.testing.assert_close(image.flatten(), color)


@pytest.mark.parametrize("sides", [(0, 0, 0), (1, 2, 1), (2, 2, 3)])
def test_cubes_must_be_cubes(sides):
    cubes = CubeTextures(torch.zeros(1, 80, *sides, 3))
    with pytest.raises(ValueError, match="sample_cubes: cubes must have three equal sides of at l"):
        RENDERER.colors(ball(), EYE, cubes)


def test_textures_of_other_faces_are_refused():
    with pytest.raises(ValueError, match=r"uvs must have shape \[80, 3, 2\], got \[79, 3, 2\]"):
        RENDERER.colors(ball(), EYE, ImageTexture(torch.zeros(1, 3, 2, 2), torch.zeros(79, 3, 2)))


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("background", "error", "message"),
    [
        ((1, 0), ValueError, "must have shape [3] or [B, 3], got [2]"),
        ((1, 0, 0, 1), ValueError, "must have shape [3] or [B, 3], got [4]"),
        (0.5, ValueError, "must have shape [3] or [B, 3], got []"),
        (torch.zeros(3, 1), ValueError, "must have shape [3] or [B, 3], got [3, 1]"),
        (torch.zeros(1, 1, 3), ValueError, "must have shape [3] or [B, 3], got [1, 1, 3]"),
        (
            torch.zeros(2, 3),
            ValueError,
            "must have 1 or 1 rows, as many as there are meshes, got shape [2, 3]",
        ),
        ("white", TypeError, "must be a tensor or three numbers, got 'white'"),
        (None, TypeError, "must be a tensor or three numbers, got None"),
        (torch.zeros(3, dtype=torch.complex64), TypeError, "must be real, got complex64"),
        ((0.0, NAN, 0.0), ValueError, "must be finite, got nan"),
        (torch.tensor([0, 0, -INFINITY], requires_grad=True), ValueError, "must be finite, got -i"),
    ],
)
def test_bad_backgrounds_are_named(background, error, message):
    with pytest.raises(error, match="^" + re.escape("NeuralRenderer: background " + message)):
        draw(ball(), background=background)
    with pytest.raises(error, match="^" + re.escape("NeuralRenderer: background " + message)):
        RENDERER.colors(ball(), EYE, None, background=background)


@pytest.mark.parametrize("background", [[1, 0, 1], ((1.0, 0, 1),), torch.tensor([[1, 0, 1]])])
def test_backgrounds_of_all_kinds(background):
    image = draw(ball(), background=background).colors
    assert image[0, 0, :, 0, 0].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"appearance": torch.zeros(1, 42, 3)}, "appearance must be VertexColors, .* got Tensor"),
        ({"appearance": FaceColors}, "appearance must be .*, got the class FaceColors"),
        ({"lights": 5}, "lights must be Lights, got int"),
        ({"lights": Lights}, "lights must be Lights, got the class Lights"),
    ],
)
def test_appearance_and_lights_of_other_types_are_refused(settings, message):
    with pytest.raises(TypeError, match="^NeuralRenderer: " + message):
        RENDERER.render(ball(), EYE, **settings)


@dataclass
class Constant:
    """An appearance of one's own."""

    image: torch.Tensor

    def colors(self, fragments, *, vertices, faces, num_views):
        return self.image


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (torch.ones(1, 4, 24, 24), ValueError, "must have shape [1, 3, 24, 24], got [1, 4, 24, 24"),
        (torch.ones(1, 3, 24, 24).double(), TypeError, "must be float32, got float64"),
        (None, TypeError, "must be a tensor, got NoneType"),
    ],
)
def test_colours_of_an_appearance_of_ones_own_are_checked(image, error, message):
    with pytest.raises(error, match=re.escape("NeuralRenderer: colors of Constant " + message)):
        RENDERER.colors(ball(), EYE, Constant(image))
    assert RENDERER.colors(ball(), EYE, Constant(torch.ones(1, 3, 24, 24))).max() == 1


UVS = torch.zeros(80, 3, 2)


def materials(face_colors, image):
    return Materials(face_colors, [image], ["repeat"], torch.arange(80) % 2 - 1, UVS)


def appearances(channels=3, rows=1, **options):
    """Give one appearance of each kind, with the name of what holds its colours."""

    def zeros(*shape):
        return torch.zeros(shape, **options)

    faces, image = zeros(rows, 80, channels), zeros(channels, 4, 4)
    return {
        "VertexColors: values": VertexColors(zeros(rows, 42, channels)),
        "FaceColors: values": FaceColors(faces),
        "CubeTextures: cubes": CubeTextures(zeros(rows, 80, 2, 2, 2, channels)),
        "ImageTexture: image": ImageTexture(image.expand(rows, -1, -1, -1), UVS),
        "Materials: face_colors": materials(faces, zeros(3, 4, 4)),
        "Materials: images": materials(zeros(1, 80, 3), image),
    }


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", appearances())
def test_colours_have_three_channels(name, channels):
    appearance = appearances(channels)[name]
    with pytest.raises(ValueError, match=f"^{name} must have 3 channels, got {channels} in shape"):
        draw(ball(), appearance=appearance)


@pytest.mark.parametrize("name", appearances())
def test_colours_have_the_dtype_of_the_mesh(name):
    """In float64 too, forward and back; others are refused before there is an image."""
    mesh, appearance = ball(), appearances(dtype=torch.float64)[name]
    vertices = mesh.vertices.double().requires_grad_()
    image = RENDERER.colors(Mesh(vertices, mesh.faces), EYE, appearance)
    assert image.dtype == torch.float64
    image.sum().backward()
    assert vertices.grad.isfinite().all()
    kind = name.split(":")[0]
    with pytest.raises(TypeError, match=rf"^{kind}: \w+ must be float32 or .*, got float64$"):
        RENDERER.colors(mesh, EYE, appearance)
    mesh = Mesh(mesh.vertices.double(), mesh.faces)
    for dtype in (torch.float16, torch.float32):
        with pytest.raises(TypeError, match=rf"^{kind}: \w+ must be float64, got float"):
            RENDERER.colors(mesh, EYE, appearances(dtype=dtype)[name])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", appearances())
def test_colours_in_half_precision_are_computed_in_single(name, dtype):
    mesh, appearance = ball(), appearances(dtype=dtype)[name]
    vertices = mesh.vertices.requires_grad_()
    image = RENDERER.colors(Mesh(vertices, mesh.faces), EYE, appearance)
    assert image.dtype == torch.float32
    image.sum().backward()


@pytest.mark.parametrize("name", [name for name in appearances() if "images" not in name])
def test_colours_of_another_number_of_meshes_are_refused(name):
    message = "must have 1 or 1 rows, as many as there are meshes, got shape [2, "
    with pytest.raises(ValueError, match="^" + re.escape(f"{name} {message}")):
        draw(ball(), EYE.expand(1, 2, 3), appearance=appearances(rows=2)[name])


def test_colours_that_are_no_tensor_are_refused():
    with pytest.raises(TypeError, match="^VertexColors: values must be a tensor, got list"):
        draw(ball(), appearance=VertexColors([[[0.0, 0.0, 0.0]]]))
