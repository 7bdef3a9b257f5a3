"""Light from everywhere and from one direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from nr3d.checks import check_range, check_tensor, format_shape

Vector: TypeAlias = Tensor | Sequence[float]


@dataclass(frozen=True)
class Lights:
    """Lights that are fixed to the frame of the mesh. Gradients reach every tensor.

    Attributes:
        ambient_intensity: Of the light from everywhere, at least 0.
        directional_intensity: Of the light from one direction, at least 0.
        ambient_color: RGB. [3] or [B, 3]
        directional_color: RGB. [3] or [B, 3]
        direction: Towards the light; its length counts as a further intensity. [3] or [B, 3]

    Raises:
        TypeError: An intensity that is no number.
        ValueError: A negative intensity, a vector of another shape.
    """

    ambient_intensity: float = 0.5
    directional_intensity: float = 0.5
    ambient_color: Vector = (1.0, 1.0, 1.0)
    directional_color: Vector = (1.0, 1.0, 1.0)
    direction: Vector = (0.0, 1.0, 0.0)

    def __post_init__(self) -> None:
        check_range("Lights", "ambient_intensity", self.ambient_intensity, at_least=0)
        check_range("Lights", "directional_intensity", self.directional_intensity, at_least=0)
        for name in ("ambient_color", "directional_color", "direction"):
            shape = torch.as_tensor(getattr(self, name)).shape
            if len(shape) not in (1, 2) or shape[-1] != 3:
                raise ValueError(
                    f"Lights: {name} must have shape [3] or [B, 3], got {format_shape(shape)}"
                )

    def light(self, normals: Tensor) -> Tensor:
        """Give the light on surfaces: ambient, and directional times the cosine, if positive.

        Args:
            normals: Unit vectors, in the frame of the lights. [B, N, 3]

        Returns:
            RGB, what colours are multiplied by. [B, N, 3]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape, or a vector for another number of meshes.

        Source: Lambert's law; Kato et al. 2018.
        """
        check_tensor("Lights", "normals", normals, shape=("B", "N", 3))
        light = torch.zeros_like(normals)
        if self.ambient_intensity > 0:
            light = light + self.ambient_intensity * self._rows("ambient_color", normals)
        if self.directional_intensity > 0:
            cosine = (normals * self._rows("direction", normals)).sum(-1, keepdim=True).relu()
            color = self._rows("directional_color", normals)
            light = light + self.directional_intensity * color * cosine
        return light

    def _rows(self, name: str, normals: Tensor) -> Tensor:
        """Lay out a vector for all or one for each mesh as [1 or B, 1, 3]."""
        value = torch.as_tensor(getattr(self, name), dtype=normals.dtype, device=normals.device)
        rows = value.reshape(-1, 1, 3)
        if rows.shape[0] not in (1, normals.shape[0]):
            raise ValueError(
                f"Lights: {name} must have shape [3] or [{normals.shape[0]}, 3], "
                f"got {format_shape(value.shape)}"
            )
        return rows
