"""Every bad input of the renderer layer, by its message."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from nr3d.geometry import Mesh
from nr3d.renderer import NeuralRenderer, kato_edges, rasterize

VERTICES = torch.tensor([[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0.5, 0.5, 2], [-0.5, 0.5, 2]]] * 2)
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])
EYES = torch.tensor([[[0.0, 0.0, -3.0]]])
NAN, INFINITY = float("nan"), float("inf")


def vertices_with(value: float) -> torch.Tensor:
    vertices = VERTICES.clone()
    vertices[1, 2, 0] = value
    return vertices


BAD_MESHES = [
    ({"vertices": vertices_with(NAN)}, ValueError, "vertices must be finite, got nan at [1, 2, 0]"),
    (
        {"vertices": vertices_with(-INFINITY)},
        ValueError,
        "vertices must be finite, got -inf at [1, 2, 0]",
    ),
    (
        {"faces": FACES + 1},
        ValueError,
        "faces must hold vertex indices inside [0, 4), got 4 at [1, 2]",
    ),
    (
        {"faces": (FACES - 1).int()},
        ValueError,
        "faces must hold vertex indices inside [0, 4), got -1 at [0, 0]",
    ),
    (
        {"faces": FACES + 2**33},
        ValueError,
        "faces must hold vertex indices inside [0, 4), got 8589934592 at [0, 0]",
    ),
    (
        {"vertices": VERTICES.long()},
        TypeError,
        "vertices must be float32 or float64, got int64",
    ),
    ({"faces": FACES.float()}, TypeError, "faces must be int32 or int64, got float32"),
    ({"vertices": VERTICES.tolist()}, TypeError, "vertices must be a tensor, got list"),
    ({"faces": FACES.tolist()}, TypeError, "faces must be a tensor, got list"),
    ({"vertices": VERTICES[0]}, ValueError, "vertices must have shape [M, V, 3], got [4, 3]"),
    (
        {"vertices": VERTICES[..., :2]},
        ValueError,
        "vertices must have shape [M, V, 3], got [2, 4, 2]",
    ),
    ({"faces": FACES[0]}, ValueError, "faces must have shape [F, 3], got [3]"),
    (
        {"faces": FACES.to("meta")},
        ValueError,
        "faces must be on cpu, got meta; move all tensors to one device",
    ),
    (
        {"vertices": VERTICES.to("meta")},
        ValueError,
        "faces must be on meta, got cpu; move all tensors to one device",
    ),
    (
        {"vertices": VERTICES[:0]},
        ValueError,
        "vertices must hold at least 1 mesh, got shape [0, 4, 3]",
    ),
    ({"faces": FACES[:0]}, ValueError, "faces must hold at least 1 face, got shape [0, 3]"),
    ({"image_size": 0}, ValueError, "image_size must be at least 1, got 0"),
    ({"image_size": (8, 0)}, ValueError, "image_size must be at least 1, got 0"),
    ({"image_size": -3}, ValueError, "image_size must be at least 1, got -3"),
    ({"image_size": 8.0}, TypeError, "image_size must be an int, got float"),
    ({"image_size": (8, 8, 8)}, ValueError, "image_size must be one side or (H, W), got (8, 8, 8)"),
    ({"near": 5.0, "far": 5.0}, ValueError, "far must be above 5, got 5.0"),
    ({"near": 7.0, "far": 5.0}, ValueError, "far must be above 7, got 5.0"),
    ({"near": NAN}, ValueError, "near must be finite, got nan"),
]


@pytest.mark.parametrize("function", [rasterize])
@pytest.mark.parametrize(("change", "error", "message"), BAD_MESHES)
def test_rasterize_names_the_bad_argument(function, change, error, message):
    arguments = {"vertices": VERTICES, "faces": FACES, "image_size": 8} | change
    with pytest.raises(error, match="^" + re.escape("rasterize: " + message) + "$"):
        function(arguments.pop("vertices"), arguments.pop("faces"), **arguments)


BAD_SETTINGS = [
    ({"viewing_angle": 0.0}, ValueError, "viewing_angle must be inside (0, 90), got 0.0"),
    ({"viewing_angle": 90}, ValueError, "viewing_angle must be inside (0, 90), got 90"),
    ({"viewing_angle": -5.0}, ValueError, "viewing_angle must be inside (0, 90), got -5.0"),
    ({"viewing_angle": NAN}, ValueError, "viewing_angle must be inside (0, 90), got nan"),
    ({"viewing_angle": "wide"}, TypeError, "viewing_angle must be a number, got str"),
    ({"image_size": 0}, ValueError, "image_size must be at least 1, got 0"),
    ({"image_size": 64.0}, TypeError, "image_size must be an int, got float"),
    ({"near": 5.0, "far": 5.0}, ValueError, "far must be above 5, got 5.0"),
    ({"near": NAN}, ValueError, "near must be finite, got nan"),
    ({"near": INFINITY}, ValueError, "near must be finite, got inf"),
    ({"near": "close"}, TypeError, "near must be a number, got str"),
    ({"far": NAN}, ValueError, "far must be above 0.1, got nan"),
    ({"eps": -1e-4}, ValueError, "eps must be at least 0, got -0.0001"),
    ({"image_size": True}, TypeError, "image_size must be an int, got bool"),
    ({"image_size": np.float64(8)}, TypeError, "image_size must be an int, got float64"),
    ({"image_size": (8, "9")}, TypeError, "image_size must be an int, got str"),
    ({"fill_back": 2}, TypeError, "fill_back must be a bool, got 2"),
    ({"perspective": None}, TypeError, "perspective must be a bool, got None"),
    ({"anti_aliasing": "no"}, TypeError, "anti_aliasing must be a bool, got 'no'"),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS)
def test_the_renderer_names_the_bad_setting(settings, error, message):
    with pytest.raises(error, match="^" + re.escape("NeuralRenderer: " + message) + "$"):
        NeuralRenderer(**settings)


@pytest.mark.parametrize("name", ["smooth", "right_handed"])
def test_render_names_the_bad_switch(name):
    message = f"^NeuralRenderer: {name} must be a bool, got 'no'$"
    with pytest.raises(TypeError, match=message):
        NeuralRenderer(image_size=8).render(Mesh(VERTICES, FACES), EYES, **{name: "no"})


@pytest.mark.parametrize("size", [np.int64(6), [np.int32(6), 6], (torch.tensor(6), np.uint8(6))])
def test_whole_numbers_of_other_kinds_are_sizes(size):
    renderer = NeuralRenderer(image_size=size)
    found = renderer.render(Mesh(VERTICES, FACES), EYES, outputs=("silhouettes",)).silhouettes
    assert found.shape == (2, 1, 6, 6)
    assert torch.equal(found, renderer.silhouettes(Mesh(VERTICES, FACES), EYES))
    assert rasterize(VERTICES, FACES, image_size=size).depth.shape == (2, 6, 6)


BAD_EYES = [
    (EYES.expand(3, 1, 3), ValueError, "eyes must have 1 or 2 rows"),
    (EYES[0], ValueError, "eyes must have shape [B, N, 3], got [1, 3]"),
    (EYES.long(), TypeError, "eyes must be float32 or float64, got int64"),
    (EYES.to("meta"), ValueError, "eyes must be on cpu, got meta; move all tensors to one device"),
]


@pytest.mark.parametrize(("eyes", "error", "message"), BAD_EYES)
def test_silhouettes_names_the_bad_eyes(eyes, error, message):
    with pytest.raises(error, match="^" + re.escape("NeuralRenderer: " + message)):
        NeuralRenderer(image_size=8).silhouettes(Mesh(VERTICES, FACES), eyes)


BAD_VECTORS = [
    ("above", TypeError, "must be a tensor, got str"),
    (torch.ones(3).long(), TypeError, "must be float32 or float64 or float16 or bfloat16, got int"),
    ((0.0, 1.0), ValueError, "must have shape [3] or [B, N, 3], got [2]"),
    (torch.ones(2, 3), ValueError, "must have shape [3] or [B, N, 3], got [2, 3]"),
    (torch.ones(3, 1, 3), ValueError, "must have 1 or 2 rows, as many as there are meshes, of 1 v"),
    (torch.ones(2, 4, 3), ValueError, "must have 1 or 2 rows, as many as there are meshes, of 1 v"),
    (torch.ones(3, device="meta"), ValueError, "must be on cpu, got meta; move all tensors to one"),
]


@pytest.mark.parametrize("argument", ["at", "up"])
@pytest.mark.parametrize(("value", "error", "message"), BAD_VECTORS)
def test_project_names_the_bad_vector(argument, value, error, message):
    with pytest.raises(error, match="^" + re.escape(f"NeuralRenderer: {argument} {message}")):
        NeuralRenderer().project(Mesh(VERTICES, FACES), EYES, **{argument: value})


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (vertices_with(NAN), FACES, "vertices must be finite, got nan at [1, 2, 0]"),
        (VERTICES, FACES + 1, "faces must hold vertex indices inside [0, 4), got 4"),
        (VERTICES[:0], FACES, "vertices must hold at least 1 mesh, got shape [0, 4, 3]"),
        (VERTICES, FACES[:0], "faces must hold at least 1 face, got shape [0, 3]"),
    ],
)
def test_silhouettes_names_the_bad_mesh(vertices, faces, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NeuralRenderer(image_size=8).silhouettes(Mesh(vertices, faces), EYES)


BAD_EDGES = [
    ({"eps": -1.0}, ValueError, "eps must be at least 0, got -1.0"),
    (
        {"image": torch.ones(2, 8, 8)},
        ValueError,
        "image must have shape [2, C, 8, 8], got [2, 8, 8]",
    ),
    (
        {"image": torch.ones(2, 1, 4, 8)},
        ValueError,
        "image must have shape [2, C, 8, 8], got [2, 1, 4, 8]",
    ),
    (
        {"image": torch.ones(2, 1, 8, 8, dtype=torch.float64)},
        TypeError,
        "image must be float32, got float64",
    ),
    (
        {"face_index": torch.zeros(2, 8, 8, dtype=torch.int64)},
        TypeError,
        "face_index must be int32, got int64",
    ),
    (
        {"face_index": torch.zeros(1, 8, 8, dtype=torch.int32)},
        ValueError,
        "face_index must have shape [2, H, W], got [1, 8, 8]",
    ),
    (
        {"face_index": torch.full((2, 8, 8), 4, dtype=torch.int32)},
        ValueError,
        "face_index must hold face indices inside [-1, 4), got 4",
    ),
    (
        {"face_index": torch.full((2, 8, 8), -2, dtype=torch.int32)},
        ValueError,
        "face_index must hold face indices inside [-1, 4), got -2",
    ),
    (
        {"faces": FACES + 9},
        ValueError,
        "faces must hold vertex indices inside [0, 4), got 9 at [0, 0]",
    ),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_EDGES)
def test_kato_edges_names_the_bad_argument(change, error, message):
    vertices = VERTICES.clone().requires_grad_()
    arguments = {
        "image": torch.ones(2, 1, 8, 8),
        "faces": FACES,
        "face_index": torch.zeros(2, 8, 8, dtype=torch.int32),
    } | change
    with pytest.raises(error, match=re.escape("kato_gradient: " + message)):
        kato_edges(arguments.pop("image"), vertices, **arguments).sum().backward()
