"""Find where a silhouette was seen from: python examples/find_camera.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer
from nr3d.visualize import save_gif


def make_bird() -> Mesh:
    """Pull a beak and a tail out of a sphere, so that every side looks different."""
    vertices, faces = icosphere(3)
    x, y, z = vertices.unbind(-1)
    beak, tail = (x - 0.6).relu(), (-x - 0.5).relu()
    return Mesh(
        torch.stack((0.5 * x + 1.2 * beak - 1.5 * tail, 0.4 * y + 1.2 * tail, 0.3 * z), -1)[None],
        faces,
    )


def main() -> None:
    """Move the camera until both silhouettes agree, and write what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("find_camera.gif"))
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    mesh = make_bird()
    renderer = NeuralRenderer(image_size=arguments.image_size)
    true_eye = eye_from_angles(2.732, 30.0, -15.0).view(1, 1, 3)
    target = renderer.silhouettes(mesh, true_eye)[0, 0]
    eye = torch.tensor([[[1.5, 2.5, -3.0]]], requires_grad=True)
    optimizer = torch.optim.Adam([eye], lr=0.05)
    frames = []
    for step in range(arguments.steps):
        image = renderer.silhouettes(mesh, eye)[0, 0]
        loss = (image - target).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == arguments.steps - 1:
            distance = (eye - true_eye).norm().item()
            print(f"step {step:4d}  loss {loss.item():7.1f}  {distance:.3f} from the true camera")
            frames.append(torch.stack((image.detach(), target, target), dim=-1))
    save_gif(arguments.output, torch.stack(frames).numpy())
    print(f"wrote {arguments.output}; the target is blue-green, what covers it white")


if __name__ == "__main__":
    main()
