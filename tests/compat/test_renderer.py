"""`Renderer` as its users know it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nr3d.compat import neural_renderer as nr

EXPECTED_OUTSIDE = [[1.6725862, -0.26021874], [1.41986704, -1.64284933], [0.0, 0.0]]
EXPECTED_INSIDE = [[0.98646867, 1.04628897], [-1.03415668, -0.10403691], [3.00094461, -1.55173182]]


def flat_renderer(**settings):
    renderer = nr.Renderer(camera_mode="look_at", **settings)
    renderer.image_size = 64
    renderer.anti_aliasing = False
    renderer.perspective = False
    renderer.light_intensity_ambient = 1.0
    renderer.light_intensity_directional = 0.0
    return renderer


def triangle(*corners):
    vertices = torch.tensor([[[*corner, 1.0] for corner in corners]], requires_grad=True)
    return vertices, torch.tensor([[[0, 1, 2]]], dtype=torch.int32), torch.ones(1, 1, 4, 4, 4, 3)


def test_colours_far_from_a_face_move_it():
    vertices, faces, textures = triangle((0.8, 0.8), (0.0, -0.5), (0.2, -0.4))
    image = flat_renderer()(vertices, faces, textures)[0].mean(1)
    (image[:, 25, 35] - 1).abs().sum().backward()
    expected = torch.tensor(EXPECTED_OUTSIDE)
    torch.testing.assert_close(vertices.grad[0, :, :2], expected, rtol=1e-2, atol=1e-3)


def test_colours_inside_a_face_move_it():
    vertices, faces, textures = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    image = flat_renderer()(vertices, faces, textures, mode="rgb").mean(1)
    image[:, 40, 50].abs().sum().backward()
    expected = torch.tensor(EXPECTED_INSIDE)
    torch.testing.assert_close(vertices.grad[0, :, :2], expected, rtol=1e-2, atol=1e-3)


def test_the_modes_agree_with_the_tuple():
    vertices, faces, textures = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    renderer = flat_renderer(background_color=[0.1, 0.2, 0.3])
    rgb, depth, alpha = renderer(vertices, faces, textures)
    assert rgb.shape == (1, 3, 64, 64)
    assert torch.equal(renderer.render_rgb(vertices, faces, textures), rgb)
    assert torch.equal(renderer(vertices, faces, mode="depth"), depth)
    assert torch.equal(renderer(vertices, faces, mode="silhouettes"), alpha)
    outside = rgb.permute(0, 2, 3, 1)[alpha == 0]
    torch.testing.assert_close(outside, torch.tensor([0.1, 0.2, 0.3]).expand_as(outside))


def test_colours_and_directions_are_lists_to_be_changed():
    renderer, other = flat_renderer(), flat_renderer(light_color_ambient=(1, 0.5, 0))
    assert renderer.background_color == [0, 0, 0]
    assert renderer.camera_direction == [0, 0, 1]
    assert renderer.light_color_ambient == renderer.light_color_directional == [1, 1, 1]
    assert renderer.light_direction == [0, 1, 0]
    assert other.light_color_ambient == [1, 0.5, 0]
    renderer.background_color[0] = 1
    renderer.light_color_ambient[1] = 0
    rgb = renderer(*triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8)), mode="rgb")
    assert rgb[0, :, 2, 2].tolist() == [1, 0, 0]
    assert rgb[0, :, 40, 40].tolist() == [1, 0, 1]
    assert other.background_color == nr.Renderer().background_color == [0, 0, 0]
    color = torch.rand(3)
    assert nr.Renderer(background_color=color).background_color is color


def test_without_calibration_the_message_suggests_look_at():
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    with pytest.raises(ValueError, match="K must be given .* use camera_mode='look_at'"):
        nr.Renderer()(vertices, faces, mode="silhouettes")


def test_any_other_mode_set_later_draws_what_is_projected_already():
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    renderer = nr.Renderer(image_size=32, anti_aliasing=False, camera_mode="look")
    renderer.camera_mode = "none"
    depth = renderer.render_depth(vertices, faces)
    torch.testing.assert_close(depth[0, 20, 24], torch.tensor(1.0))
    assert depth[0, 2, 2] == 100


def test_unknown_modes_are_errors():
    with pytest.raises(ValueError, match="did you mean look_at"):
        nr.Renderer(camera_mode="lookat")
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    with pytest.raises(ValueError, match="mode must be one of"):
        flat_renderer()(vertices, faces, mode="colours")


@pytest.mark.parametrize("angle", [0, 90, 120.0, -30, float("nan")])
def test_a_viewing_angle_that_sees_nothing_is_named(angle: float):
    message = rf"Renderer: viewing_angle must be inside \(0, 90\), got {angle}"
    with pytest.raises(ValueError, match=message):
        nr.Renderer(viewing_angle=angle)
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    for mode in ("look", "look_at"):
        renderer = nr.Renderer(camera_mode=mode, image_size=16)
        for value in (angle, torch.tensor(angle), torch.tensor([angle])):
            renderer.viewing_angle = value
            with pytest.raises(ValueError, match=message):
                renderer(vertices, faces, mode="silhouettes")
        renderer.perspective = False  # the angle does not count
        renderer(vertices, faces, mode="silhouettes")


def test_a_viewing_angle_is_a_number_or_one_for_each_mesh():
    with pytest.raises(TypeError, match="Renderer: viewing_angle must be a number, got str"):
        nr.Renderer(viewing_angle="30")
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    renderer = nr.Renderer(camera_mode="look_at", image_size=32, viewing_angle=np.float32(30))
    narrow = renderer(vertices, faces, mode="silhouettes")
    renderer.viewing_angle = torch.tensor([30.0, 60.0])
    both = renderer(vertices.expand(2, -1, -1), faces.expand(2, -1, -1), mode="silhouettes")
    torch.testing.assert_close(both[:1], narrow)
    assert both[0].sum() > 2 * both[1].sum() > 0
    renderer.viewing_angle = np.array([30.0, 120.0])
    with pytest.raises(ValueError, match="viewing_angle must be .*, got 120"):
        renderer(vertices.expand(2, -1, -1), faces.expand(2, -1, -1), mode="silhouettes")
    renderer.viewing_angle = torch.nn.Parameter(torch.tensor(30.0))
    renderer(vertices, faces, mode="silhouettes").sum().backward()
    assert renderer.viewing_angle.grad != 0


def test_calibrated_arguments_override_the_attributes():
    vertices, faces, _ = triangle((0.8, 0.8), (-0.5, -0.8), (0.8, -0.8))
    K = [[[100.0, 0, 32], [0, 100.0, 32], [0, 0, 1]]]
    R, near, far = torch.eye(3)[None], [[[0.0, 0.0, 2.0]]], [[[0.0, 0.0, 20.0]]]
    renderer = nr.Renderer(image_size=64, K=K, R=R, t=near, orig_size=64)
    large = renderer(vertices, faces, mode="silhouettes")
    small = renderer(vertices, faces, mode="silhouettes", t=torch.tensor(far))
    assert large.sum() > 4 * small.sum() > 0


def test_the_two_sides_of_a_face_are_lit_apart():
    """Seen from above and from below, with light from above."""
    vertices = torch.tensor([[[-1.0, 0, -1], [-1, 0, 1], [1, 0, 1], [1, 0, -1]]])
    faces = torch.tensor([[[0, 1, 2], [0, 2, 3]]])
    textures = torch.ones(1, 2, 2, 2, 2, 3)
    brightness = []
    for height in (2.0, -2.0):
        renderer = nr.Renderer(image_size=16, camera_mode="look_at")
        renderer.eye = [0.0, height, -0.5]
        brightness.append(renderer(vertices, faces, textures)[0].amax())
    torch.testing.assert_close(torch.stack(brightness), torch.tensor([1.0, 0.5]))


def test_a_lone_back_needs_fill_back():
    vertices, faces, _ = triangle((0.8, 0.8), (0.8, -0.8), (-0.5, -0.8))
    renderer = flat_renderer()
    assert renderer(vertices, faces, mode="silhouettes").sum() > 0
    renderer.fill_back = False
    assert renderer(vertices, faces, mode="silhouettes").sum() == 0
