"""The renderer layer: usable alone, needs torch and nothing else."""

from nr3d.ops.place import check_faults
from nr3d.renderer.antialias import antialias
from nr3d.renderer.antialias_renderer import AntialiasRenderer
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
from nr3d.renderer.opendr import opendr_edges
from nr3d.renderer.opendr_renderer import OpenDRRenderer
from nr3d.renderer.rasterize import Fragments, rasterize
from nr3d.renderer.rendering import Rendering
from nr3d.renderer.soft import soft_silhouettes
from nr3d.renderer.soft_renderer import SoftRenderer

RENDERERS = {
    "kato": NeuralRenderer,
    "opendr": OpenDRRenderer,
    "antialias": AntialiasRenderer,
    "soft": SoftRenderer,
}

__all__ = [
    "RENDERERS",
    "AntialiasRenderer",
    "Appearance",
    "CubeTextures",
    "FaceColors",
    "Fragments",
    "ImageTexture",
    "Lights",
    "Materials",
    "NeuralRenderer",
    "OpenDRRenderer",
    "Rendering",
    "SoftRenderer",
    "VertexColors",
    "antialias",
    "appearance_of",
    "check_faults",
    "kato_coverage",
    "kato_edges",
    "kato_silhouettes",
    "opendr_edges",
    "rasterize",
    "soft_silhouettes",
]
