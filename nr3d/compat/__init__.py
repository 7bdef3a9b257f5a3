"""Old interfaces over this renderer, so that existing projects keep running."""

from nr3d.compat import neural_renderer as neural_renderer
from nr3d.compat.registration import install

__all__ = ["install", "neural_renderer"]
