"""The renderer with OpenDR's gradient: true to the image, blind beyond its edges."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nr3d.renderer.mesh_renderer import MeshRenderer
from nr3d.renderer.opendr import opendr_edges
from nr3d.renderer.rendering import Scene


class OpenDRRenderer(MeshRenderer):
    """Draw meshes from any number of eyes, with the gradient of Loper & Black to the vertices.

    It draws what `NeuralRenderer` draws, but no depth, for which the gradient is not defined.

    Args:
        image_size: As for `NeuralRenderer`, like those that follow.
        viewing_angle: Degrees.
        perspective: Perspective projection; otherwise orthographic.
        anti_aliasing: Draw at twice the size, where the gradient is taken, and average.
        near: Depths up to this are not drawn, in scene units.
        far: Depths from this on are not drawn, in scene units.
        eps: Of Kato's gradient; unused, here so that its settings serve this renderer as they are.
        fill_back: Draw the backs of faces too.
        boundary: Treat pixels at outlines apart, as `opendr_edges` says.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument out of its range.
    """

    outputs = ("colors", "silhouettes", "normals")

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
        boundary: bool = True,
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
        self.boundary = boundary

    def edges(self, image: Tensor, scene: Scene) -> Tensor:
        """Give an image drawn of a scene OpenDR's gradient. [M, C, H, W]"""
        return opendr_edges(
            image,
            scene.projected,
            faces=scene.faces,
            face_index=scene.fragments.face_index,
            boundary=self.boundary,
            weights=scene.fragments.weights,
        )
