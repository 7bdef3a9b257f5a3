"""Pictures of mesh files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.cli import main
from nr3d.geometry import icosphere, save_mesh, save_obj
from nr3d.picture import draw_file


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float) / 255


def write_sphere(path: Path) -> Path:
    vertices, faces = icosphere(3)
    colors = torch.where(vertices[:, :1] > 0, torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0]))
    save_mesh(path, vertices, faces, vertex_colors=colors)
    return path


@pytest.mark.parametrize("suffix", [".obj", ".glb", ".ply"])
def test_a_picture_shows_the_colours_of_the_file(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / "x.png"
    mesh = write_sphere(tmp_path / f"sphere{suffix}")
    command = ["render", str(mesh), "-o", str(output), "--image-size", "64", "--azimuth", "0"]
    assert main([*command, "--smooth"]) == 0
    image = pixels(output)
    assert image.shape == (64, 64, 3)
    assert (image[0, 0] == 1).all()  # the background
    left, right = image[32, 24], image[32, 40]
    assert left[2] > 0.4 > left[0] + 0.3
    assert right[0] > 0.4 > right[2] + 0.3


def test_images_of_materials_are_drawn(tmp_path: Path) -> None:
    vertices = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    uvs = (vertices[faces][..., :2] + 1) / 2
    image = torch.zeros(3, 2, 2)
    image[:, 0, 1] = torch.tensor([0.0, 1.0, 0.0])  # green in the upper right corner
    save_obj(tmp_path / "a.obj", vertices, faces, uvs=uvs, image=image)
    draw_file(tmp_path / "a.obj", tmp_path / "a.png", image_size=64, elevation=0.0, azimuth=0.0)
    drawn = pixels(tmp_path / "a.png")
    assert drawn[20, 44, 1] > 0.3
    assert drawn[40, 23].max() < 0.05


def test_a_turntable_turns(tmp_path: Path) -> None:
    draw_file(write_sphere(tmp_path / "s.obj"), tmp_path / "s.gif", image_size=32, num_frames=4)
    with Image.open(tmp_path / "s.gif") as animation:
        assert animation.n_frames == 4


def write_cube(path: Path) -> Path:
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    quads = torch.tensor(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    save_obj(path, corners, torch.cat((quads[:, [0, 1, 2]], quads[:, [0, 2, 3]])))
    return path


@pytest.mark.parametrize("elevation", [-90.0, -40.0, 0.0, 35.3, 90.0])
@pytest.mark.parametrize("azimuth", [0.0, 45.0])
def test_all_of_the_mesh_is_seen(tmp_path: Path, elevation: float, azimuth: float) -> None:
    output = tmp_path / "x.png"
    draw_file(
        write_cube(tmp_path / "c.obj"), output, image_size=64, elevation=elevation, azimuth=azimuth
    )
    is_drawn = (pixels(output) < 1).any(-1)
    assert is_drawn.mean() > 0.2
    assert not is_drawn[[0, -1]].any() and not is_drawn[:, [0, -1]].any()


def test_from_far_away(tmp_path: Path) -> None:
    output = tmp_path / "x.png"
    settings = {"image_size": 64, "viewing_angle": 0.1, "distance": 500.0}
    draw_file(write_cube(tmp_path / "c.obj"), output, **settings)
    assert 0.2 < (pixels(output) < 1).any(-1).mean() < 0.9


def test_bad_requests_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh = str(write_sphere(tmp_path / "s.obj"))
    for arguments, message in (
        ([mesh, "-o", "x.bmp"], "must end in .png or .gif"),
        ([str(tmp_path / "no.obj"), "-o", "x.png"], "no.obj not found"),
        ([mesh, "-o", "x.png", "--image-size", "0"], "image_size must be at least 1"),
        ([mesh, "-o", "x.png", "--image-size", "100000"], "image_size must be at most 8192"),
        ([mesh, "-o", "x.png", "--distance", "-1"], "distance must be above 0"),
        ([mesh, "-o", "x.png", "--elevation", "nan"], "elevation must be"),
        ([mesh, "-o", "x.png", "--viewing-angle", "90"], "viewing_angle must be inside (0, 90)"),
    ):
        assert main(["render", *arguments]) != 0
        assert message in capsys.readouterr().err
