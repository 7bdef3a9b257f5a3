"""OBJ files, `Mesh` and `Adam` under their old names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.compat import neural_renderer as nr

TRIANGLE = "v 0 0 0\nv 2 0 0\nv 0 1 0\n"


def write_textured(folder):
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, 2:] = (255, 0, 0)
    Image.fromarray(pixels).save(folder / "half.png")
    (folder / "a.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd half.png\n")
    uvs = "vt 0 0\nvt 1 0\nvt 0 1\n"
    body = f"mtllib a.mtl\n{TRIANGLE}{uvs}usemtl m\nf 1/1 2/2 3/3\n"
    (folder / "a.obj").write_text(body)
    return folder / "a.obj"


def test_the_teapot_is_read_as_before(truth, shared_data):
    case, path = truth("aux_load_obj_teapot"), shared_data("teapot.obj")
    for normalization, name in ((False, "vertices_raw"), (True, "vertices_normalized")):
        vertices, faces = nr.load_obj(path, normalization)
        np.testing.assert_allclose(vertices.cpu().numpy(), case[name], atol=1e-6)
        np.testing.assert_array_equal(faces.cpu().numpy(), case["faces"])
        assert (vertices.dtype, faces.dtype) == (torch.float32, torch.int32)


def test_textures_come_as_cubes(tmp_path):
    vertices, faces, cubes = nr.load_obj(write_textured(tmp_path), load_texture=True)
    assert cubes.shape == (1, 4, 4, 4, 3)
    torch.testing.assert_close(cubes[0, 0, 3, 0].cpu(), torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(cubes[0, 3, 0, 0].cpu(), torch.zeros(3))
    assert vertices.max() == 1
    assert faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("options", ["", "-s 0.5 0.5 -o 0.25 0 "])
def test_a_corner_without_texture_coordinates_has_the_last_ones(tmp_path, options):
    path = write_textured(tmp_path)
    (tmp_path / "a.mtl").write_text(f"newmtl m\nKd 1 1 1\nmap_Kd {options}half.png\n")
    lines = path.read_text().replace("f 1/1 2/2 3/3", "vt 0.5 0.1\nvt 0.3 1\nf {0} {1} {2}")
    cubes = []
    for corners in (("1", "2//", "3/2"), ("1/5", "2/5", "3/2"), ("1/1", "2/1", "3/2")):
        path.write_text(lines.format(*corners))
        cubes.append(nr.load_obj(path, load_texture=True)[2])
    assert torch.equal(cubes[0], cubes[1])
    assert not torch.equal(cubes[0], cubes[2])  # (0, 0)


def test_what_is_missing_for_textures_is_named(tmp_path):
    (tmp_path / "plain.obj").write_text(TRIANGLE + "f 1 2 3\n")
    with pytest.raises(ValueError, match="must use materials to have textures"):
        nr.load_obj(tmp_path / "plain.obj", load_texture=True)
    with pytest.raises(ValueError, match="texture_wrapping must be one of REPEAT"):
        nr.load_obj(tmp_path / "plain.obj", texture_wrapping="REPEATED")


def test_what_is_saved_is_read_again(tmp_path):
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    cubes = torch.full((1, 4, 4, 4, 3), 0.2)
    nr.save_obj(str(tmp_path / "b.obj"), vertices, faces, cubes)
    found = nr.load_obj(tmp_path / "b.obj", normalization=False, load_texture=True)
    torch.testing.assert_close(found[0].cpu(), vertices)
    # the texel of no corner lies outside the triangle, and pixels have 8 bits
    torch.testing.assert_close(
        found[2][0, 1:, 1:, 1:].cpu(), cubes[0, 1:, 1:, 1:], atol=3e-3, rtol=0
    )


def test_one_colour_for_a_face_is_saved(tmp_path):
    colors = torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    nr.save_obj(tmp_path / "c.obj", torch.rand(4, 3), faces, colors.view(2, 1, 1, 1, 3))
    cubes = nr.load_obj(tmp_path / "c.obj", load_texture=True)[2]
    torch.testing.assert_close(cubes[:, 1, 1, 1].cpu(), colors)


def test_faces_without_their_materials_are_grey(tmp_path):
    """The file names materials and does not use them, or uses one that is not there."""
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 0 0\n")
    for key, use in (("mtllib", ""), ("MTLLIB", ""), ("mtllib", "usemtl another\n")):
        (tmp_path / "a.obj").write_text(f"{key} a.mtl\n{TRIANGLE}{use}f 1 2 3\n")
        cubes = nr.load_obj(tmp_path / "a.obj", load_texture=True, texture_size=2)[2]
        assert (cubes == 0.5).all()


def test_a_mesh_learns_its_textures(tmp_path):
    mesh = nr.Mesh.fromobj(write_textured(tmp_path), texture_size=3)
    assert [name for name, _ in mesh.named_parameters()] == ["textures"]
    vertices, faces, textures = mesh.get_batch(5)
    assert vertices.shape == (5, 3, 3)
    assert faces.shape == (5, 1, 3)
    assert textures.shape == (5, 1, 3, 3, 3, 3)
    assert textures.min() > 0
    given = nr.Mesh(mesh.vertices, mesh.faces, torch.rand(1, 6, 6, 6, 3))
    assert given.texture_size == 6
    assert not list(given.parameters())


def test_a_mesh_from_a_path_learns_both(tmp_path):
    mesh = nr.Mesh(str(write_textured(tmp_path)), 2)
    assert sorted(name for name, _ in mesh.named_parameters()) == ["textures", "vertices"]
    assert mesh.texture_size == 2


VERTICES, FACES = torch.rand(4, 3), torch.tensor([[0, 1, 2], [1, 3, 2]], dtype=torch.int32)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((VERTICES.numpy(), FACES.numpy()), TypeError, "vertices must be a tensor, got ndarray"),
        ((VERTICES, FACES.numpy()), TypeError, "faces must be a tensor, got ndarray"),
        ((VERTICES,), TypeError, "faces must be a tensor, got NoneType"),
        (
            (VERTICES[None], FACES),
            ValueError,
            r"vertices must have shape \[V, 3\], got \[1, 4, 3\]",
        ),
        ((VERTICES, FACES + 1), ValueError, r"faces must hold .* inside \[0, 4\), got 1 to 4"),
        ((VERTICES, FACES - 1), ValueError, r"faces must hold .* inside \[0, 4\), got -1 to 2"),
        (
            (VERTICES, FACES, torch.zeros(2, 2, 3, 4, 3)),
            ValueError,
            r"textures must have shape \[2, T, T, T, 3\] with one T .*, got \[2, 2, 3, 4, 3\]",
        ),
        (
            (VERTICES, FACES, torch.zeros(1, 2, 2, 2, 3)),
            ValueError,
            r"textures must have shape \[2, T, T, T, 3\], got \[1, 2, 2, 2, 3\]",
        ),
        ((VERTICES, FACES, None, 0), ValueError, "texture_size must be at least 1, got 0"),
        ((VERTICES, FACES, None, 2.5), TypeError, "texture_size must be an int, got float"),
    ],
)
def test_what_is_no_mesh_is_named(arguments, error, message):
    with pytest.raises(error, match="Mesh: " + message):
        nr.Mesh(*arguments)


def test_adam_leaves_alone_what_has_no_gradient(tmp_path):
    mesh = nr.Mesh(str(write_textured(tmp_path)), 2)
    before = mesh.vertices.detach().clone()
    mesh.set_lr(1.0, 0.0)
    optimizer = nr.Adam(mesh.parameters(), alpha=0.1)
    (mesh.vertices[0].sum() + mesh.textures.sum()).backward()
    textures = mesh.textures.detach().clone()
    optimizer.step()
    torch.testing.assert_close(mesh.vertices[0], before[0] - 0.1)
    assert torch.equal(mesh.vertices[1:], before[1:])
    assert torch.equal(mesh.textures, textures)  # its rate is 0


def test_adam_reads_rates_at_each_update(tmp_path):
    mesh = nr.Mesh(str(write_textured(tmp_path)), 2)
    optimizer = nr.Adam(mesh.parameters(), alpha=0.1)

    def moves() -> list[float]:
        before = [parameter.detach().clone() for parameter in (mesh.vertices, mesh.textures)]
        optimizer.zero_grad()
        (mesh.vertices.sum() + mesh.textures.sum()).backward()
        optimizer.step()
        after = (mesh.vertices, mesh.textures)
        return [float((b - a.detach()).mean()) for a, b in zip(after, before, strict=True)]

    assert moves() == pytest.approx([0.1, 0.1], rel=1e-4)
    mesh.set_lr(0, 0.5)
    assert moves() == pytest.approx([0, 0.05], rel=1e-4)
    assert optimizer.state[mesh.vertices]["step"] == 1  # skipped: not counted either
    mesh.set_lr(2, 0)
    assert moves() == pytest.approx([0.2, 0], rel=1e-4)


def test_the_rate_of_a_parameter_multiplies_that_of_its_group():
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    groups = [{"params": parameters[:2], "lr": 0.1}, {"params": parameters[2:]}]
    optimizer = nr.Adam(groups, alpha=0.01)
    parameters[1].lr = parameters[2].lr = 3.0
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    optimizer.step()
    found = [float(parameter[0].detach()) for parameter in parameters]
    assert found == pytest.approx([-0.1, -0.3, -0.03], rel=1e-4)
