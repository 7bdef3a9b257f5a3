"""Light from everywhere and from one direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from nr3d.checks import check_range, check_tensor, format_shape, name_of_dtype

Vector: TypeAlias = Tensor | Sequence[float]


@dataclass(frozen=True)
class Lights:
    """Lights that are fixed to the frame of the mesh. Gradients reach every tensor.

    Attributes:
        ambient_intensity: Of the light from everywhere, at least 0. A number, or a tensor [] or
            [B]
        directional_intensity: Of the light from one direction, likewise.
        ambient_color: RGB. [3] or [B, 3]
        directional_color: RGB. [3] or [B, 3]
        direction: Towards the light; its length counts as a further intensity. [3] or [B, 3]

    Raises:
        TypeError: An intensity that is neither a number nor a floating-point tensor, a vector of
            something else than numbers.
        ValueError: A negative, infinite or NaN intensity, which is looked for in numbers and in
            tensors on the CPU; an attribute of another shape. The values of colours and of the
            direction are not looked at: NaN in them gives NaN where their light falls.
    """

    ambient_intensity: float | Tensor = 0.5
    directional_intensity: float | Tensor = 0.5
    ambient_color: Vector = (1.0, 1.0, 1.0)
    directional_color: Vector = (1.0, 1.0, 1.0)
    direction: Vector = (0.0, 1.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("ambient_intensity", "directional_intensity"):
            _check_intensity(name, getattr(self, name))
        for name in ("ambient_color", "directional_color", "direction"):
            check_vectors("Lights", name, getattr(self, name))

    def light(self, normals: Tensor) -> Tensor:
        """Give the light on surfaces: ambient, and directional times the cosine, if positive.

        Args:
            normals: Unit vectors, in the frame of the lights. [B, N, 3]

        Returns:
            RGB, what colours are multiplied by. [B, N, 3]

        Raises:
            TypeError: A wrong dtype.
            ValueError: A wrong shape, or an attribute for another number of meshes.

        Source: Lambert's law; Kato et al. 2018.
        """
        check_tensor("Lights", "normals", normals, shape=("B", "N", 3))
        light = torch.zeros_like(normals)
        if _may_shine(self.ambient_intensity):
            intensity = self._intensities("ambient_intensity", normals)
            light = light + intensity * self._rows("ambient_color", normals)
        if _may_shine(self.directional_intensity):
            cosine = (normals * self._rows("direction", normals)).sum(-1, keepdim=True).relu()
            intensity = self._intensities("directional_intensity", normals)
            light = light + intensity * self._rows("directional_color", normals) * cosine
        return light

    def _intensities(self, name: str, normals: Tensor) -> float | Tensor:
        """Lay out an intensity for all or one for each mesh, as a number or as [1 or B, 1, 1]."""
        value: float | Tensor = getattr(self, name)
        if not isinstance(value, Tensor):
            return value
        rows = value.to(normals).reshape(-1, 1, 1)
        if rows.shape[0] not in (1, normals.shape[0]):
            raise ValueError(
                f"Lights: {name} must have shape [] or [{normals.shape[0]}], "
                f"got {format_shape(value.shape)}"
            )
        return rows

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


def _may_shine(intensity: float | Tensor) -> bool:
    """Tell what is dark without asking a device: a number that is 0."""
    return isinstance(intensity, Tensor) or intensity > 0


def _check_intensity(name: str, value: float | Tensor) -> None:
    if not isinstance(value, Tensor):
        check_range("Lights", name, value, at_least=0)
        return
    if not value.is_floating_point():
        raise TypeError(f"Lights: {name} must be floating-point, got {name_of_dtype(value.dtype)}")
    if value.dim() > 1:
        raise ValueError(
            f"Lights: {name} must have shape [] or [B], got {format_shape(value.shape)}"
        )
    # To look at values of another device is to wait for it.
    if value.device.type == "cpu" and not torch.compiler.is_compiling():
        is_bad = ~(value.detach().isfinite() & (value.detach() >= 0)).flatten()
        if bool(is_bad.any()):
            got = value.detach().flatten()[is_bad][0].item()
            raise ValueError(f"Lights: {name} must be finite and at least 0, got {got:g}")


def check_vectors(function: str, argument: str, value: Vector) -> Tensor:
    """Check one vector for all meshes, [3], or one for each, [B, 3]; give it as a tensor."""
    try:
        vectors = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{function}: {argument} must be a tensor or three numbers, got {value!r}"
        ) from error
    if vectors.is_complex():
        raise TypeError(f"{function}: {argument} must be real, got {name_of_dtype(vectors.dtype)}")
    if vectors.dim() not in (1, 2) or vectors.shape[-1] != 3:
        raise ValueError(
            f"{function}: {argument} must have shape [3] or [B, 3], "
            f"got {format_shape(vectors.shape)}"
        )
    return vectors
