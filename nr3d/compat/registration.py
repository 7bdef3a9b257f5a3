"""The old name for the old interface."""

from __future__ import annotations

import sys

from nr3d.compat import neural_renderer


def install() -> None:
    """Make `import neural_renderer` give `nr3d.compat.neural_renderer`, in this process.

    Call it before anything imports `neural_renderer`. A second call does nothing.

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
