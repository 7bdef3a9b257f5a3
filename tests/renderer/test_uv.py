"""Images laid over faces: where they lie, how they are bent, what is beside them.

Agreement with a loop over pixels is in test_shading_values.py.
"""

from __future__ import annotations

import re

import pytest
import torch

from nr3d.renderer import Fragments, rasterize
from nr3d.renderer.barycentric import perspective_weights
from nr3d.renderer.uv import gather_faces, sample_uv

QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)


def screen(depths=(1.0, 1.0, 1.0, 1.0), size=8, flip=False):
    """Draw a square that fills the image, from the lower left corner on anticlockwise."""
    vertices = torch.cat((2 * CORNERS - 1, torch.tensor(depths).double()[:, None]), dim=1)[None]
    faces = QUAD.flip(1) if flip else QUAD
    return vertices, faces, rasterize(vertices, faces, image_size=size)


def line_at(u, image, wrap):
    """Look one row of texels up at the coordinates u, which are constant over their faces."""
    num = len(u)
    edges = torch.linspace(-1, 1, num + 1, dtype=torch.float64)
    left, right = edges[:-1], edges[1:]
    x_y = [(left, -1), (right, -1), (right, 1), (left, 1)]
    points = [torch.stack((x, torch.full_like(x, y), torch.ones_like(x)), -1) for x, y in x_y]
    vertices = torch.stack(points, dim=1).reshape(1, -1, 3)
    faces = (4 * torch.arange(num)[:, None, None] + QUAD).reshape(-1, 3)
    fragments = rasterize(vertices, faces, image_size=(1, num))
    uvs = torch.full((num, 2, 3, 2), 0.5, dtype=torch.float64)
    uvs[..., 0] = torch.tensor(u, dtype=torch.float64)[:, None, None]
    row = torch.tensor(image, dtype=torch.float64).view(1, 1, 1, -1)
    uvs = uvs.reshape(-1, 3, 2)
    return sample_uv(row, uvs, fragments, vertices=vertices, faces=faces, wrap=wrap).flatten()


@pytest.mark.parametrize("flip", [False, True])
def test_an_image_as_large_as_the_screen_is_shown_as_it_is(flip):
    """Texel centres lie on pixel centres; the image is neither mirrored nor upside down."""
    vertices, faces, fragments = screen(flip=flip)
    image = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    uvs = CORNERS[faces]
    drawn = sample_uv(image, uvs, fragments, vertices=vertices, faces=faces)
    assert (fragments.face_index.min() >= 2) == flip
    torch.testing.assert_close(drawn, image)


def test_a_slanted_square_is_foreshortened():
    """Its right side is four times as far: the middle of the screen shows a fifth of the image.

    At x in [0, 1] of the way across, 1 / z and u / z are linear: u = (x / 4) / (1 - 3 x / 4).
    """
    vertices, faces, fragments = screen(depths=(1.0, 4.0, 4.0, 1.0), size=9)
    ramp = torch.arange(64, dtype=torch.float64).add(0.5).div(64).view(1, 1, 1, 64)
    drawn = sample_uv(ramp, CORNERS[faces], fragments, vertices=vertices, faces=faces, wrap="clamp")
    x = (torch.arange(9, dtype=torch.float64) + 0.5) / 9
    u = (x / 4) / (1 - 3 * x / 4)
    torch.testing.assert_close(drawn[0, 0], u.expand(9, 9), atol=1e-12, rtol=0)
    torch.testing.assert_close(u[4], torch.tensor(0.2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        # u:       -0.75  -0.25  0    0.125  0.5  1    1.25  1.75  2.125
        ("repeat", [2.5, 7.5, 5.0, 2.0, 5.0, 5.0, 2.5, 7.5, 2.0]),
        ("mirror", [7.5, 2.5, 2.0, 2.0, 5.0, 8.0, 7.5, 2.5, 2.0]),
        ("clamp", [2.0, 2.0, 2.0, 2.0, 5.0, 8.0, 8.0, 8.0, 8.0]),
        ("border", [0.0, 0.0, 1.0, 2.0, 5.0, 4.0, 0.0, 0.0, 0.0]),
    ],
)
def test_what_lies_beside_the_image(wrap, expected):
    """Four texels 2, 3, 7, 8 with their centres at 1/8, 3/8, 5/8, 7/8."""
    drawn = line_at([-0.75, -0.25, 0, 0.125, 0.5, 1, 1.25, 1.75, 2.125], [2, 3, 7, 8], wrap)
    assert drawn.tolist() == expected


