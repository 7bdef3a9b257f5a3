"""The work that the renderer benchmarks share: deformed spheres seen from 24 directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer


@dataclass(frozen=True)
class Workload:
    """Draw silhouettes and differentiate the squared difference to other silhouettes.

    Attributes:
        name: W1 or W2.
        renderer: The settings: image size, anti-aliasing, half angle.
        mesh: 64 meshes of 642 vertices and 1280 faces.
        eyes: One eye for each mesh. [64, 1, 3]
        targets: Silhouettes of other meshes. [64, 1, H, W]
        offset: -2 targets. Likewise.
        buffer: Where the gradient of the images is made, so that no allocation is timed. Likewise.
    """

    name: str
    renderer: NeuralRenderer
    mesh: Mesh
    eyes: Tensor
    targets: Tensor
    offset: Tensor
    buffer: Tensor

    def run(self, mesh: Mesh) -> Tensor:
        """Draw forward, differentiate backward; `mesh.vertices` gets its gradient."""
        images = self.renderer.silhouettes(mesh, self.eyes)
        # 2 (image - target) in one pass
        images.backward(torch.add(self.offset, images.detach(), alpha=2, out=self.buffer))
        return images


def make_workload(name: str, *, num_meshes: int = 64, seed: int = 0) -> Workload:
    """Make W1 (64 x 64 pixels, 2 x anti-aliasing) or W2 (256 x 256 without)."""
    sizes = {"W1": (64, True), "W2": (256, False)}
    image_size, anti_aliasing = sizes[name]
    renderer = NeuralRenderer(
        image_size=image_size, anti_aliasing=anti_aliasing, viewing_angle=15.0
    )
    generator = torch.Generator().manual_seed(seed)
    vertices, faces = icosphere(3)
    eyes = eye_from_angles(2.732, 30.0, -15.0 * (torch.arange(num_meshes) % 24))[:, None]
    mesh, other = (Mesh(_deform(vertices, num_meshes, generator), faces) for _ in range(2))
    with torch.no_grad():
        targets = renderer.silhouettes(other, eyes)
    buffer = torch.empty_like(targets)
    return Workload(name, renderer, mesh, eyes, targets, -2 * targets, buffer)


def _deform(vertices: Tensor, num_meshes: int, generator: torch.Generator) -> Tensor:
    """Stretch the sphere along its axes and bump it smoothly, inside [-0.5, 0.5]^3."""
    axes = 0.25 + 0.2 * torch.rand(num_meshes, 1, 3, generator=generator)
    waves = torch.randn(num_meshes, 3, 3, generator=generator) * 2
    bumps = 1 + 0.1 * torch.sin(vertices @ waves)
    return (vertices * axes * bumps).clamp(-0.5, 0.5)
