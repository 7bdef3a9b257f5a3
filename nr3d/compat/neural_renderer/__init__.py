"""The interface of the two `neural_renderer` libraries: names, arguments, defaults and orders.

Their users change one import (docs/from_neural_renderer.md); new code is better off with
`nr3d.renderer`. Where the original (Chainer) and its PyTorch port differ the port counts; known
defects of both are mended. Tensors may be on the CPU too; gradients flow as they did.
"""

from nr3d.compat.neural_renderer.adam import Adam
from nr3d.compat.neural_renderer.cameras import (
    get_points_from_angles,
    look,
    look_at,
    perspective,
    projection,
)
from nr3d.compat.neural_renderer.faces import cross, lighting, vertices_to_faces
from nr3d.compat.neural_renderer.files import load_obj, save_obj
from nr3d.compat.neural_renderer.mesh import Mesh
from nr3d.compat.neural_renderer.rasterize import (
    Rasterize,
    rasterize,
    rasterize_depth,
    rasterize_rgbad,
    rasterize_silhouettes,
    use_unsafe_rasterizer,
)
from nr3d.compat.neural_renderer.renderer import Renderer

__version__ = "1.1.3"

__all__ = [
    "Adam",
    "Mesh",
    "Rasterize",
    "Renderer",
    "cross",
    "get_points_from_angles",
    "lighting",
    "load_obj",
    "look",
    "look_at",
    "perspective",
    "projection",
    "rasterize",
    "rasterize_depth",
    "rasterize_rgbad",
    "rasterize_silhouettes",
    "save_obj",
    "use_unsafe_rasterizer",
    "vertices_to_faces",
]
