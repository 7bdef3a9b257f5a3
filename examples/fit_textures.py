"""Paint a sphere until it looks like a picture from all sides: python examples/fit_textures.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import CubeTextures, NeuralRenderer
from nr3d.visualize import save_gif


def sunset(image_size: int) -> torch.Tensor:
    """Draw a low sun above water. [3, H, W]"""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, image_size)] * 2, indexing="ij")
    sun = ((x**2 + (y + 0.1) ** 2) < 0.12).float()
    sky, water = (y < 0.2).float(), (y >= 0.2).float()
    red = sky * (0.9 - 0.3 * y.abs()) + water * 0.2
    green = sky * (0.5 + 0.2 * y) + water * 0.25 + 0.4 * sun * sky
    blue = sky * 0.3 + water * (0.6 + 0.3 * torch.sin(25 * y))
    return torch.stack((red, green, blue)).clamp(0, 1)


def main() -> None:
    """Fit textures from random sides, and write one turn of the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("fit_textures.gif"))
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    template, faces = icosphere(3)
    mesh = Mesh(template[None], faces)
    textures = torch.zeros(1, len(faces), 4, 4, 4, 3, requires_grad=True)
    target = sunset(arguments.image_size)
    renderer = NeuralRenderer(image_size=arguments.image_size, perspective=False)
    optimizer = torch.optim.Adam([textures], lr=0.1, betas=(0.5, 0.999))

    def draw(azimuth: float) -> torch.Tensor:
        eye = eye_from_angles(2.732, 0.0, azimuth).view(1, 1, 3)
        return renderer.colors(mesh, eye, CubeTextures(textures.sigmoid()))[0, 0]

    for step in range(arguments.steps):
        loss = (draw(float(torch.rand(()) * 360)) - target).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == arguments.steps - 1:
            print(f"step {step:4d}  loss {loss.item():8.1f}")
    with torch.no_grad():
        frames = torch.stack([draw(float(azimuth)) for azimuth in range(0, 360, 10)])
    save_gif(arguments.output, frames.permute(0, 2, 3, 1).numpy())
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
