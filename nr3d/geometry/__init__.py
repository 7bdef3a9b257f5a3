"""Meshes, cameras and what can be computed from them alone."""

from nr3d.geometry.camera import eye_from_angles, look, look_at, orthographic, perspective
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.mesh import Mesh
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.geometry.voxelize import voxelize, voxelize_surface

__all__ = [
    "Mesh",
    "edges_with_opposite_vertices",
    "eye_from_angles",
    "icosphere",
    "look",
    "look_at",
    "orthographic",
    "perspective",
    "voxelize",
    "voxelize_surface",
]
