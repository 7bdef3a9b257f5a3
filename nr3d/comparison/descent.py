"""Where each renderer's gradient would move vertices on the image."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import torch
from torch import Tensor

from nr3d.checks import check_choice
from nr3d.geometry import Mesh
from nr3d.renderer import RENDERERS

AT_ONCE = 64  # targets that share one forward pass
# Whatever of this a renderer has as a setting: vertices are given in NDC.
SETTINGS: Mapping[str, object] = {
    "perspective": False,
    "anti_aliasing": False,
    "eps": 1e-3,
    "boundary": True,
    "sigma": 1e-2,
}


def make_renderer(method: str, *, image_size: int) -> torch.nn.Module:
    """Build the renderer of a key of RENDERERS for vertices in NDC, without supersampling.

    Raises:
        ValueError: An unknown method (the message suggests the nearest), a wrong size.
    """
    check_choice("make_renderer", "method", method, RENDERERS)
    kind = RENDERERS[method]
    known = inspect.signature(kind).parameters
    settings = {key: value for key, value in SETTINGS.items() if key in known}
    renderer: torch.nn.Module = kind(image_size=image_size, **settings)
    return renderer


def draw_silhouettes(renderer: torch.nn.Module, vertices: Tensor, faces: Tensor) -> Tensor:
    """Draw projected vertices [T, V, 3] as an eye at the origin sees them. [T, H, W]"""
    eyes, at = vertices.new_zeros(1, 1, 3), vertices.new_tensor([0.0, 0.0, 1.0])
    images: Tensor = renderer.silhouettes(Mesh(vertices, faces), eyes, at=at)  # type: ignore[operator]
    return images[:, 0]


def descent(
    renderer: torch.nn.Module, vertices: Tensor, faces: Tensor, grad_images: Tensor
) -> Tensor:
    """Give minus the gradient of x and y of every vertex, for each of several losses.

    Args:
        renderer: From `make_renderer`.
        vertices: x, y in NDC, y up, and depth. [V, 3]
        faces: [F, 3]
        grad_images: What each loss has as its gradient of the silhouette. [T, H, W]

    Returns:
        In units of loss per unit of NDC. [T, V, 2]
    """
    count = min(len(grad_images), AT_ONCE)
    copies = vertices.detach().expand(count, -1, -1).clone().requires_grad_()
    images = draw_silhouettes(renderer, copies, faces)
    found = []
    for part in grad_images.split(count):
        incoming = torch.zeros_like(images)
        incoming[: len(part)] = part
        (grad,) = torch.autograd.grad(images, copies, incoming, retain_graph=True)
        found.append(-grad[: len(part), :, :2])
    return torch.cat(found) + 0.0  # no -0


def one_pixel(size: int, row: int, column: int, sign: float) -> Tensor:
    """Give the gradient of `sign` times the value of one pixel. [S, S]"""
    grad = torch.zeros(size, size)
    grad[row, column] = sign
    return grad
