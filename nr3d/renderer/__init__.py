"""The renderer layer: usable alone, needs torch and nothing else."""

from nr3d.renderer.kato import kato_edges, kato_silhouettes
from nr3d.renderer.neural_renderer import NeuralRenderer
from nr3d.renderer.rasterize import Fragments, rasterize

RENDERERS = {"kato": NeuralRenderer}

__all__ = [
    "RENDERERS",
    "Fragments",
    "NeuralRenderer",
    "kato_edges",
    "kato_silhouettes",
    "rasterize",
]
