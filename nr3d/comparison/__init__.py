"""Gradients of the renderers side by side, one pixel at a time."""

from nr3d.comparison.any_mesh import compare_on_mesh
from nr3d.comparison.descent import descent, make_renderer
from nr3d.comparison.page import compare_on_triangle

__all__ = ["compare_on_mesh", "compare_on_triangle", "descent", "make_renderer"]
