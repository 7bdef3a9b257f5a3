"""Cubes of values: recorded numbers, what single texels mean, the same in plain torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nr3d.renderer.cubes import sample_cubes
from nr3d.renderer.interpolate import interpolate_vertices
from nr3d.renderer.kato import kato_edges
from nr3d.renderer.rasterize import Fragments, rasterize
from tests.conftest import TRUTH
from tests.renderer.scenes import soup
from tests.renderer.test_truth import GRADIENT_TOLERANCE, Case, assert_gradient

DTYPES = [torch.float32, torch.float64]
TEXTURED = [
    path.stem
    for path in sorted(TRUTH.glob("case_*.npz"))
    if path.stem.startswith(("case_01", "case_02", "case_04", "case_07b", "case_09", "case_11"))
] or ["case_09_texture_quad_ts4", "case_11_soup150_24_aa2"]
# Their fused and unfused kernels differ by this much where a face is seen nearly edge-on.
COLOR_TOLERANCE = 1e-3


class Textured(Case):
    """A file with cubes, drawn with all its faces or with the half that is not copies."""

    def __init__(self, arrays: dict, dtype: torch.dtype, *, fill_back: bool = False) -> None:
        if "textures" not in arrays:
            pytest.skip("no textures are recorded")
        super().__init__(arrays, dtype)
        self.num_drawn = self.num_faces // 2 if fill_back else self.num_faces
        self.vertices, self.mesh_faces = self.mesh(self.num_drawn)
        self.vertices.requires_grad_()
        self.fragments = rasterize(
            self.vertices, self.mesh_faces, **self.settings, fill_back=fill_back
        )
        self.cubes = self.tensor("textures")[:, : self.num_drawn].requires_grad_()

    def image(self) -> Tensor:
        """The colours in front of the background. [M, 3, S, S]"""
        colors = sample_cubes(
            self.cubes,
            self.fragments,
            vertices=self.vertices,
            faces=self.mesh_faces,
            eps=self.eps,
        )
        background = self.tensor("background_color").expand(self.num_meshes, 3)
        covered = (self.fragments.face_index >= 0)[:, None]
        return torch.where(covered, colors, background[:, :, None, None])

    def check(self, grad_cubes: Tensor) -> None:
        """Compare colours, and the gradient of the cubes."""
        image = self.image()
        pooled = torch.nn.functional.avg_pool2d(image.detach(), self.scale)
        torch.testing.assert_close(pooled, self.tensor("rgb"), rtol=0, atol=COLOR_TOLERANCE)
        image.backward(self.incoming("grad_rgb"))
        if grad_cubes.abs().max() == 0:
            assert (self.cubes.grad == 0).all()
        else:
            # Recorded in single precision only.
            assert_gradient(self.cubes.grad, grad_cubes, GRADIENT_TOLERANCE[torch.float32])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TEXTURED)
def test_it_equals_the_authors_kernels(truth, name, dtype):
    case = Textured(truth(name), dtype)
    case.check(case.tensor("grad_textures"))


@pytest.mark.parametrize("name", [name for name in TEXTURED if "fillback1" in name])
def test_backs_show_the_cube_of_their_face(truth, name):
    case = Textured(truth(name), torch.float64, fill_back=True)
    expected = case.tensor("grad_textures")
    front, back = expected.split(case.num_drawn, 1)
    case.check(front + back.transpose(2, 4))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keys", [("rgb",), ("rgb", "alpha")], ids="_".join)
@pytest.mark.parametrize("name", TEXTURED)
def test_vertices_feel_the_colours_and_the_background(truth, name, keys, dtype):
    case = Textured(truth(name), dtype)
    suffix = "_f64" if dtype == torch.float64 else ""
    expected = torch.from_numpy(case.arrays["grad_faces_" + "_".join(keys) + suffix])
    colors = case.image().detach()
    alpha = (case.fragments.face_index >= 0).to(dtype)[:, None]
    image = torch.cat([{"rgb": colors, "alpha": alpha}[key] for key in keys], 1)
    edged = kato_edges(
        image,
        case.vertices,
        faces=case.mesh_faces,
        face_index=case.fragments.face_index,
        eps=case.eps,
    )
    edged.backward(case.incoming(*(f"grad_{key}" for key in keys)))
    # Colours are recorded from single precision: their rounding decides the last digits.
    tolerance = GRADIENT_TOLERANCE[torch.float32]
    assert_gradient(case.vertices.grad, expected, tolerance)


def drawn(size: int = 48) -> tuple[Fragments, dict[str, Tensor]]:
    """Slanted triangles, seen from both sides."""
    scene = soup(30, seed=3, num_meshes=2)
    vertices = scene.vertices * torch.linspace(0.5, 2, 90, dtype=torch.float64)[:, None]
    arguments = {"vertices": vertices, "faces": scene.faces}
    fragments = rasterize(vertices, scene.faces, image_size=size)
    assert 30 <= fragments.face_index.max() and 0 in (fragments.face_index < 0)
    return fragments, arguments


def test_one_texel_colours_a_face():
    fragments, arguments = drawn()
    cubes = torch.rand(2, 30, 1, 1, 1, 3, dtype=torch.float64)
    image = sample_cubes(cubes, fragments, **arguments)
    index = fragments.face_index.long()
    expected = torch.stack([one.flatten(1)[i % 30] for one, i in zip(cubes, index, strict=True)])
    expected = torch.where(index[..., None] >= 0, expected, 0)
    torch.testing.assert_close(image.permute(0, 2, 3, 1), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("side", [2, 3, 5])
def test_a_linear_cube_shows_the_values_of_the_corners(side):
    """Trilinear interpolation gives a linear function back."""
    fragments, arguments = drawn()
    values = torch.rand(2, 90, 3, dtype=torch.float64)
    grid = torch.linspace(0, 1, side, dtype=torch.float64)
    weights = torch.stack(torch.meshgrid(grid, grid, grid, indexing="ij"), -1)
    corners = values[:, arguments["faces"]]  # [2, 30, 3, 3]
    cubes = torch.einsum("ijkl,mflc->mfijkc", weights, corners)
    image = sample_cubes(cubes, fragments, **arguments, eps=0.0)
    expected = interpolate_vertices(values, fragments, **arguments)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-12)
    clamped = sample_cubes(cubes, fragments, **arguments, eps=0.3)
    assert (clamped - expected).abs().max() > 1e-2


def test_eps_as_large_as_the_cube_shows_the_first_texel():
    fragments, arguments = drawn()
    cubes = torch.rand(1, 30, 2, 2, 2, 1, dtype=torch.float64)
    image = sample_cubes(cubes, fragments, **arguments, eps=7.0)
    first = sample_cubes(cubes[:, :, :1, :1, :1], fragments, **arguments)
    assert torch.equal(image, first)
