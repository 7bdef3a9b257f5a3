"""Photos of any size and mode become what the training views look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.data.photo import FRAMED, load_photo


def save(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


def box_image(height: int, width: int, channels: int, background: int) -> np.ndarray:
    """A red box, 60 x 30, off the centre."""
    array = np.full((height, width, channels), background, dtype=np.uint8)
    if channels == 4:
        array[..., 3] = 0
    array[20:80, 50:80] = [200, 0, 0, 255][:channels]
    return array


def extent(image: torch.Tensor) -> tuple[int, int, int, int]:
    rows = (image[3] > 0.5).any(dim=1).nonzero()
    columns = (image[3] > 0.5).any(dim=0).nonzero()
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


@pytest.mark.parametrize(("channels", "background"), [(4, 255), (3, 255), (3, 128), (3, 0)])
def test_object_is_cut_out_and_framed(tmp_path: Path, channels: int, background: int) -> None:
    path = save(tmp_path / "x.png", box_image(200, 300, channels, background))
    image = load_photo(path, image_size=64)
    assert image.shape == (4, 64, 64)
    assert image.dtype == torch.float32
    top, bottom, left, right = extent(image)
    assert bottom - top == pytest.approx(FRAMED * 64, abs=1.5)
    assert right - left == pytest.approx(FRAMED * 32, abs=1.5)
    assert top + bottom == pytest.approx(64, abs=2)
    assert left + right == pytest.approx(64, abs=2)
    assert torch.allclose(image[:, 32, 32], torch.tensor([200 / 255, 0, 0, 1]), atol=0.01)
    assert image[:, 0, 0].abs().max() == 0  # black outside


def test_transparent_image_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    array = np.zeros((64, 64, 4), dtype=np.uint8)
    array[5:20, 10:30] = [10, 20, 30, 255]
    array[40, 40] = [255, 255, 255, 0]  # colour under full transparency does not count
    image = load_photo(save(tmp_path / "x.png", array))
    assert torch.equal(image[3] * 255, torch.from_numpy(array[..., 3]).float())
    assert extent(image) == (5, 20, 10, 30)
    assert image[:, 40, 40].abs().max() == 0


def test_palette_and_grey_images(tmp_path: Path) -> None:
    grey = np.full((100, 100), 255, dtype=np.uint8)
    grey[30:60, 30:60] = 50
    assert load_photo(save(tmp_path / "grey.png", grey), image_size=32).shape == (4, 32, 32)
    Image.fromarray(box_image(100, 100, 3, 255)).convert("P").save(tmp_path / "palette.gif")
    assert load_photo(tmp_path / "palette.gif").max() > 0.5


def test_jpeg_noise_on_a_plain_background(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(box_image(200, 200, 3, 230)).save(path, quality=80)
    top, bottom, *_ = extent(load_photo(path))
    assert bottom - top == pytest.approx(FRAMED * 64, abs=2)


def test_background_that_is_not_plain(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="must have transparency or a plain background, got a"):
        load_photo(save(tmp_path / "x.png", noise))


def test_no_object(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must show an object, got a plain or empty image"):
        load_photo(save(tmp_path / "x.png", np.full((80, 80, 3), 7, dtype=np.uint8)))
    with pytest.raises(ValueError, match="must show an object"):
        load_photo(save(tmp_path / "y.png", np.zeros((80, 80, 4), dtype=np.uint8)))
    with pytest.raises(ValueError, match="must show an object"):
        load_photo(save(tmp_path / "z.png", np.zeros((64, 64, 4), dtype=np.uint8)))


def test_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="image .* not found"):
        load_photo(tmp_path / "no.png")
    path = tmp_path / "text.png"
    path.write_text("not an image")
    with pytest.raises(ValueError, match=r"text\.png must be an image \(PNG, JPEG, \.\.\.\), got"):
        load_photo(path)
    whole = save(tmp_path / "whole.png", box_image(200, 200, 4, 0)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="must be an image"):
        load_photo(path)


def test_wrong_size() -> None:
    with pytest.raises(ValueError, match="load_photo: image_size must be at least 1, got 0"):
        load_photo("x.png", image_size=0)
