"""The renderer of Kato et al.: the reach of its gradient is the whole row and column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nr3d.checks import check_choice, check_range
from nr3d.geometry import Mesh
from nr3d.renderer.kato import kato_coverage, kato_edges, kato_silhouettes
from nr3d.renderer.mesh_renderer import MeshRenderer, Vectors
from nr3d.renderer.rendering import Scene


class NeuralRenderer(MeshRenderer):
    """Draw meshes from any number of eyes, with Kato's gradient to the vertices.

    `eye_from_angles` gives eyes from distance, elevation and azimuth.

    Args:
        image_size: Side of the images, or (H, W), in pixels.
        viewing_angle: Half the field of view along the height, in degrees, in (0, 90); unused
            without `perspective`.
        perspective: Perspective projection; otherwise orthographic, one unit to one NDC unit.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: Depths up to this are not drawn, in scene units.
        far: Depths from this on are not drawn, in scene units.
        eps: Added to the distances of the edge gradient, in NDC.
        fill_back: Draw the backs of faces too.
        downsampling: How anti-aliasing comes back to the image's size: the `mean` of 2 x 2 pixels,
            or `corner_aligned`, bilinear samples of which the outermost are the outermost pixels.
        magnification: Multiplies what the camera projects, x and y and depth. Corner-aligned
            samples show a little more than the image; (2 H - 1) / (2 H - 2) makes up for it.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument out of its range.
    """

    def __init__(
        self,
        *,
        image_size: int | Sequence[int] = 64,
        viewing_angle: float = 30.0,
        perspective: bool = True,
        anti_aliasing: bool = True,
        near: float = 0.1,
        far: float = 100.0,
        eps: float = 1e-4,
        fill_back: bool = True,
        downsampling: Literal["mean", "corner_aligned"] = "mean",
        magnification: float = 1.0,
    ) -> None:
        super().__init__(
            image_size=image_size,
            viewing_angle=viewing_angle,
            perspective=perspective,
            anti_aliasing=anti_aliasing,
            near=near,
            far=far,
            fill_back=fill_back,
        )
        check_range(self.name, "eps", eps, at_least=0)
        check_choice(self.name, "downsampling", downsampling, ("mean", "corner_aligned"))
        check_range(self.name, "magnification", magnification, above=0)
        if downsampling != "mean" and not anti_aliasing:
            raise ValueError(
                f"{self.name}: downsampling must be mean without anti_aliasing, "
                f"got {downsampling!r}"
            )
        self.eps = eps
        self.downsampling = downsampling
        self.magnification = magnification

    def edges(self, image: Tensor, scene: Scene) -> Tensor:
        """Give an image drawn of a scene Kato's gradient. [M, C, H, W]"""
        return kato_edges(
            image,
            scene.projected,
            faces=scene.faces,
            face_index=scene.fragments.face_index,
            eps=self.eps,
        )

    def coverage(self, scene: Scene) -> Tensor:
        """Draw silhouettes with it, in one operation. [M, 1, H, W]"""
        if self.downsampling != "mean":
            return super().coverage(scene)
        return kato_coverage(
            scene.fragments.face_index,
            scene.projected,
            faces=scene.faces,
            anti_aliasing=self.anti_aliasing,
            eps=self.eps,
        )[:, None]

    def resample(self, image: Tensor) -> Tensor:
        """Bring a drawn image to its size, by `downsampling`. [M, C, H', W'] -> [M, C, H, W]"""
        if self.downsampling == "mean":
            return super().resample(image)
        size = (self.height, self.width)
        return interpolate(image, size=size, mode="bilinear", align_corners=True)

    def project(
        self, mesh: Mesh, eyes: Tensor, *, at: Vectors | None = None, up: Vectors | None = None
    ) -> Tensor:
        """Project as every renderer does, and magnify. [B N, V, 3]"""
        projected = super().project(mesh, eyes, at=at, up=up)
        return projected if self.magnification == 1 else projected * self.magnification

    def silhouettes(
        self, mesh: Mesh, eyes: Tensor, *, at: Vectors | None = None, up: Vectors | None = None
    ) -> Tensor:
        """Draw the silhouette of every mesh in every one of its views.

        As every renderer does, but in one operation from projected vertices to images.

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
            is_mean = self.downsampling == "mean"
            factor = 1 if is_mean else 2
            images = kato_silhouettes(
                vertices,
                mesh.faces,
                image_size=(factor * self.height, factor * self.width),
                anti_aliasing=self.anti_aliasing and is_mean,
                near=self.near,
                far=self.far,
                eps=self.eps,
                fill_back=self.fill_back,
            )
            if not is_mean:
                images = self.resample(images[:, None])[:, 0]
        return images.reshape(mesh.vertices.shape[0], eyes.shape[1], *images.shape[1:])
