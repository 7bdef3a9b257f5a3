"""Deform a sphere until its silhouette is a square: python examples/fit_vertices.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.optim import KatoAdam
from nr3d.renderer import NeuralRenderer
from nr3d.visualize import save_gif


def square(image_size: int) -> torch.Tensor:
    """Draw a white square on black. [H, W]"""
    image = torch.zeros(image_size, image_size)
    border = image_size // 4
    image[border:-border, border:-border] = 1
    return image


def main() -> None:
    """Fit, and write what the fit looked like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("fit_vertices.gif"))
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    template, faces = icosphere(3)
    vertices = (0.6 * template)[None].requires_grad_()
    target = square(arguments.image_size)
    renderer = NeuralRenderer(image_size=arguments.image_size)
    eye = eye_from_angles(2.732, 0.0, 90.0).view(1, 1, 3)
    optimizer = KatoAdam([vertices], lr=2e-3)
    frames = []
    for step in range(arguments.steps):
        image = renderer.silhouettes(Mesh(vertices, faces), eye)[0, 0]
        loss = (image - target).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == arguments.steps - 1:
            print(f"step {step:4d}  loss {loss.item():8.1f}")
            frames.append(torch.stack((image.detach(), target, target), dim=-1))
    save_gif(arguments.output, torch.stack(frames).numpy())
    print(f"wrote {arguments.output}; the target is blue-green, what covers it white")


if __name__ == "__main__":
    main()