def test_repeated_it_has_no_seam():
    """0 and 1 look the same, and so does what is just beside them."""
    drawn = line_at([1 - 1e-9, 1.0, 1 + 1e-9, -1e-9, 0.0, 1e-9], [2, 3, 7, 8], "repeat")
    torch.testing.assert_close(drawn, torch.full_like(drawn, 5.0), atol=1e-7, rtol=0)


def three_views(dtype=torch.float64):
    vertices, faces, _ = screen()
    vertices = vertices * torch.tensor([[[0.9]], [[0.7]], [[0.5]]], dtype=torch.float64)
    vertices = vertices.to(dtype)
    return vertices, faces, rasterize(vertices, faces, image_size=8)


def test_one_image_serves_all_views():
    vertices, faces, fragments = three_views()
    one = torch.rand(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    many = one.detach().repeat(3, 1, 1, 1).requires_grad_()
    weights = torch.rand(3, 2, 8, 8, dtype=torch.float64)
    drawn = [
        sample_uv(image, CORNERS[faces], fragments, vertices=vertices, faces=faces)
        for image in (one, many)
    ]
    assert torch.equal(*drawn)
    for image in drawn:
        (image * weights).sum().backward()
    torch.testing.assert_close(one.grad[0], many.grad.sum(0))


@pytest.mark.parametrize("rows", [1, 3])
def test_every_view_may_have_its_own_face_values(rows):
    _, _, fragments = three_views()
    values = torch.rand(rows, 2, 3, dtype=torch.float64, requires_grad=True)
    drawn = gather_faces(values, fragments)
    for view in range(3):
        for face in range(2):
            shown = fragments.face_index[view] == face
            assert shown.any()
            assert (drawn[view][:, shown] == values[view % rows, face][:, None]).all()
    drawn.sum().backward()
    counts = torch.stack([(fragments.face_index == face).sum((1, 2)) for face in range(2)], -1)
    expected = counts.sum(0, keepdim=True) if rows == 1 else counts
    assert torch.equal(values.grad, expected[..., None].expand(-1, -1, 3).double())


def test_a_broken_texel_stays_where_it_is_seen():
    """Pixels without a face read some texel too; they must not show it."""
    vertices, faces, fragments = three_views()
    nothing = (fragments.face_index < 0)[:, None]
    image = torch.full((1, 1, 2, 2), float("nan"), dtype=torch.float64)
    settings = {"vertices": vertices, "faces": faces}
    assert (sample_uv(image, CORNERS[faces], fragments, **settings)[nothing] == 0).all()
    values = torch.full((1, 2, 1), float("inf"), dtype=torch.float64)
    assert (gather_faces(values, fragments)[nothing] == 0).all()


def test_half_precision_is_computed_in_single():
    vertices, faces, fragments = three_views(torch.float32)
    image = torch.rand(1, 3, 4, 4).half()
    drawn = sample_uv(image, CORNERS[faces], fragments, vertices=vertices, faces=faces)
    assert drawn.dtype == torch.float32
    assert gather_faces(torch.rand(1, 2, 3).bfloat16(), fragments).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"image": 1.0}, TypeError, "image must be a tensor, got float"),
        ({"image": torch.zeros(1, 3, 4, 4).int()}, TypeError, "image must be float64, got int32"),
        ({"image": torch.zeros(1, 3, 4, 4)}, TypeError, "image must be float64, got float32"),
        (
            {"image": torch.zeros(3, 4, 4).double()},
            ValueError,
            "image must have shape [3, C, h, w], got [3, 4, 4]",
        ),
        (
            {"image": torch.zeros(2, 3, 4, 4).double()},
            ValueError,
            "image must have shape [3, C, h, w], got [2, 3, 4, 4]",
        ),
        (
            {"image": torch.zeros(1, 3, 0, 4).double()},
            ValueError,
            "image must have texels, got [1, 3, 0, 4]",
        ),
        ({"uvs": torch.zeros(4, 2)}, ValueError, "uvs must have shape [2, 3, 2], got [4, 2]"),
        ({"uvs": torch.zeros(2, 3, 2).long()}, TypeError, "uvs must be float32 or float64"),
        ({"wrap": "clam"}, ValueError, "wrap must be one of repeat, mirror, clamp, border, got"),
        ({"wrap": "clam"}, ValueError, "did you mean clamp?"),
        (
            {"wrap": None},
            TypeError,
            "wrap must be one of repeat, mirror, clamp, border, got NoneType",
        ),
    ],
)
def test_bad_input_of_sample_uv_is_named(change, error, message):
    vertices, faces, fragments = three_views()
    image = torch.zeros(1, 3, 4, 4).double()
    settings = {"image": image, "uvs": CORNERS[faces], "wrap": "repeat"} | change
    with pytest.raises(error) as caught:
        sample_uv(
            settings["image"],
            settings["uvs"],
            fragments,
            vertices=vertices,
            faces=faces,
            wrap=settings["wrap"],
        )
    assert str(caught.value).startswith("sample_uv: ")
    assert message in str(caught.value)


