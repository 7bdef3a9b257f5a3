"""Models: images to meshes."""

from nr3d.models.decoder import DeformationDecoder, deform_template
from nr3d.models.encoder import KatoEncoder, SmallEncoder
from nr3d.models.mesh_deformer import MeshDeformer

MODELS = {"deform_icosphere": MeshDeformer}

__all__ = [
    "MODELS",
    "DeformationDecoder",
    "KatoEncoder",
    "MeshDeformer",
    "SmallEncoder",
    "deform_template",
]
