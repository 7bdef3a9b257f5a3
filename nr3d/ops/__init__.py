"""The native kernels as torch operators, `torch.ops.nr3d.*`.

Everything a kernel relies on is checked here, once: dtype, shape, device, finite values, indices
in range. Inputs are made contiguous and outputs allocated here. Addresses and sizes go on to
`nr3d._C`.
"""

from nr3d.ops import (
    cubes,
    depth,
    interpolate,
    kato,
    project,
    rasterize,
    silhouettes,
    soft,
    voxelize,
)
from nr3d.ops.inputs import check_mesh

__all__ = [
    "check_mesh",
    "cubes",
    "depth",
    "interpolate",
    "kato",
    "project",
    "rasterize",
    "silhouettes",
    "soft",
    "voxelize",
]
