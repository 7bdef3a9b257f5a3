"""The renderer of a training loop: meshes and eyes in, silhouettes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from nr3d import ops as ops  # registers torch.ops.nr3d
from nr3d.checks import (
    at_least_float32,
    check_count,
    check_range,
    check_tensor,
    format_shape,
)
from nr3d.geometry import Mesh
from nr3d.geometry.camera import ORIGIN, UP, as_vectors, camera_axes
from nr3d.renderer.kato import kato_silhouettes

Vectors: TypeAlias = Tensor | Sequence[float]


class NeuralRenderer(nn.Module):
    """Draw meshes from any number of eyes, with Kato's gradient to the vertices.

    `eye_from_angles` gives eyes from distance, elevation and azimuth.

    Args:
        image_size: Side of the images, in pixels.
        viewing_angle: Half the field of view, in degrees, in (0, 90); unused without `perspective`.
        perspective: Perspective projection; otherwise orthographic, one unit to one NDC unit.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: Depths up to this are not drawn, in scene units.
        far: Depths from this on are not drawn, in scene units.
        eps: Added to the distances of the edge gradient, in NDC.
        fill_back: Draw the backs of faces too.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument out of its range.
    """

    def __init__(
        self,
        *,
        image_size: int = 64,
        viewing_angle: float = 30.0,
        perspective: bool = True,
        anti_aliasing: bool = True,
        near: float = 0.1,
        far: float = 100.0,
        eps: float = 1e-4,
        fill_back: bool = True,
    ) -> None:
        super().__init__()
        check_count("NeuralRenderer", "image_size", image_size)
        check_range("NeuralRenderer", "viewing_angle", viewing_angle, above=0, below=90)
        check_range("NeuralRenderer", "far", far, above=near)
        check_range("NeuralRenderer", "eps", eps, at_least=0)
        self.image_size = image_size
        self.viewing_angle = viewing_angle
        self.perspective = perspective
        self.anti_aliasing = anti_aliasing
        self.near = near
        self.far = far
        self.eps = eps
        self.fill_back = fill_back

    def project(
        self, mesh: Mesh, eyes: Tensor, *, at: Vectors | None = None, up: Vectors | None = None
    ) -> Tensor:
        """Project every mesh into every one of its views.

        Args:
            mesh: B meshes.
            eyes: Camera positions in the mesh frame; a first axis of 1 serves all meshes. [B, N, 3]
            at: Points in the middle of the images, the origin when absent. [3], or as `eyes`
            up: Directions that are up in the images, +y when absent. [3], or as `eyes`

        Returns:
            x, y in NDC, y up, and depth in scene units. View n of mesh b is row b N + n.
            [B N, V, 3]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape or device.
        """
        check_tensor("NeuralRenderer", "eyes", eyes, shape=("B", "N", 3), like=mesh.vertices)
        points = at_least_float32(mesh.vertices)
        num_meshes, num_views = points.shape[0], eyes.shape[1]
        eyes = _of_views("eyes", eyes, num_views, points)
        at = _of_views("at", ORIGIN if at is None else at, num_views, points)
        up = _of_views("up", UP if up is None else up, num_views, points)
        axes = camera_axes(at - eyes, up)
        projected: Tensor = torch.ops.nr3d.project(
            points,
            eyes.expand(num_meshes, num_views, 3),
            axes.expand(num_meshes, num_views, 3, 3),
            math.tan(math.radians(self.viewing_angle)) if self.perspective else 0.0,
        )
        return projected

    def silhouettes(
        self, mesh: Mesh, eyes: Tensor, *, at: Vectors | None = None, up: Vectors | None = None
    ) -> Tensor:
        """Draw the silhouette of every mesh in every one of its views.

        Args:
            mesh: B meshes.
            eyes: Camera positions in the mesh frame; a first axis of 1 serves all meshes. [B, N, 3]
            at: Points in the middle of the images, the origin when absent. [3], or as `eyes`
            up: Directions that are up in the images, +y when absent. [3], or as `eyes`

        Returns:
            Coverage in [0, 1], row 0 at the top, differentiable in vertices, eyes, `at` and `up`.
            [B, N, H, W]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range.
        """
        with torch.autocast(mesh.vertices.device.type, enabled=False):
            vertices = self.project(mesh, eyes, at=at, up=up)
            images = kato_silhouettes(
                vertices,
                mesh.faces,
                image_size=self.image_size,
                anti_aliasing=self.anti_aliasing,
                near=self.near,
                far=self.far,
                eps=self.eps,
                fill_back=self.fill_back,
            )
        return images.reshape(mesh.vertices.shape[0], eyes.shape[1], *images.shape[1:])


def _of_views(argument: str, value: Vectors, num_views: int, points: Tensor) -> Tensor:
    """Check one vector for all views, [3], or one for each, [B or 1, N, 3]; cast as `points`."""
    vectors = as_vectors("NeuralRenderer", argument, value, like=points)
    if vectors.shape == (3,):
        return vectors
    if vectors.dim() != 3 or vectors.shape[2] != 3:
        raise ValueError(
            f"NeuralRenderer: {argument} must have shape [3] or [B, N, 3], "
            f"got {format_shape(vectors.shape)}"
        )
    num_meshes = points.shape[0]
    if vectors.shape[0] not in (1, num_meshes) or vectors.shape[1] != num_views:
        raise ValueError(
            f"NeuralRenderer: {argument} must have 1 or {num_meshes} rows, as many as there are "
            f"meshes, of {num_views} views, got shape {format_shape(vectors.shape)}"
        )
    return vectors