def test_vertices_of_other_views_are_refused():
    vertices, faces, fragments = three_views()
    for num in (1, 2, 4):
        others = torch.ones(num, 4, 3, dtype=torch.float64)
        with pytest.raises(ValueError) as caught:
            perspective_weights(fragments, others, faces)
        expected = f"vertices must have shape [3, V, 3], got [{num}, 4, 3]"
        assert str(caught.value) == f"perspective_weights: {expected}"
    with pytest.raises(TypeError, match="perspective_weights: faces must be int32 or int64"):
        perspective_weights(fragments, vertices, faces.double())


def test_bad_values_of_faces_are_named():
    _, _, fragments = three_views()
    with pytest.raises(TypeError, match="gather_faces: values must be a tensor, got list"):
        gather_faces([1.0], fragments)
    with pytest.raises(ValueError, match=r"gather_faces: values must have shape \[3, F, C\]"):
        gather_faces(torch.zeros(2, 2, 3).double(), fragments)
    with pytest.raises(TypeError, match="gather_faces: values must be float64, got float32"):
        gather_faces(torch.zeros(1, 2, 3), fragments)


@pytest.mark.parametrize(("index", "shown"), [(4, 4), (999, 999), (-2, -2)])
def test_fragments_of_other_faces_are_refused(index, shown):
    vertices, faces, fragments = three_views()
    face_index = fragments.face_index.clone()
    face_index[1, 2, 3] = index
    others = Fragments(face_index, fragments.depth, fragments.weights)
    message = f"face_index must hold face indices inside [-1, 4), got {shown}; the fragments are"
    with pytest.raises(ValueError, match="^gather_faces: " + re.escape(message)):
        gather_faces(torch.zeros(1, 2, 3).double(), others)
    with pytest.raises(ValueError, match="^sample_uv: " + re.escape(message)):
        image = torch.zeros(1, 3, 2, 2).double()
        sample_uv(image, CORNERS[faces], others, vertices=vertices, faces=faces)
    with pytest.raises(ValueError, match="gather_faces: there must be at least 1 face, got none"):
        gather_faces(torch.zeros(1, 0, 3).double(), fragments)


@pytest.mark.parametrize("wrap", ["repeat", "mirror", "clamp"])
def test_an_image_of_one_pixel_is_one_colour(wrap):
    vertices, faces, fragments = screen()
    image = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64).view(1, 3, 1, 1)
    uvs = CORNERS[faces] * 5 - 2
    drawn = sample_uv(image, uvs, fragments, vertices=vertices, faces=faces, wrap=wrap)
    torch.testing.assert_close(drawn, image.expand_as(drawn))


@pytest.mark.gpu
def test_a_gpu_draws_what_the_processor_draws():
    vertices, faces, fragments = three_views()
    image = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    on_gpu = Fragments(*(getattr(fragments, n).cuda() for n in ("face_index", "depth", "weights")))
    settings = {"vertices": vertices.cuda(), "faces": faces.cuda()}
    drawn = sample_uv(image.cuda(), CORNERS[faces].cuda(), on_gpu, **settings)
    expected = sample_uv(image, CORNERS[faces], fragments, vertices=vertices, faces=faces)
    torch.testing.assert_close(drawn.cpu(), expected)
