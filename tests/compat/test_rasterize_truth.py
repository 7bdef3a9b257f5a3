"""The old rasterizer functions against what the old kernels gave."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.compat import neural_renderer as nr

CASES = [
    "case_01_tri_outside_fillback0_eps1e-3",
    "case_01_tri_outside_fillback1_eps1e-4",
    "case_02_tri_inside_fillback0_eps1e-4",
    "case_02_tri_inside_fillback1_eps1e-3",
    "case_04_two_triangles",
    "case_07b_teapot_textured_aa2",
    "case_09_texture_quad_ts2",
    "case_09_texture_quad_ts4",
    "case_10_depth_triangle_onepixel",
    "case_11_soup150_24_aa2",
]
GRADIENTS = {
    "grad_faces_alpha": ("alpha",),
    "grad_faces_rgb": ("rgb",),
    "grad_faces_rgb_alpha": ("rgb", "alpha"),
    "grad_faces_depth": ("depth",),
}


def settings_of(case: dict[str, np.ndarray]) -> dict[str, object]:
    settings: dict[str, object] = {
        "image_size": int(case["image_size"]),
        "anti_aliasing": int(case["anti_aliasing_factor"]) == 2,
        "near": float(case["near"]),
        "far": float(case["far"]),
        "eps": float(case["eps"]),
    }
    if "background_color" in case:
        settings["background_color"] = torch.from_numpy(case["background_color"])
    return settings


def tensors_of(case: dict[str, np.ndarray]) -> tuple[Tensor, Tensor | None]:
    faces = torch.from_numpy(case["faces"]).requires_grad_()
    if "textures" not in case:
        return faces, None
    return faces, torch.from_numpy(case["textures"]).requires_grad_()


@pytest.mark.parametrize("name", CASES)
def test_images(truth, name):
    case = truth(name)
    faces, textures = tensors_of(case)
    maps = nr.rasterize_rgbad(faces, textures, **settings_of(case), return_rgb=textures is not None)
    assert torch.equal(maps["alpha"], torch.from_numpy(case["alpha"]))
    torch.testing.assert_close(maps["depth"], torch.from_numpy(case["depth"]), rtol=1e-4, atol=0)
    if textures is None:
        assert maps["rgb"] is None
    else:
        torch.testing.assert_close(maps["rgb"], torch.from_numpy(case["rgb"]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("name", CASES)
def test_gradients(truth, name, gradient):
    case = truth(name)
    if gradient not in case:
        pytest.skip(f"{name} does not record {gradient}")
    wanted = GRADIENTS[gradient]
    faces, textures = tensors_of(case)
    maps = nr.rasterize_rgbad(
        faces,
        textures,
        **settings_of(case),
        return_rgb="rgb" in wanted,
        return_alpha="alpha" in wanted,
        return_depth="depth" in wanted,
    )
    loss = sum((maps[key] * torch.from_numpy(case[f"grad_{key}"])).sum() for key in wanted)
    loss.backward()
    expected = torch.from_numpy(case[gradient])
    largest = expected.abs().max()
    assert largest > 0
    assert (faces.grad - expected).abs().max() <= 2e-3 * largest
    if wanted == ("rgb",):
        expected = torch.from_numpy(case["grad_textures"])
        torch.testing.assert_close(textures.grad, expected, rtol=1e-3, atol=1e-4)


def test_the_module_gives_the_maps_as_they_were_made(truth):
    case = truth("case_09_texture_quad_ts4")
    settings = settings_of(case)
    settings.pop("anti_aliasing")
    faces, textures = tensors_of(case)
    rasterizer = nr.Rasterize(**settings, return_rgb=True, return_depth=True)
    rgb, alpha, depth = rasterizer(faces, textures)
    assert alpha.numel() == 0
    expected = torch.from_numpy(case["rgb"])
    torch.testing.assert_close(rgb.flip(1).permute(0, 3, 1, 2), expected, rtol=0, atol=1e-3)
    torch.testing.assert_close(depth.flip(1), torch.from_numpy(case["depth"]), rtol=1e-4, atol=0)


def test_each_function_gives_its_map(truth):
    case = truth("case_11_soup150_24_aa2")
    faces, textures = tensors_of(case)
    settings = settings_of(case)
    maps = nr.rasterize_rgbad(faces, textures, **settings)
    assert torch.equal(nr.rasterize(faces, textures, **settings), maps["rgb"])
    settings.pop("background_color")
    assert torch.equal(nr.rasterize_silhouettes(faces, **settings), maps["alpha"])
    assert torch.equal(nr.rasterize_depth(faces, **settings), maps["depth"])
    nr.use_unsafe_rasterizer(True)
    assert torch.equal(nr.rasterize_depth(faces, **settings), maps["depth"])


def test_nothing_to_return_is_an_error():
    with pytest.raises(ValueError, match="one of return_rgb, return_alpha, return_depth"):
        nr.Rasterize(16, 0.1, 100, 1e-3, (0, 0, 0))


def test_colours_need_textures():
    with pytest.raises(ValueError, match="textures must be given where return_rgb is set"):
        nr.rasterize_rgbad(torch.zeros(1, 1, 3, 3))
