"""The work that the renderer benchmarks share: deformed spheres seen from 24 directions.

Each work draws images of some meshes, one view each, and differentiates the squared difference to
the images of other meshes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nr3d.geometry import Mesh, eye_from_angles, icosphere
from nr3d.renderer import NeuralRenderer, VertexColors


@dataclass(frozen=True)
class Scenery:
    """What every work has.

    Attributes:
        name: W1, W2, W3 or W4.
        renderer: The settings: image size, anti-aliasing, half angle.
        mesh: M meshes.
        eyes: One eye for each mesh. [M, 1, 3]
    """

    name: str
    renderer: NeuralRenderer
    mesh: Mesh
    eyes: Tensor


@dataclass(frozen=True)
class Silhouettes(Scenery):
    """Silhouettes: W1 (64 x 64 pixels, 2 x anti-aliasing) and W2 (256 x 256 without).

    Attributes:
        targets: Silhouettes of other meshes. [M, 1, H, W]
        offset: -2 targets. Likewise.
        buffer: Where the gradient of the images is made, so that no allocation is timed. Likewise.
    """

    targets: Tensor
    offset: Tensor
    buffer: Tensor

    def run(self, vertices: Tensor) -> Tensor:
        """Draw forward, differentiate backward; `vertices` gets its gradient."""
        images = self.renderer.silhouettes(Mesh(vertices, self.mesh.faces), self.eyes)
        # 2 (image - target) in one pass
        images.backward(torch.add(self.offset, images.detach(), alpha=2, out=self.buffer))
        return images


@dataclass(frozen=True)
class SilhouetteAndDepth(Scenery):
    """W3: silhouette and depth of one mesh of 20,480 faces, 512 x 512 pixels.

    Attributes:
        targets: Silhouettes of another mesh. [M, 1, H, W]
        depth_targets: Its depths. Likewise.
        buffers: Where the gradients of both images are made. Each likewise.
    """

    targets: Tensor
    depth_targets: Tensor
    buffers: tuple[Tensor, Tensor]

    def run(self, vertices: Tensor) -> Tensor:
        """Draw forward, differentiate backward; `vertices` gets its gradient."""
        images = self.renderer.render(
            Mesh(vertices, self.mesh.faces), self.eyes, outputs=("silhouettes", "depth")
        )
        assert images.silhouettes is not None and images.depth is not None
        torch.sub(images.silhouettes.detach(), self.targets, out=self.buffers[0]).mul_(2)
        # where the other mesh is not seen there is nothing to compare
        difference = torch.sub(images.depth.detach(), self.depth_targets, out=self.buffers[1])
        difference.mul_(self.targets).mul_(2)
        torch.autograd.backward((images.silhouettes, images.depth), self.buffers)
        return images.depth


@dataclass(frozen=True)
class Colors(Scenery):
    """W4: vertex colours of 16 meshes, 128 x 128 pixels.

    Attributes:
        colors: Of the vertices. [M, V, 3]
        targets: Images of other meshes. [M, 1, 3, H, W]
        offset: -2 targets. Likewise.
        buffer: Where the gradient of the images is made. Likewise.
    """

    colors: Tensor
    targets: Tensor
    offset: Tensor
    buffer: Tensor

    def run(self, vertices: Tensor) -> Tensor:
        """Draw forward, differentiate backward; `vertices` and the colours get gradients."""
        colors = self.colors.clone().requires_grad_()
        mesh = Mesh(vertices, self.mesh.faces)
        images = self.renderer.colors(mesh, self.eyes, VertexColors(colors))
        images.backward(torch.add(self.offset, images.detach(), alpha=2, out=self.buffer))
        return images


def make_workload(name: str, *, num_meshes: int = 64, seed: int = 0) -> Silhouettes:
    """Make W1 or W2."""
    image_size, anti_aliasing = {"W1": (64, True), "W2": (256, False)}[name]
    scenery, other = _scenery(name, num_meshes, 3, image_size, anti_aliasing, seed)
    with torch.no_grad():
        targets = scenery.renderer.silhouettes(other, scenery.eyes)
    buffer = torch.empty_like(targets)
    return Silhouettes(**vars(scenery), targets=targets, offset=-2 * targets, buffer=buffer)


def make_depth_work(*, seed: int = 0) -> SilhouetteAndDepth:
    """Make W3."""
    scenery, other = _scenery("W3", 1, 5, 512, False, seed)
    with torch.no_grad():
        outputs = ("silhouettes", "depth")
        images = scenery.renderer.render(other, scenery.eyes, outputs=outputs)
    assert images.silhouettes is not None and images.depth is not None
    targets, depth_targets = images.silhouettes, images.depth
    buffers = (torch.empty_like(targets), torch.empty_like(depth_targets))
    return SilhouetteAndDepth(
        **vars(scenery), targets=targets, depth_targets=depth_targets, buffers=buffers
    )


def make_color_work(*, seed: int = 0) -> Colors:
    """Make W4."""
    scenery, other = _scenery("W4", 16, 3, 128, False, seed)
    colors, other_colors = (0.5 + 0.5 * torch.sin(7 * m.vertices) for m in (scenery.mesh, other))
    with torch.no_grad():
        targets = scenery.renderer.colors(other, scenery.eyes, VertexColors(other_colors))
    buffer = torch.empty_like(targets)
    return Colors(
        **vars(scenery), colors=colors, targets=targets, offset=-2 * targets, buffer=buffer
    )


def _scenery(
    name: str, num_meshes: int, level: int, image_size: int, anti_aliasing: bool, seed: int
) -> tuple[Scenery, Mesh]:
    """Make what every work has, and the other meshes."""
    renderer = NeuralRenderer(
        image_size=image_size, anti_aliasing=anti_aliasing, viewing_angle=15.0
    )
    generator = torch.Generator().manual_seed(seed)
    vertices, faces = icosphere(level)
    eyes = eye_from_angles(2.732, 30.0, -15.0 * (torch.arange(num_meshes) % 24))[:, None]
    mesh, other = (Mesh(deform(vertices, num_meshes, generator), faces) for _ in range(2))
    return Scenery(name, renderer, mesh, eyes), other


def deform(vertices: Tensor, num_meshes: int, generator: torch.Generator) -> Tensor:
    """Stretch the sphere along its axes and bump it smoothly, inside [-0.5, 0.5]^3."""
    axes = 0.25 + 0.2 * torch.rand(num_meshes, 1, 3, generator=generator)
    waves = torch.randn(num_meshes, 3, 3, generator=generator) * 2
    bumps = 1 + 0.1 * torch.sin(vertices @ waves)
    return (vertices * axes * bumps).clamp(-0.5, 0.5)
