"""DEODR on the same work: closed meshes culled, no light, cameras made beforehand."""

from __future__ import annotations

import numpy as np
import torch
from deodr import differentiable_renderer as deodr
from deodr.triangulated_mesh import ColoredTriMesh, TriMesh
from torch import Tensor

from nr3d.geometry import Mesh

from .workloads import Colors, Scenery, SilhouetteAndDepth, Silhouettes

MIRROR = np.array([-1.0, 1.0, 1.0])  # our camera is left-handed, DEODR's is not


class DeodrScenes:
    """Its scenes and cameras: one image after another, in float64, with its own anti-aliasing."""

    def __init__(self, scenery: Scenery, background: tuple[float, ...] = (0.0,)) -> None:
        self.scenery = scenery
        vertices = scenery.mesh.vertices[0].double().numpy() * MIRROR
        faces = scenery.mesh.faces.flip(1).numpy()  # mirroring turned them over
        colors = np.ones((len(vertices), len(background)))
        self.mesh = ColoredTriMesh(faces, vertices, colors=colors)
        self.scene = deodr.Scene3D(sigma=1)
        self.scene.set_mesh(self.mesh)
        self.scene.set_light(light_directional=None, light_ambient=1.0)
        self.scene.set_background_color(np.array(background))
        self.cameras = [self._camera(eye) for eye in scenery.eyes[:, 0].double().numpy()]

    def _camera(self, eye: np.ndarray) -> deodr.Camera:
        size = self.scenery.renderer.height
        forward = -eye / np.linalg.norm(eye)
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, forward), forward])  # x right, y down, z forward
        focal = size / 2 / np.tan(np.radians(self.scenery.renderer.viewing_angle))
        middle = size / 2 - 0.5
        intrinsic = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
        extrinsic = np.column_stack([axes * MIRROR, -axes @ eye])
        return deodr.Camera(extrinsic, intrinsic, size, size, checks=False)

    def run(self, vertices: Tensor) -> Tensor:
        """Draw forward, differentiate backward; `vertices` gets its gradient. [M, C, H, W]"""
        points = vertices.detach().double().numpy() * MIRROR
        grad_points = np.empty_like(points)
        images = []
        for i, camera in enumerate(self.cameras):
            self.mesh.set_vertices(points[i])
            self.set_colors(i, camera)
            images.append(self.scene.render(camera))
            grad_points[i] = self.differentiate(i, camera, images[i])
        vertices.grad = torch.from_numpy(grad_points * MIRROR).to(vertices)
        return torch.from_numpy(np.stack(images)).movedim(-1, 1)

    def set_colors(self, i: int, camera: deodr.Camera) -> None:
        """Colour the vertices of mesh i; they are 1 already."""

    def differentiate(self, i: int, camera: deodr.Camera, image: np.ndarray) -> np.ndarray:
        """Give the gradient of the squared difference to the vertices of mesh i. [V, 3]"""
        raise NotImplementedError


class DeodrSilhouettes(DeodrScenes):
    """W1 and W2 with its scenes: one channel."""

    def __init__(self, work: Silhouettes) -> None:
        super().__init__(work)
        self.targets = work.targets.double().numpy()[:, 0, ..., None]

    def differentiate(self, i: int, camera: deodr.Camera, image: np.ndarray) -> np.ndarray:
        """See DeodrScenes."""
        self.scene.render_backward(2 * (image - self.targets[i]))
        return self.mesh._vertices_b  # where it leaves them


class DeodrDepth(DeodrScenes):
    """W3 with its scenes: silhouette and depth as two channels of one image."""

    def __init__(self, work: SilhouetteAndDepth) -> None:
        super().__init__(work, background=(0.0, work.renderer.far))
        silhouettes, depths = (t.double().numpy() for t in (work.targets, work.depth_targets))
        self.targets = np.stack((silhouettes[:, 0], depths[:, 0]), -1)
        self.weights = np.stack((np.full_like(silhouettes[:, 0], 2), 2 * silhouettes[:, 0]), -1)

    def set_colors(self, i: int, camera: deodr.Camera) -> None:
        """Let the second channel be the depth."""
        depths = camera.project_points(self.mesh.vertices)[1]
        self.mesh.set_vertices_colors(np.column_stack((np.ones_like(depths), depths)))

    def differentiate(self, i: int, camera: deodr.Camera, image: np.ndarray) -> np.ndarray:
        """See DeodrScenes."""
        self.scene._render_2d_backward(self.weights[i] * (image - self.targets[i]))
        drawn = self.scene.scene_2d
        return camera.project_points_backward(
            drawn.ij_b,
            depths_b=drawn.colors_b[:, 1],
            store_backward=self.scene.store_backward_current,
        )


