"""`Renderer`: a bag of attributes that draws."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nr3d.checks import INTEGERS, check_choice, check_tensor
from nr3d.compat.neural_renderer import cameras
from nr3d.compat.neural_renderer.convert import Vector
from nr3d.compat.neural_renderer.faces import face_light, vertices_to_faces
from nr3d.compat.neural_renderer.rasterize import (
    DEFAULT_EPS,
    Colorize,
    Drawing,
    average,
    cube_colors,
    draw_maps,
)
from nr3d.renderer import Fragments

CAMERA_MODES = ("projection", "look", "look_at")
MODES = ("rgb", "silhouettes", "depth")


class Renderer(nn.Module):
    """Draws meshes with the settings that its attributes hold at that moment.

    Args:
        image_size: Side of the images, pixels.
        anti_aliasing: Draw at twice the size and average. (Depth then blends `far` into outlines.)
        background_color: RGB. [3] or [B, 3]
        fill_back: Draw the backs of faces too.
        camera_mode: `projection`, `look` or `look_at`; the attribute may be set to anything else,
            which means vertices are projected already.
        K, R, t, dist_coeffs, orig_size: The calibrated camera of mode `projection`.
        perspective: Of modes `look` and `look_at`; otherwise orthographic.
        viewing_angle: Half the field of view, degrees.
        camera_direction: Of mode `look`.
        near, far: Depths that limit what is drawn.
        light_intensity_ambient, light_intensity_directional, light_color_ambient,
            light_color_directional, light_direction: See `lighting`.

    The eye, attribute `eye`, stands where a sphere of radius 1 fills the image.
    """

    def __init__(
        self,
        image_size: int = 256,
        anti_aliasing: bool = True,
        background_color: Vector = (0, 0, 0),
        fill_back: bool = True,
        camera_mode: str = "projection",
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: float = 1024,
        perspective: bool = True,
        viewing_angle: float = 30,
        camera_direction: Vector = (0, 0, 1),
        near: float = 0.1,
        far: float = 100,
        light_intensity_ambient: float = 0.5,
        light_intensity_directional: float = 0.5,
        light_color_ambient: Vector = (1, 1, 1),
        light_color_directional: Vector = (1, 1, 1),
        light_direction: Vector = (0, 1, 0),
    ) -> None:
        super().__init__()
        check_choice("Renderer", "camera_mode", camera_mode, CAMERA_MODES)
        self.image_size = image_size
        self.anti_aliasing = anti_aliasing
        self.background_color = background_color
        self.fill_back = fill_back
        self.camera_mode = camera_mode
        self.K, self.R, self.t = K, R, t
        self.dist_coeffs = (0.0,) * 5 if dist_coeffs is None else dist_coeffs
        self.orig_size = orig_size
        self.perspective = perspective
        self.viewing_angle = viewing_angle
        self.eye: Any = [0, 0, -(1.0 / math.tan(math.radians(viewing_angle)) + 1)]
        self.camera_direction = camera_direction
        self.near = near
        self.far = far
        self.light_intensity_ambient = light_intensity_ambient
        self.light_intensity_directional = light_intensity_directional
        self.light_color_ambient = light_color_ambient
        self.light_color_directional = light_color_directional
        self.light_direction = light_direction
        self.rasterizer_eps = 1e-3

    def forward(
        self,
        vertices: Tensor,
        faces: Tensor,
        textures: Tensor | None = None,
        mode: str | None = None,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: float | None = None,
    ) -> Any:
        """Draw: (rgb, depth, alpha) without a mode, else one image.

        Args:
            vertices: [B, V, 3]
            faces: Vertex indices of each mesh. [B, F, 3]
            textures: Cubes of every face. [B, F, T, T, T, 3]
            mode: None, `rgb`, `silhouettes` or `depth`.
            K: Overrides the attribute of that name, as do the others.
            R: Likewise.
            t: Likewise.
            dist_coeffs: Likewise.
            orig_size: Likewise.
        """
        camera = (K, R, t, dist_coeffs, orig_size)
        if mode is None:
            return self.render(vertices, faces, textures, *camera)
        check_choice("Renderer", "mode", mode, MODES)
        if mode == "silhouettes":
            return self.render_silhouettes(vertices, faces, *camera)
        if mode == "depth":
            return self.render_depth(vertices, faces, *camera)
        return self.render_rgb(vertices, faces, textures, *camera)

    def render_silhouettes(
        self, vertices: Tensor, faces: Tensor, *camera: Any, **named: Any
    ) -> Tensor:
        """Draw alpha [B, S, S]."""
        corners = self._project(vertices, faces, *camera, **named)
        alpha: Tensor = self._draw(corners, wants_alpha=True)[1]
        return alpha

    def render_depth(self, vertices: Tensor, faces: Tensor, *camera: Any, **named: Any) -> Tensor:
        """Draw depth [B, S, S], `far` where there is nothing."""
        corners = self._project(vertices, faces, *camera, **named)
        depth: Tensor = self._draw(corners, wants_depth=True)[2]
        return depth

    def render_rgb(
        self, vertices: Tensor, faces: Tensor, textures: Tensor | None, *camera: Any, **named: Any
    ) -> Tensor:
        """Draw colours [B, 3, S, S]."""
        corners = self._project(vertices, faces, *camera, **named)
        rgb: Tensor = self._draw(corners, self._colorize(vertices, faces, textures))[0]
        return rgb

    def render(
        self, vertices: Tensor, faces: Tensor, textures: Tensor | None, *camera: Any, **named: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw (rgb [B, 3, S, S], depth [B, S, S], alpha [B, S, S])."""
        corners = self._project(vertices, faces, *camera, **named)
        colorize = self._colorize(vertices, faces, textures)
        rgb, alpha, depth = self._draw(corners, colorize, wants_alpha=True, wants_depth=True)
        return rgb, depth, alpha

    def _draw(
        self,
        corners: Tensor,
        colorize: Colorize | None = None,
        *,
        wants_alpha: bool = False,
        wants_depth: bool = False,
    ) -> Any:
        drawing = Drawing(
            image_size=2 * self.image_size if self.anti_aliasing else self.image_size,
            near=self.near,
            far=self.far,
            eps=self.rasterizer_eps if colorize else DEFAULT_EPS,
            background_color=self.background_color,
            fill_back=self.fill_back,
            colorize=colorize,
        )
        maps = draw_maps(corners, drawing, wants_alpha=wants_alpha, wants_depth=wants_depth)
        return tuple(average(image) for image in maps) if self.anti_aliasing else maps

    def _project(
        self,
        vertices: Tensor,
        faces: Tensor,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: float | None = None,
    ) -> Tensor:
        """Give the projected corners of every face. [B, F, 3, 3]"""
        check_tensor("Renderer", "vertices", vertices, shape=("B", "V", 3))
        check_tensor(
            "Renderer",
            "faces",
            faces,
            shape=(vertices.shape[0], "F", 3),
            dtypes=INTEGERS,
            like=vertices,
        )
        if self.camera_mode == "projection":
            seen = self._calibrated(
                vertices,
                self.K if K is None else K,
                self.R if R is None else R,
                self.t if t is None else t,
                self.dist_coeffs if dist_coeffs is None else dist_coeffs,
                self.orig_size if orig_size is None else orig_size,
            )
        elif self.camera_mode in ("look", "look_at"):
            if self.camera_mode == "look":
                seen = cameras.look(vertices, self.eye, self.camera_direction)
            else:
                seen = cameras.look_at(vertices, self.eye)
            if self.perspective:
                seen = cameras.perspective(seen, self.viewing_angle)
        else:
            seen = vertices
        return vertices_to_faces(seen, faces)

    @staticmethod
    def _calibrated(
        vertices: Tensor, K: Any, R: Any, t: Any, dist_coeffs: Any, orig_size: float
    ) -> Tensor:
        for name, value in (("K", K), ("R", R), ("t", t)):
            if value is None:
                raise ValueError(
                    f"Renderer: {name} must be given in camera_mode='projection', got None; for a "
                    "camera without calibration use camera_mode='look_at'"
                )
        return cameras.projection(vertices, K, R, t, dist_coeffs, orig_size)

    def _colorize(self, vertices: Tensor, faces: Tensor, textures: Tensor | None) -> Colorize:
        """Give how to colour: by cubes, times the light on the side that is seen."""
        shape = (*faces.shape[:2], "T", "T", "T", 3)
        check_tensor("Renderer", "textures", textures, shape=shape, like=vertices)
        assert textures is not None
        light = self._light(vertices_to_faces(vertices, faces))
        by_cubes = cube_colors(textures, self.rasterizer_eps)

        def colorize(fragments: Fragments, projected: Tensor, soup: Tensor) -> Tensor:
            colors = by_cubes(fragments, projected, soup)
            face = fragments.face_index.clamp(min=0).long().flatten(1)
            brightness = light.gather(1, face[..., None].expand(-1, -1, 3))
            return colors * brightness.transpose(1, 2).reshape(colors.shape)

        return colorize

    def _light(self, corners: Tensor) -> Tensor:
        """Give the light on the fronts of faces in the world, then on their backs. [B, 2F, 3]"""
        sides = torch.cat((corners, corners.flip(2)), dim=1)
        return face_light(
            sides,
            intensity_ambient=self.light_intensity_ambient,
            intensity_directional=self.light_intensity_directional,
            color_ambient=self.light_color_ambient,
            color_directional=self.light_color_directional,
            direction=self.light_direction,
        )
