"""Where the images of a dataset are kept while training, and how much memory there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

PLACES = ("auto", "file", "cpu", "cuda")
SHARE = 2  # `auto` takes at most one part of this many of what is free
UNLIMITED = 1 << 60  # cgroups write this much, or more, where there is no limit


def choose_residence(
    wanted: str,
    num_bytes: int,
    device: torch.device,
    *,
    num_processes: int = 1,
    free_bytes: Callable[[torch.device], int] | None = None,
) -> tuple[str, str]:
    """Decide where images are kept: in the `file`, in the memory of the host, or on the GPU.

    Args:
        wanted: One of `PLACES`; `auto` takes the first of GPU (where training is on one) and host
            with half of its free memory to spare, else the file.
        num_bytes: Size of the images.
        device: Where training runs.
        num_processes: Processes on this host, each of which holds images of its own.
        free_bytes: Device -> its free memory; of this machine by default.

    Returns:
        `file`, `cpu` or `cuda`, and why.

    Raises:
        ValueError: If `cuda` is wanted but training is elsewhere, or the wanted place is too small.
    """
    free_bytes = free_bytes or free_memory
    if wanted == "cuda" and device.type != "cuda":
        raise ValueError(
            f"MultiViewDataModule: resident must be auto, file or cpu where training runs on "
            f"{device.type}, got 'cuda'"
        )
    if wanted == "file":
        return "file", "as dataset.resident says"
    host = torch.device("cpu")
    places = {"cpu": (host, num_processes), "cuda": (device, 1)}
    if wanted != "auto":
        place, copies = places[wanted]
        free = free_bytes(place)
        if 0 < free < num_bytes * copies:
            raise ValueError(
                f"MultiViewDataModule: resident={wanted} needs {_size(num_bytes * copies)} on "
                f"{place}, got {_size(free)} free; set dataset.resident=auto or file"
            )
        return wanted, f"as dataset.resident says, of {_size(free)} free"
    reasons = []
    for name in ("cuda", "cpu") if device.type == "cuda" else ("cpu",):
        place, copies = places[name]
        free = free_bytes(place)
        needed = f"{_size(num_bytes * copies)} of {_size(free)} free on {place}"
        if num_bytes * copies <= free // SHARE:
            return name, needed
        reasons.append(needed)
    return "file", f"more than half of what is free: {', '.join(reasons)}"


def free_memory(device: torch.device) -> int:
    """Give the free memory of a CUDA device or of the host, in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_host_memory()


def free_host_memory(root: Path = Path("/")) -> int:
    """Give the memory that this process may still take, in bytes; 0 where nobody says.

    The least of what the machine has available and what the control groups of the process allow,
    as batch systems and containers set them.

    Args:
        root: Where /proc and /sys are.
    """
    meminfo = root / "proc/meminfo"
    if not meminfo.is_file():
        return 0
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    free = int(fields["MemAvailable"].split()[0]) * 1024
    return max(0, min([free, *_allowances(root)]))


def _allowances(root: Path) -> list[int]:
    """Give what each control group of this process leaves: limit - use, but for file caches."""
    groups = root / "proc/self/cgroup"
    found = []
    for line in groups.read_text().splitlines() if groups.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        second = controllers == ""  # version 2 has one tree for all controllers
        tree = root / "sys/fs/cgroup" / ("" if second else "memory")
        names = (
            ("memory.max", "memory.current", "inactive_file")
            if second
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        folder = tree / path.lstrip("/")
        for each in (folder, *folder.parents):
            if each == tree.parent or not each.is_relative_to(tree):
                break
            left = _left(each, *names)
            found += [] if left is None else [left]
    return found


def _left(folder: Path, limit_name: str, used_name: str, cache_name: str) -> int | None:
    """Give what one control group leaves, or None where it sets no limit."""
    try:
        limit, used = ((folder / name).read_text().strip() for name in (limit_name, used_name))
        statistics = dict(
            line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines()
        )
    except OSError:  # the root has no limit; a container may not show the groups above its own
        return None
    if limit == "max" or int(limit) >= UNLIMITED:
        return None
    return int(limit) - int(used) + int(statistics.get(cache_name, 0))


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"
