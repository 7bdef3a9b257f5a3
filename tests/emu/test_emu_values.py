"""Values at pixels on emulated CUDA threads against the kernels of the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.emu.scenes import (
    PRECISIONS,
    assert_close,
    assert_same_bits,
    fragments,
    meshes,
    noise,
    on_cpu,
)

KEPT: dict[str, Tensor] = {}
"""What the first order of threads gave."""
SIZE = (21, 37)


def interpolate(values: Tensor, grad_image: Tensor, seen: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    image = torch.ops.nr3d.interpolate_vertices(values, *seen)
    gradient = torch.ops.nr3d.interpolate_vertices_gradient
    return image, gradient(grad_image, *seen, values.shape[0])


def sample(
    cubes: Tensor, grad_image: Tensor, seen: tuple[Tensor, ...], eps: float
) -> tuple[Tensor, ...]:
    image = torch.ops.nr3d.sample_cubes(cubes, *seen, eps)
    gradient = torch.ops.nr3d.sample_cubes_gradient
    return image, gradient(grad_image, *seen, cubes.shape[0], cubes.shape[2], eps)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("rows", "num_channels"), [(3, 3), (1, 3), (3, 5), (1, 0)])
def test_interpolation_agrees(emulated, monkeypatch, rows, num_channels, dtype):
    seen = fragments(monkeypatch, meshes(dtype), SIZE)
    values = noise(rows, 12, num_channels, dtype=dtype)
    grad_image = noise(3, num_channels, *SIZE, dtype=dtype)
    image, grad = interpolate(values, grad_image, seen)
    expected_image, expected_grad = on_cpu(monkeypatch, interpolate, values, grad_image, seen)
    assert torch.equal(image, expected_image)
    assert_close(grad, expected_grad)
    assert_same_bits(KEPT, f"vertices {rows} {num_channels} {dtype}", grad)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(
    ("rows", "side", "num_channels", "eps"),
    [(3, 2, 3, 1e-3), (1, 4, 3, 1e-3), (3, 3, 5, 0.0), (1, 1, 1, 0.0), (3, 2, 0, 0.0)],
)
def test_cubes_agree(emulated, monkeypatch, rows, side, num_channels, eps, dtype):
    seen = fragments(monkeypatch, meshes(dtype), SIZE)
    cubes = noise(rows, 11, side, side, side, num_channels, dtype=dtype)
    grad_image = noise(3, num_channels, *SIZE, dtype=dtype)
    image, grad = sample(cubes, grad_image, seen, eps)
    expected_image, expected_grad = on_cpu(monkeypatch, sample, cubes, grad_image, seen, eps)
    assert torch.equal(image, expected_image)
    assert_close(grad, expected_grad)
    assert_same_bits(KEPT, f"cubes {rows} {side} {num_channels} {dtype}", grad)


@pytest.mark.parametrize("large", [0, 1])
def test_a_face_that_fills_the_image(emulated, monkeypatch, large):
    vertices, faces = meshes(torch.float64, num_meshes=1)
    faces = faces[[8, 0] if large == 0 else [0, 8]]
    seen = fragments(monkeypatch, (vertices, faces), (30, 33))
    values = noise(1, 12, 6, dtype=torch.float64)
    grad_image = noise(1, 6, 30, 33, dtype=torch.float64)
    _, grad = interpolate(values, grad_image, seen)
    _, expected = on_cpu(monkeypatch, interpolate, values, grad_image, seen)
    assert int((seen[2] % 2 == large).sum()) > 512  # csrc/face_pixels.h: kLargeBox
    assert_close(grad, expected)
    assert_same_bits(KEPT, f"large {large}", grad)


def test_many_faces_at_a_vertex(emulated, monkeypatch):
    angles = torch.linspace(0, 2 * torch.pi, 101, dtype=torch.float64)[:-1]
    rim = torch.stack([angles.cos(), angles.sin(), 2 + angles / 9], dim=-1)
    vertices = torch.cat([rim, torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64)])[None]
    corner = torch.arange(100)
    faces = torch.stack([corner, (corner + 1) % 100, torch.full_like(corner, 100)], dim=-1)
    seen = fragments(monkeypatch, (vertices, faces.flip(0)), (16, 16))
    values, grad_image = vertices.clone(), noise(1, 3, 16, 16, dtype=torch.float64)
    _, grad = interpolate(values, grad_image, seen)
    _, expected = on_cpu(monkeypatch, interpolate, values, grad_image, seen)
    assert_close(grad, expected)
    assert_same_bits(KEPT, "fan", grad)


def test_no_faces_and_no_vertices(emulated):
    seen = (
        torch.empty(2, 0, 3),
        torch.empty(0, 3, dtype=torch.int32),
        torch.full((2, 4, 5), -1, dtype=torch.int32),
        torch.zeros(2, 4, 5),
        torch.zeros(2, 4, 5, 3),
    )
    image, grad = interpolate(torch.empty(1, 0, 3), torch.ones(2, 3, 4, 5), seen)
    assert torch.equal(image, torch.zeros(2, 3, 4, 5))
    assert grad.shape == (1, 0, 3)


BAD = {
    "face_index must hold face indices inside [-1, 22), got 22 at [1, 2, 3]": (2, (1, 2, 3), 22),
    "face_index must hold face indices inside [-1, 22), got -2 at [2, 20, 36]": (
        2,
        (2, 20, 36),
        -2,
    ),
    "faces must hold vertex indices inside [0, 12), got 2147483647 at [4, 1]": (
        1,
        (4, 1),
        2**31 - 1,
    ),
    "faces must hold vertex indices inside [0, 12), got -1 at [0, 2]": (1, (0, 2), -1),
    "vertices must be finite, got nan at [1, 11, 2]": (0, (1, 11, 2), float("nan")),
    "vertices must be finite, got -inf at [2, 0, 0]": (0, (2, 0, 0), float("-inf")),
}


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("operation", ["values", "values_gradient", "cubes", "cubes_gradient"])
def test_bad_values_are_told_by_the_next_call(emulated, monkeypatch, operation, text):
    dtype = torch.float32
    good = fragments(monkeypatch, meshes(dtype), SIZE)
    grad_image = noise(3, 2, *SIZE, dtype=dtype)
    name, call = {
        "values": (
            "interpolate_vertices",
            lambda seen: torch.ops.nr3d.interpolate_vertices(noise(3, 12, 2, dtype=dtype), *seen),
        ),
        "values_gradient": (
            "interpolate_vertices_gradient",
            lambda seen: torch.ops.nr3d.interpolate_vertices_gradient(grad_image, *seen, 3),
        ),
        "cubes": (
            "sample_cubes",
            lambda seen: torch.ops.nr3d.sample_cubes(
                noise(3, 11, 2, 2, 2, 2, dtype=dtype), *seen, 0.0
            ),
        ),
        "cubes_gradient": (
            "sample_cubes_gradient",
            lambda seen: torch.ops.nr3d.sample_cubes_gradient(grad_image, *seen, 3, 2, 0.0),
        ),
    }[operation]
    number, where, value = BAD[text]
    bad = [tensor.clone() for tensor in good]
    bad[number][where] = value
    call(bad)
    with pytest.raises(ValueError) as here:
        call(good)
    with pytest.raises(ValueError) as there:
        on_cpu(monkeypatch, call, bad)
    assert str(there.value) == f"{name}: {text}"
    assert str(here.value) == f"{name}: {text} (found on cpu by an earlier call)"
    call(good)
