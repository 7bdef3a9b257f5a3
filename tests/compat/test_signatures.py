"""Arguments keep their names and places: programs pass them either way."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from nr3d.compat import neural_renderer as nr

CAMERA = "K R t dist_coeffs orig_size"
DRAWING = "image_size anti_aliasing near far eps"
MAPS = "return_rgb return_alpha return_depth"
LIGHTS = "intensity_ambient intensity_directional color_ambient color_directional"
ARGUMENTS: list[tuple[Callable[..., Any], str]] = [
    (nr.cross, "a b"),
    (nr.get_points_from_angles, "distance elevation azimuth degrees"),
    (nr.lighting, f"faces textures {LIGHTS} direction"),
    (
        nr.load_obj,
        "filename_obj normalization texture_size load_texture texture_wrapping use_bilinear",
    ),
    (nr.look, "vertices eye direction up"),
    (nr.look_at, "vertices eye at up"),
    (nr.perspective, "vertices angle"),
    (nr.projection, f"vertices {CAMERA} eps"),
    (nr.rasterize_rgbad, f"faces textures {DRAWING} background_color {MAPS}"),
    (nr.rasterize, f"faces textures {DRAWING} background_color"),
    (nr.rasterize_silhouettes, f"faces {DRAWING}"),
    (nr.rasterize_depth, f"faces {DRAWING}"),
    (nr.Rasterize, f"image_size near far eps background_color {MAPS}"),
    (nr.save_obj, "filename vertices faces textures"),
    (nr.vertices_to_faces, "vertices faces"),
    (nr.use_unsafe_rasterizer, "flag"),
    (nr.Mesh.fromobj, "filename_obj normalization load_texture texture_size"),
    (nr.Adam, "params alpha beta1 beta2 eps"),
    (nr.Renderer.forward, f"self vertices faces textures mode {CAMERA}"),
    (nr.Renderer.render, f"self vertices faces textures {CAMERA}"),
    (nr.Renderer.render_rgb, f"self vertices faces textures {CAMERA}"),
    (nr.Renderer.render_silhouettes, f"self vertices faces {CAMERA}"),
    (nr.Renderer.render_depth, f"self vertices faces {CAMERA}"),
]
RENDERER = {
    "image_size": 256,
    "anti_aliasing": True,
    "background_color": (0, 0, 0),
    "fill_back": True,
    "camera_mode": "projection",
    "K": None,
    "R": None,
    "t": None,
    "dist_coeffs": None,
    "orig_size": 1024,
    "perspective": True,
    "viewing_angle": 30,
    "camera_direction": (0, 0, 1),
    "near": 0.1,
    "far": 100,
    "light_intensity_ambient": 0.5,
    "light_intensity_directional": 0.5,
    "light_color_ambient": (1, 1, 1),
    "light_color_directional": (1, 1, 1),
    "light_direction": (0, 1, 0),
}


@pytest.mark.parametrize(("function", "names"), ARGUMENTS)
def test_names_and_order(function: Callable[..., Any], names: str):
    assert list(inspect.signature(function).parameters) == names.split()


def test_names_order_and_defaults_of_the_renderer():
    parameters = inspect.signature(nr.Renderer).parameters
    assert {name: value.default for name, value in parameters.items()} == RENDERER
    assert list(parameters) == list(RENDERER)


def test_every_argument_of_the_renderer_is_an_attribute():
    renderer = nr.Renderer(camera_mode="look_at", viewing_angle=45)
    assert all(hasattr(renderer, name) for name in RENDERER)
    assert renderer.eye == pytest.approx([0, 0, -2])
    assert renderer.rasterizer_eps == 1e-3
