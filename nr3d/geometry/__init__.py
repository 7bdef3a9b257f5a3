"""Meshes, cameras and what can be computed from them alone."""

from nr3d.geometry.camera import eye_from_angles, look, look_at, orthographic, perspective
from nr3d.geometry.converters import (
    camera_from_look_at,
    from_nmr_camera,
    from_opencv,
    from_opengl,
    from_pytorch3d,
    is_right_handed,
    to_nmr_camera,
    to_opencv,
    to_opengl,
    to_pytorch3d,
)
from nr3d.geometry.files import load_mesh, normalize
from nr3d.geometry.icosphere import icosphere
from nr3d.geometry.intrinsics import (
    intrinsics_from_nmr_camera,
    intrinsics_from_opengl,
    intrinsics_from_pytorch3d,
    intrinsics_from_viewing_angle,
    intrinsics_to_nmr_camera,
    intrinsics_to_opengl,
    intrinsics_to_pytorch3d,
)
from nr3d.geometry.mesh import LoadedMesh, Material, Mesh
from nr3d.geometry.mesh_writer import save_mesh
from nr3d.geometry.normals import face_normals, vertex_normals
from nr3d.geometry.obj import load_obj
from nr3d.geometry.obj_writer import save_obj
from nr3d.geometry.projection import projection
from nr3d.geometry.texture_cubes import atlas_from_cubes, cubes_from_texture
from nr3d.geometry.topology import edges_with_opposite_vertices
from nr3d.geometry.voxelize import voxelize, voxelize_surface

__all__ = [
    "LoadedMesh",
    "Material",
    "Mesh",
    "atlas_from_cubes",
    "camera_from_look_at",
    "cubes_from_texture",
    "edges_with_opposite_vertices",
    "eye_from_angles",
    "face_normals",
    "from_nmr_camera",
    "from_opencv",
    "from_opengl",
    "from_pytorch3d",
    "icosphere",
    "intrinsics_from_nmr_camera",
    "intrinsics_from_opengl",
    "intrinsics_from_pytorch3d",
    "intrinsics_from_viewing_angle",
    "intrinsics_to_nmr_camera",
    "intrinsics_to_opengl",
    "intrinsics_to_pytorch3d",
    "is_right_handed",
    "load_mesh",
    "load_obj",
    "look",
    "look_at",
    "normalize",
    "orthographic",
    "perspective",
    "projection",
    "save_mesh",
    "save_obj",
    "to_nmr_camera",
    "to_opencv",
    "to_opengl",
    "to_pytorch3d",
    "vertex_normals",
    "voxelize",
    "voxelize_surface",
]
