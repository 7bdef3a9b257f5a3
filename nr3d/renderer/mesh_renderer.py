"""What the renderers share: meshes and eyes in, images out, whatever the gradient."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from nr3d import ops as ops  # registers torch.ops.nr3d
from nr3d.checks import at_least_float32, check_choice, check_range, check_tensor
from nr3d.geometry import Mesh
from nr3d.geometry.camera import ORIGIN, UP, camera_axes
from nr3d.geometry.camera_checks import vectors_of_views
from nr3d.renderer.appearance import Appearance
from nr3d.renderer.lights import Lights
from nr3d.renderer.rasterize import check_size, rasterize
from nr3d.renderer.rendering import OUTPUTS, Rendering, Scene, check_looks, draw, mean_pixels

Vectors: TypeAlias = Tensor | Sequence[float]


class MeshRenderer(nn.Module, ABC):
    """Draw meshes from any number of eyes; a subclass says what gradient the edges have.

    Args:
        image_size: Side of the images, or (H, W), in pixels.
        viewing_angle: Half the field of view along the height, in degrees, in (0, 90); unused
            without `perspective`.
        perspective: Perspective projection; otherwise orthographic, one unit to one NDC unit.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: Depths up to this are not drawn, in scene units.
        far: Depths from this on are not drawn, in scene units.
        fill_back: Draw the backs of faces too.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument out of its range.
    """

    outputs: ClassVar[tuple[str, ...]] = OUTPUTS  # what `render` can draw

    def __init__(
        self,
        *,
        image_size: int | Sequence[int],
        viewing_angle: float,
        perspective: bool,
        anti_aliasing: bool,
        near: float,
        far: float,
        fill_back: bool,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__  # the first word of complaints
        self.height, self.width = check_size(self.name, image_size)
        check_range(self.name, "viewing_angle", viewing_angle, above=0, below=90)
        check_range(self.name, "near", near)
        check_range(self.name, "far", far, above=near)
        switches = {"perspective": perspective, "anti_aliasing": anti_aliasing}
        _check_bools(self.name, **switches, fill_back=fill_back)
        square = not isinstance(image_size, Sequence)
        self.image_size = self.height if square else (self.height, self.width)
        self.viewing_angle = viewing_angle
        self.perspective = perspective
        self.anti_aliasing = anti_aliasing
        self.near = near
        self.far = far
        self.fill_back = fill_back

    @abstractmethod
    def edges(self, image: Tensor, scene: Scene) -> Tensor:
        """Give an image drawn of a scene its gradient to `scene.projected`. [M, C, H, W]"""

    def coverage(self, scene: Scene) -> Tensor:
        """Draw silhouettes with that gradient, anti-aliased. [M, 1, H, W]"""
        return self.resample(self.edges(scene.alpha, scene))

    def resample(self, image: Tensor) -> Tensor:
        """Turn what was drawn into the image: the mean of 2 x 2 pixels, or itself. [M, C, H, W]"""
        return mean_pixels(image, self.anti_aliasing)

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
        check_tensor(self.name, "eyes", eyes, shape=("B", "N", 3), like=mesh.vertices)
        points = at_least_float32(mesh.vertices)
        num_meshes, num_views = points.shape[0], eyes.shape[1]
        eyes = vectors_of_views(self.name, "eyes", eyes, num_views, points)
        at = vectors_of_views(self.name, "at", ORIGIN if at is None else at, num_views, points)
        up = vectors_of_views(self.name, "up", UP if up is None else up, num_views, points)
        axes = camera_axes(at - eyes, up)
        projected: Tensor = torch.ops.nr3d.project(
            points,
            eyes.expand(num_meshes, num_views, 3),
            axes.expand(num_meshes, num_views, 3, 3),
            math.tan(math.radians(self.viewing_angle)) if self.perspective else 0.0,
        )
        if self.height != self.width:  # pixels are square
            projected = projected * projected.new_tensor([self.height / self.width, 1.0, 1.0])
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
        silhouettes = self.render(mesh, eyes, at=at, up=up, outputs=("silhouettes",)).silhouettes
        assert silhouettes is not None
        return silhouettes

    def render(
        self,
        mesh: Mesh,
        eyes: Tensor | None = None,
        *,
        at: Vectors | None = None,
        up: Vectors | None = None,
        projected: Tensor | None = None,
        right_handed: bool = False,
        outputs: Sequence[str] = ("colors",),
        appearance: Appearance | None = None,
        lights: Lights | None = None,
        smooth: bool = False,
        background: Vectors = (0.0, 0.0, 0.0),
    ) -> Rendering:
        """Draw several images of every view from one rasterization.

        Args:
            mesh: B meshes.
            eyes: As for `silhouettes`. [B, N, 3]
            at: Likewise.
            up: Likewise.
            projected: Vertices that another camera projected, instead of eyes. [B, N, V, 3]
            right_handed: Whether that camera is one of a right-handed world, as those of OpenCV,
                OpenGL, PyTorch3D and NMR_Dataset are; `is_right_handed` tells it from R. Normals
                and `lights` need to know: vertices on the image do not say from which side of the
                mesh they are seen.
            outputs: Some of those the renderer has: `colors`, `silhouettes`, `depth`, `normals`.
            appearance: Colours of the mesh (`VertexColors`, `FaceColors`, `CubeTextures`,
                `ImageTexture`), white when absent.
            lights: Light on it; colours as they are when absent.
            smooth: Light by interpolated vertex normals instead of the normals of faces.
            background: RGB behind the meshes. [3] or [B or 1, 3]

        Returns:
            The images. Their gradients are

            - exact to colours, textures, texture coordinates, lights and background, and from depth
              to vertices and camera, for pixels that go on to show the same face;
            - that of `edges` from colours and silhouettes to x, y of the projected vertices, and so
              to vertices and camera, jointly if both are drawn;
            - exact from light and from `normals` through the normals of faces and vertices;
            - missing where a pixel comes to look at another place of its face: a colour, texture or
              normal that slides over the image gives none through its interpolation. So a finite
              difference of `normals` is not their gradient, and none goes from them to the camera.

        Raises:
            TypeError: A wrong dtype; an appearance, lights, background or switch of another type.
            ValueError: As for `silhouettes`; an unknown output; both or none of `eyes` and
                `projected`; `right_handed` with `eyes`; a colour of other than 3 channels; a
                background of a wrong shape, or NaN or infinite in numbers or in a tensor on the
                CPU. Other colours, texture coordinates and the vectors of lights are not looked
                at: NaN in them gives NaN where they are seen.
        """
        for name in outputs:
            check_choice(self.name, "outputs", name, self.outputs)
        _check_bools(self.name, right_handed=right_handed, smooth=smooth)
        check_looks(
            self.name,
            appearance=appearance,
            lights=lights,
            background=background,
            num_meshes=mesh.vertices.shape[0],
        )
        if (eyes is None) == (projected is None):
            raise ValueError(
                f"{self.name}: either eyes or projected must be given, got both or none"
            )
        if right_handed and eyes is not None:
            raise ValueError(
                f"{self.name}: right_handed must be False with eyes, got True; they look at a "
                "left-handed world (docs/conventions.md)"
            )
        with torch.autocast(mesh.vertices.device.type, enabled=False):
            if eyes is not None:
                views = self.project(mesh, eyes, at=at, up=up)
            else:
                shape = (mesh.vertices.shape[0], "N", mesh.vertices.shape[1], 3)
                check_tensor(self.name, "projected", projected, shape=shape, like=mesh.vertices)
                assert projected is not None
                views = projected.flatten(0, 1)
            factor = 2 if self.anti_aliasing else 1
            fragments = rasterize(
                views,
                mesh.faces,
                image_size=(factor * self.height, factor * self.width),
                near=self.near,
                far=self.far,
                fill_back=self.fill_back,
            )
            scene = Scene(
                at_least_float32(mesh.vertices),
                mesh.faces,
                views,
                fragments,
                appearance,
                lights,
                smooth,
                background,
                right_handed,
            )
            return draw(
                scene,
                outputs,
                edges=self.edges,
                coverage=self.coverage,
                resample=self.resample,
            )

    def depth(self, mesh: Mesh, eyes: Tensor) -> Tensor:
        """Draw depths, `far` where there is nothing; see `render`. [B, N, H, W]"""
        depth = self.render(mesh, eyes, outputs=("depth",)).depth
        assert depth is not None
        return depth

    def normals(self, mesh: Mesh, eyes: Tensor) -> Tensor:
        """Draw normals in the mesh frame, 0 where there is nothing. [B, N, 3, H, W]"""
        normals = self.render(mesh, eyes, outputs=("normals",)).normals
        assert normals is not None
        return normals

    def colors(
        self,
        mesh: Mesh,
        eyes: Tensor,
        appearance: Appearance,
        *,
        lights: Lights | None = None,
        background: Vectors = (0.0, 0.0, 0.0),
    ) -> Tensor:
        """Draw colours; see `render`. [B, N, 3, H, W]"""
        colors = self.render(
            mesh, eyes, appearance=appearance, lights=lights, background=background
        ).colors
        assert colors is not None
        return colors


def _check_bools(function: str, **switches: object) -> None:
    """Check that each is True or False, lest `"no"` counts as True."""
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise TypeError(f"{function}: {name} must be a bool, got {value!r}")
