"""Turn an object in front of the camera: python examples/turntable.py [-o turntable.gif]."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import Lights, NeuralRenderer, VertexColors
from nr3d.visualize import save_gif


def make_vase(subdivisions: int) -> tuple[Mesh, VertexColors]:
    """Squeeze a sphere to a vase, coloured by height."""
    vertices, faces = icosphere(subdivisions)
    x, y, z = vertices.unbind(-1)
    width = 0.45 + 0.25 * torch.sin(5 * y)
    vase = torch.stack((x * width, 0.8 * y, z * width), dim=-1)
    height = (y + 1) / 2
    colors = torch.stack((height, 0.3 + 0.4 * height, 1 - 0.7 * height), dim=-1)
    return Mesh(vase[None], faces), VertexColors(colors[None])


def main() -> None:
    """Render one turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("turntable.gif"))
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--step", type=float, default=4.0, help="degrees between frames")
    arguments = parser.parse_args()
    mesh, colors = make_vase(subdivisions=4)
    renderer = NeuralRenderer(image_size=arguments.image_size)
    azimuths = torch.arange(0.0, 360.0, arguments.step)
    frames = [
        renderer.colors(
            mesh,
            eye_from_angles(2.732, 30.0, azimuth).view(1, 1, 3),
            colors,
            lights=Lights(direction=(0.5, 1.0, -0.5)),
            background=(1.0, 1.0, 1.0),
        )[0, 0]
        for azimuth in azimuths
    ]
    save_gif(arguments.output, torch.stack(frames).permute(0, 2, 3, 1).numpy())
    print(f"wrote {arguments.output}: {len(frames)} frames")


if __name__ == "__main__":
    main()
