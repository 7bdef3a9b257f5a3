"""How known programs call the old library: body, object and bird reconstruction, texture flow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nr3d.compat import neural_renderer as nr
from tests.compat.scenes import BOX_FACES, boxes, cubes, intrinsics


def test_a_body_estimator_gives_the_camera_with_every_call():
    renderer = nr.Renderer(
        dist_coeffs=None,
        orig_size=64,
        image_size=32,
        light_intensity_ambient=1,
        light_intensity_directional=0,
        anti_aliasing=False,
    )
    vertices, faces = boxes(2)
    camera = {"K": intrinsics(64).expand(2, -1, -1), "R": torch.eye(3)[None].expand(2, -1, -1)}
    shift = torch.tensor([[0.0, 0, 3], [0, 0, 6]])
    textures = cubes().expand(2, -1, -1, -1, -1, -1)
    parts, _, mask = renderer(vertices, faces, textures=textures, t=shift.unsqueeze(1), **camera)
    assert mask[0].sum() > 2 * mask[1].sum() > 0
    torch.testing.assert_close(parts[:, 0], mask / 2)


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (2, 3)])
def test_a_translation_has_two_axes_or_three(shape: tuple[int, ...]):
    renderer = nr.Renderer(image_size=32, orig_size=32)
    vertices, faces = boxes(2, depth=3)
    camera = {"K": intrinsics(32), "R": torch.eye(3)[None], "t": torch.zeros(shape)}
    depth = renderer(vertices, faces, mode="depth", **camera)
    assert depth.shape == (2, 32, 32)
    assert depth.min() < 3


def test_a_camera_in_units_of_the_image_may_be_divided_as_a_whole():
    vertices, faces = boxes(depth=3)
    rest = {"R": torch.eye(3)[None], "t": torch.zeros(1, 3), "image_size": 32}
    whole = nr.renderer.Renderer(K=intrinsics(64), orig_size=64, **rest)
    scaled = nr.renderer.Renderer(K=intrinsics(64) / 64, orig_size=1, **rest)
    drawn = scaled.render(vertices=vertices, faces=faces, textures=cubes(size=1))
    for image, expected in zip(drawn, whole(vertices, faces, cubes(size=1)), strict=True):
        torch.testing.assert_close(image, expected)


def test_a_transposed_camera_is_still_refused():
    vertices, _ = boxes(depth=3)
    with pytest.raises(ValueError, match="transpose it"):
        nr.projection(
            vertices, intrinsics(64).mT, torch.eye(3)[None], torch.zeros(1, 3), [0.0] * 5, 64
        )


def test_the_camera_of_a_renderer_goes_into_projection_and_other_renderers():
    renderer = nr.renderer.Renderer(
        K=intrinsics(1).double().numpy(), R=np.eye(3)[None], t=np.zeros((1, 3)), orig_size=1
    )
    assert renderer.K.dtype == renderer.dist_coeffs.dtype == torch.float32
    assert renderer.dist_coeffs.shape == (1, 5)
    other = nr.Renderer(K=renderer.K.clone(), R=renderer.R, t=renderer.t, orig_size=1)
    vertices, _ = boxes(2, depth=3)
    camera = {"R": other.R, "t": other.t, "dist_coeffs": other.dist_coeffs, "orig_size": 1}
    points = nr.projection(vertices, K=other.K, **camera)
    torch.testing.assert_close(points[0, 0, :2], torch.tensor([-0.4, 0.4]))
    assert not renderer.state_dict()


def test_a_bird_renderer_sets_attributes_one_by_one():
    renderer = nr.Renderer(camera_mode="look")
    renderer.image_size = 32
    renderer.perspective = False
    renderer.eye = [0, 0, -2.732]
    renderer.camera_direction = np.array([0.0, 0.0, 1.0])
    renderer.camera_up = [0, 1, 0]  # unknown to the library, and harmless
    renderer.light_intensity_ambient = 1
    renderer.light_intensity_directional = 0
    renderer.background_color = [1, 1, 1]
    vertices, faces = boxes()
    vertices.requires_grad_()
    mask = renderer.render_silhouettes(vertices, faces)
    torch.testing.assert_close(mask.mean(), torch.tensor(0.25), rtol=0, atol=0.02)
    ((mask[0, :, :4] - 1) ** 2).sum().backward()  # wider to the left
    assert vertices.grad[0, :4, 0].sum() > 0
    image = renderer.render_rgb(vertices, faces, cubes(size=6))
    assert (image[0, :, 0, 0] == 1).all()
    torch.testing.assert_close(image[0, :, 16, 16], torch.full((3,), 0.5))


def test_a_view_for_each_mesh():
    renderer = nr.Renderer(camera_mode="look_at", image_size=16, viewing_angle=15)
    ones = torch.ones(3)
    renderer.eye = nr.get_points_from_angles(2.7 * ones, 30 * ones, -15.0 * torch.arange(3))
    vertices, faces = boxes(3)
    images = renderer(vertices, faces, cubes(3), mode="rgb")
    assert images.shape == (3, 3, 16, 16)
    assert not torch.equal(images[0], images[1])


def test_a_texture_flow_renderer_runs_the_pipeline_itself():
    vertices, faces = boxes()
    both = torch.cat((faces, faces[:, :, [2, 1, 0]]), dim=1)
    textures = cubes()
    textures = torch.cat((textures, textures.permute(0, 1, 4, 3, 2, 5)), dim=1)
    lit = nr.lighting(
        nr.vertices_to_faces(vertices, both), textures, 0.5, 0.5, [1, 1, 1], [1, 1, 1], [0, 1, 0]
    )
    eye = [1, 1, -2.7]
    seen = nr.perspective(nr.look_at(vertices, eye), angle=30)
    corners = nr.vertices_to_faces(seen, both)
    maps = nr.rasterize_rgbad(corners, lit, 32, True, 0.1, 100, 1e-3, [0, 0, 0], return_depth=False)
    renderer = nr.Renderer(camera_mode="look_at", image_size=32)
    renderer.eye = eye
    rgb, _, alpha = renderer(vertices, faces, textures[:, : len(BOX_FACES)])
    torch.testing.assert_close(maps["rgb"], rgb)
    torch.testing.assert_close(maps["alpha"], alpha)
    assert maps["depth"] is None
