"""Materials: colours, and the image with its options."""

from __future__ import annotations

from pathlib import Path

import pytest

from nr3d.geometry.mtl import MtlEntry, read_materials


def read(folder: Path, text: str, name: str = "a.mtl") -> dict[bytes, MtlEntry]:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return read_materials(path, root=folder, textures=True)


def test_colours_names_and_spaces(tmp_path: Path) -> None:
    found = read(tmp_path, "Kd 1 1 1\nnewmtl  red one \r\n\tKd\t1 0 2\r\nnewmtl b\nKa 1 1 1\n")
    assert {name: entry.diffuse for name, entry in found.items()} == {
        b"red one": (1.0, 0.0, 1.0),
        b"b": (0.5, 0.5, 0.5),
    }


@pytest.mark.parametrize(
    ("line", "name", "offset", "scale", "clamp"),
    [
        ("a.png", "a.png", (0, 0), (1, 1), False),
        ("my  best tex.png", "my  best tex.png", (0, 0), (1, 1), False),
        ("sub\\a.png", "sub/a.png", (0, 0), (1, 1), False),
        ("sub/../a.png", "a.png", (0, 0), (1, 1), False),
        ("-clamp on a.png", "a.png", (0, 0), (1, 1), True),
        ("-clamp off a.png", "a.png", (0, 0), (1, 1), False),
        ("-o 1 a.png", "a.png", (1, 0), (1, 1), False),
        ("-s 2 a.png", "a.png", (0, 0), (2, 1), False),
        ("-s 2 3 4 -o 1 -2 8 5.png", "5.png", (1, -2), (2, 3), False),
        ("-s 2 3 4 5", "5", (0, 0), (2, 3), False),
        ("-s 2 3 4", "4", (0, 0), (2, 3), False),
        ("-mm 0 1 -blendu off -boost 2 -bm 1 -t 1 1 a b.png", "a b.png", (0, 0), (1, 1), False),
        ("-imfchan r -texres 64 -cc on -type sphere a.png", "a.png", (0, 0), (1, 1), False),
        ("-odd.png", "-odd.png", (0, 0), (1, 1), False),
        ("a.png # c", "a.png", (0, 0), (1, 1), False),
        ("a#1.png\t# c", "a#1.png", (0, 0), (1, 1), False),
        ('"my a.png"', "my a.png", (0, 0), (1, 1), False),
        ('-CLAMP ON -s 2 "a #1.png" # c', "a #1.png", (0, 0), (2, 1), True),
    ],
)
def test_options_of_an_image(
    tmp_path: Path,
    line: str,
    name: str,
    offset: tuple[float, float],
    scale: tuple[float, float],
    clamp: bool,
) -> None:
    found = read(tmp_path, f"newmtl a\nmap_Kd {line}\n")[b"a"].map
    assert found is not None
    assert found.path == tmp_path / name
    assert (found.offset, found.scale, found.clamp) == (offset, scale, clamp)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Kd 1 nan 1", "line 2: Kd must be followed by three numbers, got '1 nan 1'"),
        ("Kd 1 1", "line 2: Kd must be followed by three numbers, got '1 1'"),
        ("map_Kd", "line 2: map_Kd must name a file, got ''"),
        ("map_Kd # a.png", "line 2: map_Kd must name a file, got '# a.png'"),
        ('map_Kd "../a.png" # c', "line 2 must lie inside .*, got '../a.png'; copy it"),
        ("map_Kd -clamp", "line 2: map_Kd must name a file, got '-clamp'"),
        ("map_Kd -o x 1 a.png", "line 2: -o and -s must be followed by finite numbers, got '-o x"),
        ("map_Kd -s inf a.png", "line 2: -o and -s must be followed by finite numbers"),
        ("map_Kd ../a.png", "line 2 must lie inside .*, got '../a.png'; copy it beside the mesh"),
        ("map_Kd /etc/a.png", "line 2 must lie inside .*, got '/etc/a.png'"),
        ("map_Kd D:\\a.png", "line 2 must lie inside .*, got 'D:"),
        ("map_Kd \\\\host\\share\\a.png", "line 2 must lie inside"),
        ("Ns \0", "must be an MTL file, got binary data"),
    ],
)
def test_damaged_lines_are_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^load_mesh: .*a.mtl.*{message}"):
        read(tmp_path, f"newmtl a\n{line}\n")


def test_images_are_relative_to_the_material_file(tmp_path: Path) -> None:
    found = read(tmp_path, "newmtl a\nmap_Kd ../b/c.png\n", "sub/a.mtl")[b"a"].map
    assert found is not None and found.path == tmp_path / "b" / "c.png"
    with pytest.raises(ValueError, match="must lie inside"):
        read(tmp_path, "newmtl a\nmap_Kd ../../c.png\n", "sub/a.mtl")


def test_an_image_whose_name_looks_like_a_comment_is_found(tmp_path: Path) -> None:
    (tmp_path / "a #1.png").touch()
    found = read(tmp_path, "newmtl a\nMAP_KD a #1.png\n")[b"a"].map
    assert found is not None and found.path == tmp_path / "a #1.png"
