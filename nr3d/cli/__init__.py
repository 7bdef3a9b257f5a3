"""The command line: nr3d train | evaluate | report | export | reconstruct | render | ..."""

from nr3d.cli.program import main, parse

__all__ = ["main", "parse"]
