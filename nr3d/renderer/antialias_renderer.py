"""The renderer that blends pixels at outlines and differentiates the blend."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nr3d.renderer.antialias import antialias
from nr3d.renderer.mesh_renderer import MeshRenderer
from nr3d.renderer.rendering import Scene


class AntialiasRenderer(MeshRenderer):
    """Draw meshes from any number of eyes, outlines blended, with the blend's derivative.

    Colours and silhouettes are blended, depth and normals are as hard as they are drawn.

    Args:
        image_size: As for `NeuralRenderer`, like those that follow.
        viewing_angle: Degrees.
        perspective: Perspective projection; otherwise orthographic.
        anti_aliasing: Draw and blend at twice the size and average besides. Not needed: the blend
            is the anti-aliasing.
        near: Depths up to this are not drawn, in scene units.
        far: Depths from this on are not drawn, in scene units.
        eps: Of Kato's gradient; unused, here so that its settings serve this renderer as they are.
        fill_back: Draw the backs of faces too.

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
        anti_aliasing: bool = False,
        near: float = 0.1,
        far: float = 100.0,
        eps: float = 1e-4,
        fill_back: bool = True,
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

    def edges(self, image: Tensor, scene: Scene) -> Tensor:
        """Blend an image drawn of a scene at its outlines. [M, C, H, W]"""
        return antialias(
            image,
            scene.projected,
            faces=scene.faces,
            face_index=scene.fragments.face_index,
            depth=scene.fragments.depth,
        )
