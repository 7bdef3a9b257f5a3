"""Train from a checkout: `python train.py [experiment] [key=value ...]`; see --help."""

from __future__ import annotations

import sys

from nr3d.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
