"""Rasterization on emulated CUDA threads against the kernels of the CPU."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nr3d.geometry import icosphere
from nr3d.renderer import kato_silhouettes, rasterize
from tests.emu.emulation import emulate
from tests.renderer.scenes import scenes, soup

FLOATS = [torch.float32, torch.float64]
ORDERS = ["0", "1", "7"]


def draw(vertices: Tensor, faces: Tensor, **settings) -> tuple[Tensor, ...]:
    fragments = rasterize(vertices, faces, **settings)
    return fragments.face_index, fragments.depth, fragments.weights


def agree(library: Path, order: str, vertices: Tensor, faces: Tensor, **settings) -> None:
    expected = draw(vertices, faces, **settings)
    with emulate(library, order):
        found = draw(vertices, faces, **settings)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scene=scenes(), order=st.sampled_from(ORDERS), dtype=st.sampled_from(FLOATS))
def test_hard_scenes_are_drawn_alike(library, scene, order, dtype):
    vertices = scene.vertices.to(dtype)
    agree(library, order, vertices, scene.faces, image_size=scene.size, fill_back=scene.fill_back)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("order", ORDERS)
def test_meshes_are_drawn_alike(library, order, dtype):
    scene = soup(150, seed=0, num_meshes=3)
    agree(library, order, scene.vertices.to(dtype), scene.faces, image_size=(40, 56))
    vertices, faces = icosphere(2)
    vertices = (vertices * 0.8 + torch.tensor([0.1, 0.0, 2.0]))[None].to(dtype)
    agree(library, order, vertices, faces, image_size=33)


@pytest.mark.parametrize("num_faces", [31, 32, 33])
def test_the_last_chunk_of_faces(library, num_faces):
    scene = soup(num_faces, seed=1)
    agree(library, "1", scene.vertices, scene.faces, image_size=24)


def test_one_face_may_fill_a_large_image(library):
    vertices = torch.tensor([[[-9.0, -9, 2], [9, -9, 2], [0, 9, 3]]])
    faces = torch.tensor([[0, 1, 2], [2, 1, 0]])
    agree(library, "0", vertices, faces, image_size=(300, 20))


def test_the_lowest_of_equal_faces_wins(library):
    vertices = torch.tensor([[[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]]])
    faces = torch.tensor([[0, 1, 2]] * 70)
    for order in ORDERS:
        with emulate(library, order):
            face_index = rasterize(vertices, faces, image_size=16).face_index
        assert set(face_index.unique().tolist()) == {-1, 0}


@pytest.mark.parametrize("anti_aliasing", [False, True])
@pytest.mark.parametrize("num_faces", [20, 20_000])
def test_silhouettes_are_drawn_alike(library, anti_aliasing, num_faces):
    scene = soup(20, seed=2, num_meshes=2)
    faces = scene.faces.repeat(num_faces // 20, 1)  # 20,000 faces take indices of 32 bits
    size = {"image_size": (12, 20), "anti_aliasing": anti_aliasing}
    expected = kato_silhouettes(scene.vertices, faces, **size)
    with emulate(library, "7"):
        found = kato_silhouettes(scene.vertices, faces, **size)
    assert torch.equal(found, expected)


BAD_VALUES = {
    "large": ("faces", (5, 1), 99, r"vertex indices inside \[0, 60\), got 99 at \[5, 1\]"),
    "negative": ("faces", (5, 1), -7, r"vertex indices inside \[0, 60\), got -1 at \[5, 1\]"),
    "wide": ("faces", (5, 1), 2**40, r"vertex indices inside \[0, 60\), got 2147483647 at .*"),
    "nan": ("vertices", (1, 7, 2), math.nan, r"must be finite, got nan at \[1, 7, 2\]"),
    "inf": ("vertices", (0, 0, 0), math.inf, r"must be finite, got inf at \[0, 0, 0\]"),
}


@pytest.mark.parametrize("kind", BAD_VALUES)
def test_the_next_call_tells_of_bad_values(emulated, kind):
    scene = soup(20, seed=3, num_meshes=2)
    argument, place, value, message = BAD_VALUES[kind]
    getattr(scene, argument)[place] = value
    rasterize(scene.vertices, scene.faces, image_size=16)
    good = soup(20, seed=3)
    with pytest.raises(ValueError, match=f"rasterize: {argument} .*{message} .found on cpu by"):
        rasterize(good.vertices, good.faces, image_size=16)
    rasterize(good.vertices, good.faces, image_size=16)  # it is told once
