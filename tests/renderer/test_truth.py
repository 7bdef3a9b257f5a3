"""Against the recorded numbers of the authors' kernels, face by face.

The files' maps count rows from the bottom; ours from the top. Their kernels were run without fused
multiply-add, in float32 and, as `*_f64`, in float64. Every file found is tested; the four names
below stand for the tests where there is no folder.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.conftest import TRUTH, Arrays
from tests.renderer.implementations import NATIVE, REFERENCE, Implementation

# Faces of no or hardly any area: which pixels they light depends on the order of the roundings.
ROUNDING = ("case_05_", "case_05b_")
CASES = [p.stem for p in sorted(TRUTH.glob("case_*.npz")) if not p.stem.startswith(ROUNDING)] or [
    "case_03_figure_triangle16_eps1e-4",
    "case_07_teapot_5views_64_aa1_fillback1",
    "case_08_icospheres4_64_aa1_fillback1",
    "case_11_soup150_24_aa2",
]
BOTH_SIDES = [name for name in CASES if "fillback1" in name]
# Few enough pixels for plain torch; of the meshes it draws the first view only.
REFERENCE_CASES = [name for name in CASES if "_128_" not in name]
# Colours are recorded at the size they were drawn at unless that is pooled.
COLORED = [name for name in CASES if name.startswith(("case_01", "case_02", "case_04", "case_09"))]
DTYPES = [torch.float32, torch.float64]

# Shares of the largest entry of the file. Gradients have poles (one over a distance), so single
# entries cannot be compared. 2e-3: their kernels compiled with and without fused multiply-add.
# 1e-10: our roundings in double, at the worst pole of the files.
GRADIENT_TOLERANCE = {torch.float32: 2e-3, torch.float64: 1e-10}
# Their fused and unfused kernels differ by this much in weights, on faces seen nearly edge-on.
WEIGHT_TOLERANCE = 6e-3
DEPTH_TOLERANCE = 1e-4


class Case:
    """One file as tensors of one dtype, in our layout."""

    def __init__(self, arrays: Arrays, dtype: torch.dtype, num_meshes: int | None = None) -> None:
        arrays = {k: v[:num_meshes] if v.ndim > 2 else v for k, v in arrays.items()}
        self.arrays, self.dtype = arrays, dtype
        self.face_vertices = self.tensor("faces")
        self.num_meshes, self.num_faces = self.face_vertices.shape[:2]
        self.scale = int(arrays["anti_aliasing_factor"])
        self.size = int(arrays["image_size"]) * self.scale
        self.eps = float(arrays["eps"])
        self.settings = {
            "image_size": self.size,
            "near": float(arrays["near"]),
            "far": float(arrays["far"]),
        }

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(self.arrays[key]).to(self.dtype)

    def mesh(self, num_faces: int) -> tuple[Tensor, Tensor]:
        """The first faces as a mesh without shared vertices."""
        vertices = self.face_vertices[:, :num_faces].reshape(self.num_meshes, -1, 3)
        return vertices, torch.arange(3 * num_faces).view(-1, 3)

    def face_index(self) -> Tensor:
        return torch.from_numpy(self.arrays["face_index_map"].astype(np.int32)).flip(1)

    def pooled(self, image: Tensor) -> Tensor:
        return functional.avg_pool2d(image[:, None], self.scale)[:, 0]

    def incoming(self, *keys: str) -> Tensor:
        """The gradient of the drawn image, from that of the pooled one. [M, C, S, S]"""
        shape = (self.num_meshes, -1, self.size // self.scale, self.size // self.scale)
        grads = torch.cat([self.tensor(key).reshape(shape) for key in keys], 1) / self.scale**2
        return grads.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


def assert_gradient(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    actual = actual.reshape(expected.shape).double()
    assert actual.isfinite().all()
    error = (actual - expected.double()).abs().max()
    assert error <= tolerance * expected.abs().max(), (error, expected.abs().max())


def check_maps(case: Case, rasterize_result: tuple[Tensor, Tensor, Tensor]) -> None:
    face_index, depth, weights = rasterize_result
    assert torch.equal(face_index, case.face_index())
    assert torch.equal(case.pooled((face_index >= 0).to(case.dtype)), case.tensor("alpha"))
    torch.testing.assert_close(
        case.pooled(depth), case.tensor("depth"), rtol=DEPTH_TOLERANCE, atol=0
    )
    if "weight_map" in case.arrays:
        expected = case.tensor("weight_map").flip(1)
        torch.testing.assert_close(weights, expected, rtol=0, atol=WEIGHT_TOLERANCE)


def check_alpha_gradient(case: Case, implementation: Implementation, num_faces: int) -> None:
    """Draw the first `num_faces`, all there are or the half that is not copies."""
    rasterize, kato_gradient = implementation
    vertices, faces = case.mesh(num_faces)
    fill_back = num_faces < case.num_faces
    maps = rasterize(vertices, faces, **case.settings, fill_back=fill_back)
    check_maps(case, maps)
    if "grad_alpha" not in case.arrays:
        return
    alpha = (maps[0] >= 0).to(case.dtype)[:, None]
    grad = kato_gradient(vertices, faces, maps[0], alpha, case.incoming("grad_alpha"), eps=case.eps)
    suffix = "_f64" if case.dtype == torch.float64 else ""
    expected = torch.from_numpy(case.arrays["grad_faces_alpha" + suffix])
    if fill_back:
        expected = expected[:, :num_faces] + expected[:, num_faces:].flip(2)
    assert_gradient(grad, expected, GRADIENT_TOLERANCE[case.dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_native_equals_the_authors_kernels(truth, name, dtype):
    case = Case(truth(name), dtype)
    check_alpha_gradient(case, NATIVE, case.num_faces)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BOTH_SIDES)
def test_fill_back_equals_a_reversed_copy_of_each_face(truth, name, dtype):
    case = Case(truth(name), dtype)
    check_alpha_gradient(case, NATIVE, case.num_faces // 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCE_CASES)
def test_reference_equals_the_authors_kernels(truth, name, dtype):
    arrays = truth(name)
    case = Case(arrays, dtype, 1 if arrays["faces"].shape[1] > 1000 else None)
    if dtype == torch.float64 or case.num_faces < 1000:
        check_alpha_gradient(case, REFERENCE, case.num_faces)


@pytest.mark.parametrize("implementation", [NATIVE, REFERENCE], ids=["native", "reference"])
@pytest.mark.parametrize("keys", [("rgb",), ("rgb", "alpha")], ids="_".join)
@pytest.mark.parametrize("name", COLORED)
def test_channels_count_together(truth, name, keys, implementation):
    arrays = truth(name)
    if int(arrays["anti_aliasing_factor"]) != 1:
        pytest.skip("colours are pooled")
    rasterize, kato_gradient = implementation
    case = Case(arrays, torch.float32)
    vertices, faces = case.mesh(case.num_faces)
    face_index, _, _ = rasterize(vertices, faces, **case.settings, fill_back=False)
    alpha = (face_index >= 0).to(case.dtype)[:, None]
    image = torch.cat([{"rgb": case.tensor("rgb"), "alpha": alpha}[key] for key in keys], 1)
    incoming = case.incoming(*(f"grad_{key}" for key in keys))
    grad = kato_gradient(vertices, faces, face_index, image, incoming, eps=case.eps)
    expected = case.tensor("grad_faces_" + "_".join(keys))
    assert_gradient(grad, expected, GRADIENT_TOLERANCE[torch.float32])


@pytest.mark.parametrize("implementation", [NATIVE, REFERENCE], ids=["native", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_faces_without_area_draw_nothing(truth, dtype, implementation):
    rasterize, kato_gradient = implementation
    case = Case(truth("case_05b_degenerate_one_face_per_batch"), dtype)
    vertices, faces = case.mesh(case.num_faces)
    face_index, depth, weights = rasterize(vertices, faces, **case.settings, fill_back=False)
    alpha = (face_index >= 0).to(dtype)[:, None]
    grad = kato_gradient(
        vertices, faces, face_index, alpha, case.incoming("grad_alpha"), eps=case.eps
    )
    for result in (depth, weights, grad):
        assert result.isfinite().all()
    # The rows that do not depend on roundings, and 2, a face whose corners lie on one line.
    empty = [0, 1, 2, 4, 8, 10]
    assert (face_index[empty] == -1).all()
    assert (grad[empty] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_soup_of_slivers_stays_finite(truth, dtype):
    case = Case(truth("case_05_degenerate_soup_ieee_only"), dtype)
    vertices, faces = case.mesh(case.num_faces)
    maps = torch.ops.nr3d.rasterize(vertices, faces, case.size, case.size, 0.1, 100.0, True)
    alpha = (maps[0] >= 0).to(dtype)[:, None]
    grad = torch.ops.nr3d.kato_gradient(
        vertices, faces, maps[0], alpha, case.incoming("grad_alpha"), case.eps
    )
    for result in (maps[1], maps[2], grad):
        assert result.isfinite().all()
