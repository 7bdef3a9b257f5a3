"""Several images laid over the faces of a mesh, each with its size and its way to go on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.renderer import rasterize
from nr3d.renderer.texels import WRAPS
from nr3d.renderer.uv import sample_images, sample_uv
from tests.renderer.scenes import soup

SIZES = [(3, 5), (1, 1), (8, 2), (4, 4)]


def inputs():
    """Forty triangles in two views; every fifth has no image."""
    scene = soup(40, seed=0, num_meshes=2, size=0.4)
    fragments = rasterize(scene.vertices, scene.faces, image_size=(40, 48))
    images = [torch.rand(3, *size, dtype=torch.float64) for size in SIZES]
    uvs = 4 * torch.rand(40, 3, 2, dtype=torch.float64) - 2
    face_image = torch.arange(40) % 5 - 1
    return scene, fragments, images, uvs, face_image


def one_by_one(images, face_image, uvs, fragments, *, vertices, faces, wraps) -> Tensor:
    result = torch.zeros(len(vertices), 3, *fragments.face_index.shape[1:], dtype=torch.float64)
    seen = fragments.face_index
    which = torch.where(seen >= 0, face_image[seen % len(faces)], -1)
    for i, (image, wrap) in enumerate(zip(images, wraps, strict=True)):
        drawn = sample_uv(image[None], uvs, fragments, vertices=vertices, faces=faces, wrap=wrap)
        result = torch.where((which == i)[:, None], drawn, result)
    return result


@pytest.mark.parametrize("wraps", [WRAPS, ("mirror",) * 4, ("border", "clamp", "border", "clamp")])
def test_all_at_once_is_one_after_the_other(wraps):
    scene, fragments, images, uvs, face_image = inputs()
    results = []
    for function in (one_by_one, sample_images):
        leaves = [x.clone().requires_grad_() for x in (*images, uvs)]
        drawn = function(
            leaves[:-1], face_image, leaves[-1], fragments,
            vertices=scene.vertices, faces=scene.faces, wraps=wraps,
        )  # fmt: skip
        drawn.square().sum().backward()
        results.append([drawn.detach(), *(leaf.grad for leaf in leaves)])
    for found, expected in zip(*results, strict=True):
        assert expected.abs().max() > 0
        torch.testing.assert_close(found, expected)


def test_one_image_and_no_image():
    scene, fragments, images, uvs, _ = inputs()
    settings = {"vertices": scene.vertices, "faces": scene.faces, "wraps": ["repeat"]}
    some = torch.zeros(40, dtype=torch.int64)
    torch.testing.assert_close(
        sample_images(images[:1], some, uvs, fragments, **settings),
        one_by_one(images[:1], some, uvs, fragments, **settings),
    )
    assert not sample_images(images[:1], some - 1, uvs, fragments, **settings).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"images": []},
            ValueError,
            "at least 1 image and as many wraps, got 0 images and 4 wraps",
        ),
        ({"wraps": ["clamp"]}, ValueError, "as many wraps, got 4 images and 1 wraps"),
        ({"wraps": ["clam"] * 4}, ValueError, "wraps must be one of .*did you mean clamp"),
        (
            {"images": [torch.zeros(3, 0, 2).double()] * 4},
            ValueError,
            "images must have texels, got",
        ),
        (
            {"images": [torch.zeros(3, 1, 2).double(), *[torch.zeros(4, 1, 2).double()] * 3]},
            ValueError,
            r"images must have shape \[3, h, w\], got \[4, 1, 2\]",
        ),
        ({"images": [torch.zeros(3, 1, 2)] * 4}, TypeError, "images must be float64, got float32"),
        ({"images": [1.0] * 4}, TypeError, "images must be a tensor, got float"),
        ({"face_image": torch.zeros(3).long()}, ValueError, r"face_image must have shape \[40\]"),
        ({"uvs": torch.zeros(40, 2, 2)}, ValueError, r"uvs must have shape \[40, 3, 2\]"),
    ],
)
def test_bad_input_is_named(change, error, message):
    scene, fragments, images, uvs, face_image = inputs()
    settings = {"images": images, "face_image": face_image, "uvs": uvs, "wraps": WRAPS} | change
    with pytest.raises(error, match=f"sample_images: .*{message}"):
        sample_images(fragments=fragments, vertices=scene.vertices, faces=scene.faces, **settings)
