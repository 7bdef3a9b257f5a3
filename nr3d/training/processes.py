"""Which of several training processes this one is, before and after Lightning connects them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only


def is_main_process() -> bool:
    """Tell whether this is the process that writes: the first one of the first machine.

    Lightning reads the rank from the variables of torchrun, SLURM and its own launcher; the first
    process of a further machine that was started by hand knows its machine only.
    """
    return getattr(rank_zero_only, "rank", 0) == 0 and os.environ.get("NODE_RANK", "0") == "0"


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time through, by a lock on `path`.lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
        yield
