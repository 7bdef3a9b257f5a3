"""The OBJ reader: what files in the wild hold, and what is refused."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from nr3d.geometry import icosphere, load_mesh, normalize

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
WriteFile = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write(text: str, name: str = "mesh.obj") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def test_teapot_equals_the_recorded_arrays(
    truth: Callable[[str], dict[str, np.ndarray]], shared_data: Callable[[str], Path]
) -> None:
    recorded, mesh = truth("aux_load_obj_teapot"), load_mesh(shared_data("teapot.obj"))
    assert np.array_equal(mesh.vertices.numpy(), recorded["vertices_raw"])
    assert np.array_equal(mesh.faces.numpy(), recorded["faces"])
    assert mesh.face_colors is None
    assert mesh.vertices.dtype == torch.float32 and mesh.faces.dtype == torch.int64
    normalized = normalize(mesh.vertices, size=2.0).numpy()
    np.testing.assert_allclose(normalized, recorded["vertices_normalized"], atol=1e-7)


def test_polygons_become_fans_in_the_order_of_the_file(write: WriteFile) -> None:
    mesh = load_mesh(write(SQUARE + "v 0 2 0\nf 1 2 3 4 5\nf 3 2 1\n"))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4], [2, 1, 0]]


@pytest.mark.parametrize("face", ["1 2 3", "1/1 2/2 3/3", "1/1/1 2/2/1 3/3/1", "1//1 2//1 3//1"])
def test_every_form_of_a_corner_is_read(write: WriteFile, face: str) -> None:
    texture = "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\n"
    assert load_mesh(write(f"{SQUARE}{texture}f {face}\n")).faces.tolist() == [[0, 1, 2]]


def test_negative_indices_count_back_from_the_last_vertex_so_far(write: WriteFile) -> None:
    mesh = load_mesh(write("v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\nv 0 1 0\nf -4/-1 -2/-1 -1/-1\n"))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_comments_groups_spaces_and_line_ends_do_not_matter(write: WriteFile) -> None:
    text = "# a mesh\r\n\r\no thing\r\n  v 0 0 0 1.0\r\nv\t1 0 0 0.5 0.5 0.5\r\nv 1e0 +1 -0\r\n"
    mesh = load_mesh(write(text + "g part\r\ns off\r\nl 1 2\r\nf 1 2 \\\r\n 3\r\n"))
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2]]


def test_loose_edges_are_passed_over(write: WriteFile) -> None:
    assert load_mesh(write(SQUARE + "f 1 2\nf 1 2 3\nf 3 4\n")).faces.tolist() == [[0, 1, 2]]


def test_faces_take_the_colour_of_their_material(write: WriteFile) -> None:
    write("newmtl red one\nKd 1 0 0\nmap_Kd a.png\nnewmtl plain\nnewmtl dim\nKd 0.25\n", "a b.mtl")
    write("newmtl blue\n  Kd 0 0 7\n", "c.mtl")
    faces = ["f 1 2 3", "usemtl red one", "f 1 2 3 4", "usemtl blue", "f 1 3 4", "usemtl dim"]
    faces += ["f 1 3 4", "usemtl plain", "f 1 3 4", "usemtl unknown", "f 1 3 4"]
    mesh = load_mesh(write("mtllib a b.mtl\nmtllib c.mtl\n" + SQUARE + "\n".join(faces) + "\n"))
    grey, red, blue = [0.5] * 3, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    assert mesh.face_colors is not None and mesh.face_colors.dtype == torch.float32
    assert mesh.face_colors.tolist() == [grey, red, red, blue, [0.25] * 3, grey, grey]


def test_missing_material_file_is_warned_about(write: WriteFile) -> None:
    path = write("mtllib none.mtl\n" + SQUARE + "usemtl a\nf 1 2 3\n")
    with pytest.warns(UserWarning, match=r"material file .*none.mtl of .*mesh.obj not found"):
        assert load_mesh(path).face_colors is None


def test_damaged_material_is_named_with_its_line(write: WriteFile) -> None:
    write("newmtl a\n\nKd 1 x 0\n", "a.mtl")
    with pytest.raises(
        ValueError, match=r"a.mtl, line 3: Kd must be .* three numbers, got '1 x 0'"
    ):
        load_mesh(write("mtllib a.mtl\n" + SQUARE + "f 1 2 3\n"))


def test_a_hundred_thousand_lines_take_less_than_a_second(write: WriteFile) -> None:
    vertices, faces = icosphere(6)
    rows = [f"v {x} {y} {z}" for x, y, z in vertices.tolist()]
    rows += [f"f {a}/{a}/{a} {b}/{b}/{b} {c}/{c}/{c}" for a, b, c in (faces + 1).tolist()]
    path = write("\n".join(rows) + "\n")
    begin = time.process_time()
    mesh = load_mesh(path)
    assert time.process_time() - begin < 1.0  # 0.3 s where measured
    assert torch.equal(mesh.vertices, vertices) and torch.equal(mesh.faces, faces)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must be an OBJ file with vertices and faces, got no vertex \(v\) line in 0 lines"),
        ("<html>\n<body>\n", r"must be an OBJ file .*, got no vertex \(v\) line in 2 lines"),
        (SQUARE, r"must be an OBJ file .*, got no face \(f\) line in 4 lines"),
        ("\x89PNG\0\0", "must be an OBJ file, got binary data"),
        ("v 1 2\nf 1 1 1\n", "line 1: v must be followed by three numbers, got '1 2'"),
        ("\nv 1 b 2\nf 1 1 1\n", "line 2: v must be followed by three numbers, got '1 b 2'"),
        ("v 1 nan 2\nf 1 1 1\n", "line 1: v must hold finite float32 numbers, got '1 nan 2'"),
        ("v 1 1e39 2\nf 1 1 1\n", "line 1: v must hold finite float32 numbers, got '1 1e39 2'"),
        (SQUARE + "f 1 2 5\n", "line 5: f must point at vertices 1 to 4, got '1 2 5'"),
        (SQUARE + "f 1 2 0\n", "line 5: f must point at vertices 1 to 4, got '1 2 0'"),
        (SQUARE + "f 1 2 -5\n", "line 5: f must point at vertices 1 to 4, got '1 2 -5'"),
        (SQUARE + "f 1 2 x\n", "line 5: f must be followed by vertex indices, got '1 2 x'"),
        ("v 0 0 0 1 0 x\nf 1 1 1\n", "line 1: v must be followed by six numbers"),
        (SQUARE + "f 1\n", "line 5: f must be followed by vertex indices, got '1'"),
        (SQUARE + "f 1 2\n", "must hold faces, got nothing but edges"),
        (SQUARE + "f 1 2 3\nf 1 2", "line 6: f must have three corners at the end of the file"),
    ],
)
def test_damaged_files_are_refused(write: WriteFile, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^load_mesh: .*mesh.obj.*{message}"):
        load_mesh(write(text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="load_mesh: .*none.obj not found"):
        load_mesh(tmp_path / "none.obj")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(write: WriteFile) -> None:
    path = write(SQUARE + "# one\n" + "f" + " 1" * (16 << 20))
    tracemalloc.start()
    with pytest.raises(
        ValueError, match="line 6: a line must have at most 1048576 bytes, got more"
    ):
        load_mesh(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20  # of 32 MB


@pytest.mark.parametrize(("start", "name"), [(SQUARE + "f", "mesh.obj"), ("Kd", "a.mtl")])
def test_a_line_of_a_gigabyte_is_refused_at_once(write: WriteFile, start: str, name: str) -> None:
    """Of a sparse file, so that only what is read before the refusal is on the disk."""
    mesh = write("mtllib a.mtl\n" + SQUARE + "f 1 2 3\n")
    path = write(start + " 1" * (2 << 20), name)
    os.truncate(path, 1 << 30)
    tracemalloc.start()
    begin = time.process_time()
    number = start.count("\n") + 1
    with pytest.raises(
        ValueError, match=f"{name}, line {number}: a line must have at most 1048576"
    ):
        load_mesh(mesh)
    assert time.process_time() - begin < 1.0  # 0.01 s where measured
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_continued_lines_are_joined_in_linear_time(write: WriteFile) -> None:
    begin = time.process_time()
    mesh = load_mesh(write(SQUARE + "f 1 \\\n" + " 2 \\\n" * 200_000 + "3\n"))
    assert len(mesh.faces) == 200_000
    assert time.process_time() - begin < 2.0  # 0.2 s where measured


def test_edges_may_have_any_number_of_faces(write: WriteFile) -> None:
    fan = "f 1 2 3\nf 1 2 4\nf 2 1 3\nf 1 2 3\nf 1 1 1\n"
    assert len(load_mesh(write(SQUARE + fan)).faces) == 5


def test_six_numbers_are_a_position_and_a_colour(write: WriteFile) -> None:
    mesh = load_mesh(write("v 0 0 0 1 0 0\nv 1 0 0 0 1.5 0\nv 1 1 0 0 -1 .5 1\nf 1 2 3\n"))
    assert mesh.vertex_colors is not None and mesh.face_colors is not None
    assert mesh.vertex_colors.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0.5]]
    torch.testing.assert_close(mesh.face_colors, torch.tensor([[1 / 3, 1 / 3, 1 / 6]]))


def test_a_byte_order_mark_loses_no_vertex(write: WriteFile) -> None:
    mesh = load_mesh(write("\ufeff" + SQUARE + "f 1 2 3\n"))
    assert len(mesh.vertices) == 4 and mesh.faces.tolist() == [[0, 1, 2]]
    write("\ufeffnewmtl a\nKd 1 0 0\n", "a.mtl")
    colors = load_mesh(write("\ufeffmtllib a.mtl\n" + SQUARE + "usemtl a\nf 1 2 3\n")).face_colors
    assert colors is not None and colors.tolist() == [[1, 0, 0]]


def test_comments_behind_a_line_and_capitals_do_not_matter(write: WriteFile) -> None:
    write("NewMtl A # hi\nKD 1 0 0 # red\nnewmtl B\nKd 0.25 # grey\n", "a.mtl")
    text = "MTLLIB a.mtl # colours\nV 0 0 0 # a b c\nv 1 0 0 # a b c\nv 0 1 0 # a b c\n"
    mesh = load_mesh(write(text + "UseMtl A\nF 1 2 3 # hi\nusemtl B # quarter\nf 1/1 2/2 3/3 #\n"))
    assert mesh.vertex_colors is None and mesh.face_colors is not None
    assert mesh.face_colors.tolist() == [[1, 0, 0], [0.25] * 3]


def test_names_of_materials_may_hold_a_number_sign(write: WriteFile) -> None:
    write("newmtl Material #25\nKd 1 0 0\nnewmtl Material #26\nKd 0 1 0\n", "a.mtl")
    faces = "usemtl Material #26\nf 1 2 3\nusemtl Material #25\nf 1 2 3\n"
    mesh = load_mesh(write("mtllib a.mtl\n" + SQUARE + faces))
    assert mesh.face_colors is not None and mesh.face_colors.tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("name", ['"a b.mtl"', '"a b.mtl" # c', "a b.mtl # c", "c.mtl a#1.mtl # c"])
def test_material_files_may_be_quoted(write: WriteFile, name: str) -> None:
    for file in ("a b.mtl", "a#1.mtl"):
        write("newmtl a\nKd 1 0 0\n", file)
    write("newmtl b\n", "c.mtl")
    mesh = load_mesh(write(f"mtllib {name}\n" + SQUARE + "usemtl a\nf 1 2 3\n"))
    assert mesh.face_colors is not None and mesh.face_colors.tolist() == [[1, 0, 0]]
