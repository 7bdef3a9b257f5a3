"""The renderer layer: usable alone, needs torch and nothing else."""

from nr3d.renderer.kato import kato_edges
from nr3d.renderer.neural_renderer import NeuralRenderer
from nr3d.renderer.rasterize import Fragments, rasterize, rasterize_face_index

RENDERERS = {"kato": NeuralRenderer}

__all__ = [
    "RENDERERS",
    "Fragments",
    "NeuralRenderer",
    "kato_edges",
    "rasterize",
    "rasterize_face_index",
]
