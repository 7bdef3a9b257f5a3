"""The old name for the old interface."""

from __future__ import annotations

import sys
from types import ModuleType

from nr3d.compat import neural_renderer
from nr3d.compat.neural_renderer import adam, cameras, faces, files

# The files of the old packages; `mesh`, `rasterize` and `renderer` have the same names here.
OLD_MODULES: dict[str, ModuleType] = {
    "cross": faces,
    "get_points_from_angles": cameras,
    "lighting": faces,
    "load_obj": files,
    "look": cameras,
    "look_at": cameras,
    "optimizers": adam,
    "perspective": cameras,
    "projection": cameras,
    "save_obj": files,
    "vertices_to_faces": faces,
}


def install() -> None:
    """Make `import neural_renderer` give `nr3d.compat.neural_renderer`, in this process.

    So do imports from its old files, such as `from neural_renderer.load_obj import load_obj`. Call
    it before anything imports `neural_renderer`. A second call does nothing.

    Raises:
        RuntimeError: Another `neural_renderer` is imported already: code that holds it would go on
            using it.
    """
    present = sys.modules.get("neural_renderer")
    if present is not None and present is not neural_renderer:
        where = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"nr3d.compat.install: neural_renderer is already imported from {where}; call install "
            "before its first import"
        )
    prefix = neural_renderer.__name__
    for name, module in list(sys.modules.items()):
        if name == prefix or name.startswith(prefix + "."):
            sys.modules["neural_renderer" + name.removeprefix(prefix)] = module
    for name, module in OLD_MODULES.items():
        sys.modules[f"neural_renderer.{name}"] = module
