"""The renderer of a training loop: meshes and eyes in, silhouettes out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nr3d.checks import at_least_float32, check_count, check_range, check_tensor
from nr3d.geometry import Mesh, look_at, orthographic, perspective
from nr3d.renderer.kato import kato_silhouettes


class NeuralRenderer(nn.Module):
    """Draw meshes from eyes that look at the origin, with Kato's gradient to the vertices.

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

    def project(self, mesh: Mesh, eyes: Tensor) -> Tensor:
        """Project every mesh into every one of its views.

        Args:
            mesh: B meshes.
            eyes: Camera positions in the mesh frame; a first axis of 1 serves all meshes. [B, N, 3]

        Returns:
            x, y in NDC, y up, and depth in scene units. View n of mesh b is row b N + n.
            [B N, V, 3]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape or device.
        """
        num_meshes, num_vertices = mesh.vertices.shape[:2]
        check_tensor("NeuralRenderer", "eyes", eyes, shape=("B", "N", 3), like=mesh.vertices)
        if eyes.shape[0] not in (1, num_meshes):
            raise ValueError(
                f"NeuralRenderer: eyes must have 1 or {num_meshes} rows, as many as there are "
                f"meshes, got {eyes.shape[0]}"
            )
        num_views = eyes.shape[1]
        vertices = at_least_float32(mesh.vertices)
        eyes = eyes.to(vertices.dtype).expand(num_meshes, num_views, 3)
        points = vertices[:, None].expand(num_meshes, num_views, num_vertices, 3)
        seen = look_at(points.flatten(0, 1), eyes.flatten(0, 1))
        if self.perspective:
            return perspective(seen, viewing_angle=self.viewing_angle)
        return orthographic(seen)

    def silhouettes(self, mesh: Mesh, eyes: Tensor) -> Tensor:
        """Draw the silhouette of every mesh in every one of its views.

        Args:
            mesh: B meshes.
            eyes: Camera positions in the mesh frame, looking at the origin, y up; a first axis of 1
                serves all meshes. [B, N, 3]

        Returns:
            Coverage in [0, 1], row 0 at the top. [B, N, H, W], differentiable in vertices and eyes.

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range.
        """
        with torch.autocast(mesh.vertices.device.type, enabled=False):
            vertices = self.project(mesh, eyes)
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
