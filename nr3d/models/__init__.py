"""Models: images to meshes."""

from nr3d.models.colors import VertexColorNetwork
from nr3d.models.decoder import DeformationDecoder, deform_template
from nr3d.models.encoder import KatoEncoder, SmallEncoder
from nr3d.models.mesh_deformer import MeshDeformer
from nr3d.models.residual import ResidualEncoder
from nr3d.models.resnet import ResNet18Encoder

MODELS = {"deform_icosphere": MeshDeformer}

__all__ = [
    "MODELS",
    "DeformationDecoder",
    "KatoEncoder",
    "MeshDeformer",
    "ResNet18Encoder",
    "ResidualEncoder",
    "SmallEncoder",
    "VertexColorNetwork",
    "deform_template",
]
