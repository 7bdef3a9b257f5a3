"""nr3d compare-gradients: the numbers of the published pictures, and the pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.cli import main
from nr3d.comparison import compare_on_mesh, compare_on_triangle, descent, make_renderer
from nr3d.comparison.figures import Arrow, draw_arrows
from nr3d.comparison.page import COLUMNS, FACES, SIGNS, SIZE, VERTICES
from nr3d.geometry import icosphere, save_obj
from nr3d.renderer import RENDERERS

ROOT = Path(__file__).resolve().parents[1]
GREEN, BLUE, RED = (0, 158, 115), (0, 76, 204), (255, 25, 0)
NONE = ((0, 0), (0, 0), (0, 0))
# Minus the gradient at T, L and R; what is not listed is none. kato: the authors' released kernel.
EXPECTED = {
    ("kato", 1, 4): ((6.077, -1.871), (8.920, 2.138), (-1.124, 0.018)),
    ("kato", 1, 5): ((1.163, -2.162), (2.991, 1.854), (-1.498, -0.071)),
    ("kato", -1, 2): ((-2.328, 0), (-2.991, 0), (0, 0)),
    ("kato", -1, 3): ((-6.951, 0), (-8.920, 0), (0, 0)),
    ("opendr", 1, 4): ((3.5, 0), (4, 0), (0.5, 0)),
    ("opendr", -1, 4): ((-3.5, 0), (-4, 0), (-0.5, 0)),
    # The left side lies 3.5 pixels from the left, half-way between 3 and 4; in row 8 at 7/16.
    ("antialias", 1, 3): ((3.5, 0), (4.5, 0), (0, 0)),
    ("antialias", -1, 3): ((-3.5, 0), (-4.5, 0), (0, 0)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison") / "made"
    assert main(["compare-gradients", "-o", str(folder)]) == 0
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "gradients.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_every_renderer_has_its_rows_and_pictures(folder: Path) -> None:
    rows = rows_of(folder)
    assert list(rows[0]) == ["method", "sign", "row", "column", "vertex", "x", "y"]
    wanted = [
        (method, str(sign), "8", str(column), vertex)
        for method in RENDERERS
        for sign in (1, -1)
        for column in (2, 3, 4, 5)
        for vertex in "TLR"
    ]
    assert [tuple(row.values())[:5] for row in rows] == wanted
    names = {f"{method}_{sign}_8_{column}.png" for method, sign, _, column, _ in wanted}
    pages = {"contact_sheet.png", "gradients.csv", "comparison.md"}
    assert {path.name for path in folder.iterdir()} == names | pages
    assert len(names) == 8 * len(RENDERERS)


@pytest.mark.parametrize("method", ["kato", "opendr", "antialias"])
def test_the_numbers_are_the_published_kernels(folder: Path, method: str) -> None:
    rows = [row for row in rows_of(folder) if row["method"] == method]
    for start in range(0, len(rows), 3):
        corners = rows[start : start + 3]
        key = (method, int(corners[0]["sign"]), int(corners[0]["column"]))
        found = [(float(row["x"]), float(row["y"])) for row in corners]
        np.testing.assert_allclose(found, EXPECTED.get(key, NONE), atol=1e-3, err_msg=str(key))


def test_kato_equals_the_recorded_kernel(truth) -> None:
    arrays = truth("case_03_figure_triangle16_eps1e-3")
    grads = torch.zeros(24, SIZE, SIZE)
    for i, (sign, row, column) in enumerate(arrays["loss_sign_row_col"].tolist()):
        grads[i, row, column] = sign
    found = descent(make_renderer("kato", image_size=SIZE), VERTICES, FACES, grads)
    expected = -torch.from_numpy(arrays["grad_faces_alpha_f64"])[:, 0, :, :2]
    error = (found - expected).abs().max()
    assert error <= 2e-3 * expected.abs().max()  # the spike of column 8 is 1e3


def test_pictures_show_triangle_target_and_arrows(folder: Path) -> None:
    for method in ("kato", "opendr"):
        for sign, color in ((1, BLUE), (-1, RED)):
            for column in COLUMNS:
                image = pixels(folder / f"{method}_{sign}_8_{column}.png")
                assert image.shape == (500, 500, 3)
                middle = (10 + 30 * 8 + 15, 10 + 30 * column + 15)
                assert tuple(image[middle]) == color
                assert tuple(image[10 + 30 * 6 + 15, 10 + 30 * 6 + 15]) == (255, 255, 255)
                assert tuple(image[10 + 30 * 6 + 15, 10 + 30 * 7 + 15]) == (0, 0, 0)
                has_arrows = (image == GREEN).all(-1).any()
                assert has_arrows == ((method, sign, column) in EXPECTED)


def test_an_arrow_has_the_length_of_the_published_ones(folder: Path) -> None:
    """15 pixels for a gradient of 1, then a head of 45; L is at (130, 370)."""
    image = pixels(folder / "opendr_1_8_4.png")
    (columns,) = (image[370] == GREEN).all(-1).nonzero()
    along = columns[columns < 300]
    assert along.min() == pytest.approx(130, abs=1)
    assert along.max() == pytest.approx(130 + 4 * 15 + 45, abs=4)  # the tip is thin
    leaves = pixels(folder / "kato_-1_8_3.png")
    assert (leaves[370, 0] == GREEN).all()


def test_the_page_has_the_numbers(folder: Path) -> None:
    text = (folder / "comparison.md").read_text()
    for part in ("(6.077, -1.871)", "(3.500, 0.000)", "The small arrow at R", "contact_sheet.png"):
        assert part in text
    assert text.count("_8_") == 2 * 8 * len(RENDERERS)


def test_the_copy_in_docs_is_what_the_command_writes(folder: Path) -> None:
    copy = ROOT / "docs" / "comparison_with_opendr"
    assert (copy / "comparison.md").read_text() == (folder / "comparison.md").read_text()
    assert {path.name for path in copy.iterdir()} == {path.name for path in folder.iterdir()}
    for ours, theirs in zip(rows_of(folder), rows_of(copy), strict=True):
        assert list(ours.values())[:5] == list(theirs.values())[:5]
        assert float(ours["x"]) == pytest.approx(float(theirs["x"]), abs=1e-3)
        assert float(ours["y"]) == pytest.approx(float(theirs["y"]), abs=1e-3)


def test_a_new_renderer_is_drawn_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RENDERERS, "another", RENDERERS["kato"])
    cases = compare_on_triangle(tmp_path)
    assert len(cases) == 8 * len(RENDERERS)
    assert (tmp_path / "another_1_8_4.png").is_file()


def write_mesh(folder: Path) -> Path:
    vertices, faces = icosphere(1)
    save_obj(folder / "sphere.obj", vertices, faces)
    return folder / "sphere.obj"


def test_any_mesh(tmp_path: Path) -> None:
    mesh = write_mesh(tmp_path)
    command = ["compare-gradients", "-o", str(tmp_path / "x"), "--mesh", str(mesh)]
    assert main([*command, "--pixel", "8", "2", "--image-size", "16"]) == 0
    rows = rows_of(tmp_path / "x")
    assert len(rows) == len(RENDERERS) * len(SIGNS) * 42
    brighter = [row for row in rows if row["method"] == "kato" and row["sign"] == "-1"]
    assert min(float(row["x"]) for row in brighter) < -0.1  # drawn to the left
    assert max(float(row["x"]) for row in brighter) <= 0
    shape = pixels(tmp_path / "x" / "kato_-1_8_2.png").shape
    assert shape[1] > 2 * 512
    assert (tmp_path / "x" / "contact_sheet.png").is_file()


def test_the_map_says_how_far_a_gradient_reaches(tmp_path: Path) -> None:
    compare_on_mesh(write_mesh(tmp_path), tmp_path, pixel=(0, 0), image_size=16)
    side = 16 * 32 + 20  # of a panel; around it are lines of 2 pixels, above it a title
    row, column = 14 + 2 + 10 + 32 * 8, 2 + side + 2 + 10 + 16  # column 0 of the map, half-way down
    far = {
        method: pixels(tmp_path / f"{method}_-1_0_0.png")[row, column].max()
        for method in ("kato", "opendr")
    }
    assert far["kato"] > 20
    assert far["opendr"] == 0


def test_arrows_without_length_are_left_out() -> None:
    blank = np.zeros((40, 40, 3), dtype=np.float32)
    assert (draw_arrows(blank, [Arrow(20, 20, 0, 0)]) == 0).all()
    assert draw_arrows(blank, [Arrow(20, 20, 5, 0)], head=5).max() > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mesh", "MESH", "--pixel", "64", "3"], "a row inside [0, 64), got 64; --image-size"),
        (["--mesh", "MESH", "--pixel", "3", "-1"], "a column inside [0, 64), got -1"),
        (["--mesh", "no.obj", "--pixel", "3", "3"], "no.obj not found"),
        (["--mesh", "MESH"], "--mesh and --pixel must be given together"),
        (["--pixel", "3", "3"], "--mesh and --pixel must be given together"),
        (["--mesh", "MESH", "--pixel", "3", "3", "--distance", "0"], "distance must be above 0"),
        (["--mesh", "MESH", "--pixel", "3", "3", "--viewing-angle", "90"], "viewing_angle must be"),
    ],
)
def test_bad_requests_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    mesh = str(write_mesh(tmp_path))
    given = [mesh if each == "MESH" else each for each in arguments]
    assert main(["compare-gradients", "-o", str(tmp_path / "x"), *given]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_unknown_gradients_get_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="got 'opndr'; did you mean opendr?"):
        make_renderer("opndr", image_size=8)
    for override in ("renderer=opndr", "renderer.name=opndr"):
        assert main(["train", override, "--print"]) == 2
        assert "did you mean opendr?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["opendr", "antialias"])
def test_the_renderer_is_a_choice_of_a_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"renderer={name}", "--print"]) == 0
    assert f"name: {name}" in capsys.readouterr().out
