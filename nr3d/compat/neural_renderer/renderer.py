"""`Renderer`: a bag of attributes that draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from nr3d.checks import check_choice, check_tensor
from nr3d.compat.neural_renderer import cameras
from nr3d.compat.neural_renderer.convert import INDICES, Vector, as_camera, as_list
from nr3d.compat.neural_renderer.drawing import Colorize, Drawing, average, draw_maps
from nr3d.compat.neural_renderer.faces import vertices_to_faces
from nr3d.compat.neural_renderer.rasterize import DEFAULT_EPS
from nr3d.compat.neural_renderer.shading import lit_cubes

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
        viewing_angle: Half the field of view, degrees inside (0, 90).
        camera_direction: Of mode `look`.
        near, far: Depths that limit what is drawn.
        light_intensity_ambient, light_intensity_directional, light_color_ambient,
            light_color_directional, light_direction: See `lighting`.

    The eye, attribute `eye`, stands where a sphere of radius 1 fills the image. Tuples are kept as
    lists, so that their numbers can be set one by one.
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
        orig_size: Any = 1024,
        perspective: bool = True,
        viewing_angle: float = 30,
        camera_direction: Vector = (0, 0, 1),
        near: float = 0.1,
        far: float = 100,
        light_intensity_ambient: float | Tensor = 0.5,
        light_intensity_directional: float | Tensor = 0.5,
        light_color_ambient: Vector = (1, 1, 1),
        light_color_directional: Vector = (1, 1, 1),
        light_direction: Vector = (0, 1, 0),
    ) -> None:
        super().__init__()
        check_choice("Renderer", "camera_mode", camera_mode, CAMERA_MODES)
        cameras.check_viewing_angle(viewing_angle)
        self.image_size = image_size
        self.anti_aliasing = anti_aliasing
        self.background_color = as_list(background_color)
        self.fill_back = fill_back
        self.camera_mode = camera_mode
        self.K, self.R, self.t = as_camera(K), as_camera(R), as_camera(t)
        self.dist_coeffs = as_camera([[0.0] * 5] if dist_coeffs is None else dist_coeffs)
        self.orig_size = orig_size
        self.perspective = perspective
        self.viewing_angle = viewing_angle
        self.eye: Any = [0, 0, -(1.0 / math.tan(math.radians(viewing_angle)) + 1)]
        self.camera_direction = as_list(camera_direction)
        self.near = near
        self.far = far
        self.light_intensity_ambient = light_intensity_ambient
        self.light_intensity_directional = light_intensity_directional
        self.light_color_ambient = as_list(light_color_ambient)
        self.light_color_directional = as_list(light_color_directional)
        self.light_direction = as_list(light_direction)
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
        orig_size: Any = None,
    ) -> Any:
        """Draw: (rgb, depth, alpha) without a mode, else one image.

        Args:
            vertices: [B, V, 3]
            faces: Vertex indices of each mesh. [B, F, 3]
            textures: Cubes of every face. [B, F, T, T, T, 3]
            mode: None, `rgb`, `silhouettes` or `depth`.
            K, R, t, dist_coeffs, orig_size: Override the attributes of these names.
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
        self,
        vertices: Tensor,
        faces: Tensor,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: Any = None,
    ) -> Tensor:
        """Draw alpha [B, S, S]."""
        corners = self._project(vertices, faces, (K, R, t, dist_coeffs, orig_size))
        alpha: Tensor = self._draw(corners, wants_alpha=True)[1]
        return alpha

    def render_depth(
        self,
        vertices: Tensor,
        faces: Tensor,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: Any = None,
    ) -> Tensor:
        """Draw depth [B, S, S], `far` where there is nothing."""
        corners = self._project(vertices, faces, (K, R, t, dist_coeffs, orig_size))
        depth: Tensor = self._draw(corners, wants_depth=True)[2]
        return depth

    def render_rgb(
        self,
        vertices: Tensor,
        faces: Tensor,
        textures: Tensor | None,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: Any = None,
    ) -> Tensor:
        """Draw colours [B, 3, S, S]."""
        corners = self._project(vertices, faces, (K, R, t, dist_coeffs, orig_size))
        rgb: Tensor = self._draw(corners, self._colorize(vertices, faces, textures))[0]
        return rgb

    def render(
        self,
        vertices: Tensor,
        faces: Tensor,
        textures: Tensor | None,
        K: Any = None,
        R: Any = None,
        t: Any = None,
        dist_coeffs: Any = None,
        orig_size: Any = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw (rgb [B, 3, S, S], depth [B, S, S], alpha [B, S, S])."""
        corners = self._project(vertices, faces, (K, R, t, dist_coeffs, orig_size))
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

    def _project(self, vertices: Tensor, faces: Tensor, camera: Sequence[Any]) -> Tensor:
        """Give the projected corners of every face. [B, F, 3, 3]"""
        check_tensor("Renderer", "vertices", vertices, shape=("B", "V", 3))
        check_tensor(
            "Renderer",
            "faces",
            faces,
            shape=(vertices.shape[0], "F", 3),
            dtypes=INDICES,
            like=vertices,
        )
        if self.camera_mode == "projection":
            own = (self.K, self.R, self.t, self.dist_coeffs, self.orig_size)
            chosen = (
                mine if given is None else given for given, mine in zip(camera, own, strict=True)
            )
            seen = cameras.calibrated(vertices, *chosen)
        elif self.camera_mode in ("look", "look_at"):
            if self.camera_mode == "look":
                seen = cameras.look(vertices, self.eye, self.camera_direction)
            else:
                seen = cameras.look_at(vertices, self.eye)
            if self.perspective:
                cameras.check_viewing_angle(self.viewing_angle)
                seen = cameras.perspective(seen, self.viewing_angle)
        else:
            seen = vertices
        return vertices_to_faces(seen, faces)

    def _colorize(self, vertices: Tensor, faces: Tensor, textures: Tensor | None) -> Colorize:
        return lit_cubes(
            vertices_to_faces(vertices, faces),
            textures,
            eps=self.rasterizer_eps,
            intensity_ambient=self.light_intensity_ambient,
            intensity_directional=self.light_intensity_directional,
            color_ambient=self.light_color_ambient,
            color_directional=self.light_color_directional,
            direction=self.light_direction,
        )
