"""DEODR on the same work: one channel, closed meshes culled, no light, cameras made beforehand."""

from __future__ import annotations

import numpy as np
import torch
from deodr import differentiable_renderer as deodr
from deodr.triangulated_mesh import ColoredTriMesh, TriMesh
from torch import Tensor

from nr3d.geometry import Mesh

from .workloads import Workload

MIRROR = np.array([-1.0, 1.0, 1.0])  # our camera is left-handed, DEODR's is not


class DeodrScenes:
    """Its scenes and cameras: one image after another, in float64, with its own anti-aliasing."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        vertices = workload.mesh.vertices[0].double().numpy() * MIRROR
        faces = workload.mesh.faces.flip(1).numpy()  # mirroring turned them over
        self.mesh = ColoredTriMesh(faces, vertices, colors=np.ones((len(vertices), 1)))
        self.scene = deodr.Scene3D(sigma=1)
        self.scene.set_mesh(self.mesh)
        self.scene.set_light(light_directional=None, light_ambient=1.0)
        self.scene.set_background_color(np.zeros(1))
        self.cameras = [self._camera(eye) for eye in workload.eyes[:, 0].double().numpy()]
        self.targets = workload.targets.double().numpy()[:, 0, ..., None]

    def _camera(self, eye: np.ndarray) -> deodr.Camera:
        size = self.workload.renderer.image_size
        forward = -eye / np.linalg.norm(eye)
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, forward), forward])  # x right, y down, z forward
        focal = size / 2 / np.tan(np.radians(self.workload.renderer.viewing_angle))
        middle = size / 2 - 0.5
        intrinsic = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
        extrinsic = np.column_stack([axes * MIRROR, -axes @ eye])
        return deodr.Camera(extrinsic, intrinsic, size, size, checks=False)

    def run(self, mesh: Mesh) -> Tensor:
        """Draw forward, differentiate backward; `mesh.vertices` gets its gradient."""
        vertices = mesh.vertices.detach().double().numpy() * MIRROR
        grad_vertices = np.empty_like(vertices)
        images = np.empty_like(self.targets)
        for i, camera in enumerate(self.cameras):
            self.mesh.set_vertices(vertices[i])
            images[i] = self.scene.render(camera)
            self.scene.render_backward(2 * (images[i] - self.targets[i]))
            grad_vertices[i] = self.mesh._vertices_b  # where it leaves them
        mesh.vertices.grad = torch.from_numpy(grad_vertices * MIRROR).to(mesh.vertices)
        return torch.from_numpy(images[..., 0])[:, None]


class DeodrRasterizer:
    """Its rasterizer alone, called directly without its checks; our cameras project for it."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        faces = workload.mesh.faces.flip(1).numpy().astype(np.uint32)
        vertices = workload.mesh.vertices[0].double().numpy() * MIRROR
        self.topology = TriMesh(faces, vertices)
        self.size = workload.renderer.image_size
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

    def run(self, mesh: Mesh) -> Tensor:
        """Draw forward, differentiate backward; `mesh.vertices` gets its gradient."""
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
