"""The renderer layer: usable alone, needs torch and nothing else."""

from nr3d.ops.place import check_faults
from nr3d.renderer.appearance import (
    Appearance,
    CubeTextures,
    FaceColors,
    ImageTexture,
    Materials,
    VertexColors,
    appearance_of,
)
from nr3d.renderer.kato import kato_coverage, kato_edges, kato_silhouettes
from nr3d.renderer.lights import Lights
from nr3d.renderer.neural_renderer import NeuralRenderer
from nr3d.renderer.rasterize import Fragments, rasterize
from nr3d.renderer.rendering import Rendering

RENDERERS = {"kato": NeuralRenderer}

__all__ = [
    "RENDERERS",
    "Appearance",
    "CubeTextures",
    "FaceColors",
    "Fragments",
    "ImageTexture",
    "Lights",
    "Materials",
    "NeuralRenderer",
    "Rendering",
    "VertexColors",
    "appearance_of",
    "check_faults",
    "kato_coverage",
    "kato_edges",
    "kato_silhouettes",
    "rasterize",
]
