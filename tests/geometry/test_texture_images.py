"""Images of every mode to tensors and back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nr3d.geometry.texture_images import encode_png, read_texture


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.new("L", (3, 2), 255)
    image.putpixel((2, 0), 0)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    (image if mode == "I;16" else image.convert("RGB").convert(mode)).save(path)
    texture = read_texture(path, place="a.mtl")
    assert texture.dtype == torch.float32 and texture.is_contiguous()
    assert texture.tolist() == [[[1, 1, 0], [1, 1, 1]]] * 3


def test_transparency_is_dropped_not_blended(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (255, 0, 51, 0)).save(tmp_path / "a.png")
    texture = read_texture(tmp_path / "a.png", place="a.mtl")
    torch.testing.assert_close(texture.flatten(), torch.tensor([1.0, 0.0, 0.2]))


def test_png_holds_bytes_of_the_clipped_texture() -> None:
    texture = torch.tensor([-1.0, 0.5, 2.0]).view(3, 1, 1).expand(3, 2, 4)
    image = Image.open(io.BytesIO(encode_png(texture)))
    assert image.size == (4, 2) and image.getpixel((3, 1)) == (0, 128, 255)


def test_missing_and_damaged_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="texture image .*a.png named by me not found"):
        read_texture(tmp_path / "a.png", place="me")
    Image.fromarray(np.random.rand(64, 64) > 0.5).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2]):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ValueError, match="^load_mesh: .*a.png must be an image, got"):
            read_texture(tmp_path / "a.png", place="me")