class DeodrColors(DeodrScenes):
    """W4 with its scenes: three channels."""

    def __init__(self, work: Colors) -> None:
        super().__init__(work, background=(0.0, 0.0, 0.0))
        self.colors = work.colors.double().numpy()
        self.targets = work.targets.double().numpy()[:, 0].transpose(0, 2, 3, 1)

    def set_colors(self, i: int, camera: deodr.Camera) -> None:
        """Give the vertices their colours."""
        self.mesh.set_vertices_colors(self.colors[i])

    def differentiate(self, i: int, camera: deodr.Camera, image: np.ndarray) -> np.ndarray:
        """See DeodrScenes; the colours get theirs too."""
        self.scene.render_backward(2 * (image - self.targets[i]))
        return self.mesh._vertices_b


class DeodrRasterizer:
    """Its rasterizer alone, called directly without its checks; our cameras project for it."""

    def __init__(self, workload: Silhouettes) -> None:
        self.workload = workload
        faces = workload.mesh.faces.flip(1).numpy().astype(np.uint32)
        vertices = workload.mesh.vertices[0].double().numpy() * MIRROR
        self.topology = TriMesh(faces, vertices)
        self.size = workload.renderer.height
        self.targets = workload.targets.double().numpy()[:, 0, ..., None]
        self.scene = self._make_scene(faces, len(vertices))

    def _make_scene(self, faces: np.ndarray, num_vertices: int) -> deodr.Scene2DBase:
        num_faces = len(faces)
        return deodr.Scene2DBase(
            faces=faces,
            faces_uv=faces,
            ij=np.zeros((num_vertices, 2)),
            depths=np.zeros(num_vertices),
            textured=np.zeros(num_faces, dtype=bool),
            uv=np.zeros((num_vertices, 2)),
            shade=np.zeros(num_vertices),
            colors=np.ones((num_vertices, 1)),
            shaded=np.zeros(num_faces, dtype=bool),
            edgeflags=np.zeros((num_faces, 3), dtype=bool),
            height=self.size,
            width=self.size,
            nb_colors=1,
            texture=np.zeros((0, 0)),
            background_color=np.zeros(1),
            uv_b=np.zeros((num_vertices, 2)),
            ij_b=np.zeros((num_vertices, 2)),
            shade_b=np.zeros(num_vertices),
            colors_b=np.zeros((num_vertices, 1)),
            texture_b=np.zeros((0, 0)),
            clockwise=False,
            backface_culling=True,
        )

    def run(self, vertices: Tensor) -> Tensor:
        """Draw forward, differentiate backward; `vertices` gets its gradient."""
        mesh = Mesh(vertices, self.workload.mesh.faces)
        projected = self.workload.renderer.project(mesh, self.workload.eyes)
        half = self.size / 2
        pixels = torch.stack([projected[..., 0], -projected[..., 1]], -1) * half + (half - 0.5)
        points, depths = (
            pixels.detach().double().numpy(),
            projected[..., 2].detach().double().numpy(),
        )
        images = np.empty((len(points), self.size, self.size, 1))
        grad_points = np.empty_like(points)
        z_buffer = np.empty((self.size, self.size))
        for i in range(len(points)):
            self._draw(points[i], depths[i], self.targets[i], images[i], z_buffer)
            grad_points[i] = self.scene.ij_b
        pixels.backward(torch.from_numpy(grad_points).to(pixels.dtype))
        return torch.from_numpy(images[..., 0])[:, None]

    def _draw(
        self,
        points: np.ndarray,
        depths: np.ndarray,
        target: np.ndarray,
        image: np.ndarray,
        z_buffer: np.ndarray,
    ) -> None:
        scene = self.scene
        scene.ij, scene.depths = points, depths
        scene.edgeflags = self.topology.edge_on_silhouette(points)
        deodr.renderScene(scene, 1.0, image, z_buffer, check_valid=False)
        for gradient in (scene.ij_b, scene.uv_b, scene.shade_b, scene.colors_b):
            gradient.fill(0)
        grad_image = 2 * (image - target)
        # the backward pass undoes the anti-aliasing of the image it is given
        deodr.renderSceneB(scene, 1.0, image.copy(), z_buffer, grad_image, check_valid=False)
