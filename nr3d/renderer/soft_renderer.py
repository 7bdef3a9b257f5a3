"""The soft renderer of a training loop: meshes and eyes in, soft silhouettes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nr3d.checks import check_count, check_range, check_tensor
from nr3d.geometry import Mesh
from nr3d.renderer.mesh_renderer import Vectors
from nr3d.renderer.neural_renderer import NeuralRenderer
from nr3d.renderer.rasterize import check_size
from nr3d.renderer.soft import soft_silhouettes


class SoftRenderer(nn.Module):
    """Draw soft silhouettes of meshes from any number of eyes, with their true derivative.

    Cameras and images are those of `NeuralRenderer`.

    Args:
        image_size: Side of the images, or (H, W), in pixels.
        viewing_angle: Half the field of view along the height, in degrees, in (0, 90); unused
            without `perspective`.
        perspective: Perspective projection; otherwise orthographic, one unit to one NDC unit.
        anti_aliasing: Draw at twice the size and average 2 x 2 pixels.
        near: Faces with a corner at a depth of at most this are not drawn, in scene units.
        far: Faces with all corners at depths of at least this are not drawn, in scene units.
        sigma: Softness of the outlines, in NDC squared. It may be set later.
        sigma_schedule: Step -> the sigma that `set_step` sets from that step on; a key between 0
            and 1 is a fraction of all steps. The authors train with 1e-4, and with 3e-5 from step
            150,000 of 250,000 on: {150000: 3e-5} or {0.6: 3e-5}.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument out of its range.

    Source: Liu et al. 2019 and the authors' code.
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
        sigma: float = 1e-4,
        sigma_schedule: Mapping[int | float, float] | None = None,
    ) -> None:
        super().__init__()
        self.height, self.width = check_size("SoftRenderer", image_size)
        check_range("SoftRenderer", "viewing_angle", viewing_angle, above=0, below=90)
        check_range("SoftRenderer", "far", far, above=near)
        check_range("SoftRenderer", "sigma", sigma, above=0)
        for step, value in (sigma_schedule or {}).items():
            if not isinstance(step, float) or not 0 < step < 1:
                check_count("SoftRenderer", "a step of sigma_schedule", step, at_least=0)
            check_range("SoftRenderer", f"sigma_schedule[{step}]", value, above=0)
        self.camera = NeuralRenderer(
            image_size=image_size, viewing_angle=viewing_angle, perspective=perspective
        )
        self.image_size = image_size
        self.viewing_angle = viewing_angle
        self.perspective = perspective
        self.anti_aliasing = anti_aliasing
        self.near = near
        self.far = far
        self.sigma = sigma
        self.sigma_schedule: dict[int | float, float] = {0: sigma, **(sigma_schedule or {})}

    def sigma_at(self, step: int, *, max_steps: int | None = None) -> float:
        """Give sigma at a step of training, a function of the step and the number of all steps.

        Raises:
            ValueError: If the schedule has fractions and `max_steps` is not given.
        """
        starts: dict[float, float] = {}
        for place, sigma in self.sigma_schedule.items():
            if isinstance(place, float):
                if max_steps is None:
                    raise ValueError(
                        "SoftRenderer: max_steps must be given where sigma_schedule has fractions"
                    )
                place = place * max_steps
            starts[place] = sigma
        return starts[max(first for first in starts if first <= step)]

    def set_step(self, step: int, *, max_steps: int | None = None) -> None:
        """Set sigma for a step of training; without a schedule it stays what it is.

        `ReconstructionModule` calls this before each step.
        """
        if len(self.sigma_schedule) > 1:
            self.sigma = self.sigma_at(step, max_steps=max_steps)

    def silhouettes(
        self, mesh: Mesh, eyes: Tensor, *, at: Vectors | None = None, up: Vectors | None = None
    ) -> Tensor:
        """Draw the soft silhouette of every mesh in every one of its views.

        Args:
            mesh: B meshes.
            eyes: Camera positions in the mesh frame; a first axis of 1 serves all meshes. [B, N, 3]
            at: Points in the middle of the images, the origin when absent. [3], or as `eyes`
            up: Directions that are up in the images, +y when absent. [3], or as `eyes`

        Returns:
            Values in [0, 1], row 0 at the top, differentiable in vertices, eyes, `at` and `up`.
            [B, N, H, W]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape or device, NaN or infinite vertices, an index out of range.
        """
        check_tensor("SoftRenderer", "eyes", eyes, shape=("B", "N", 3), like=mesh.vertices)
        with torch.autocast(mesh.vertices.device.type, enabled=False):
            images = soft_silhouettes(
                self.camera.project(mesh, eyes, at=at, up=up),
                mesh.faces,
                image_size=(self.height, self.width),
                sigma=self.sigma,
                anti_aliasing=self.anti_aliasing,
                near=self.near,
                far=self.far,
            )
        return images.reshape(mesh.vertices.shape[0], eyes.shape[1], *images.shape[1:])
