"""`nr3d doctor`: what is installed, what the machine offers, and how to mend what is missing."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

OPS = (
    "project",
    "rasterize",
    "silhouettes",
    "kato_gradient",
    "depth_gradient",
    "interpolate_vertices",
    "sample_cubes",
    "voxelize",
)
OPTIONAL = ("torchvision", "wandb")
PACKAGES = ("pytorch-lightning", "torchvision", "h5py", "omegaconf", "trimesh", "wandb")

BUILD_WITH_CUDA = "put nvcc on PATH and run NR3D_CUDA=ON pip install -e . again"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is empty where nothing is wrong."""

    subject: str
    state: str
    remedy: str = ""
    is_fatal: bool = False


def main() -> int:
    """Print the report.

    Returns:
        The exit code: 0, or 1 where nr3d cannot render on the CPU.
    """
    findings = examine()
    table = Table("", "found", "to do", title="nr3d doctor", title_justify="left")
    for finding in findings:
        table.add_row(finding.subject, finding.state, finding.remedy)
    Console().print(table)
    return int(any(finding.is_fatal for finding in findings))


def examine() -> list[Finding]:
    """Look at versions, operations and devices; never raises for what is missing."""
    native, complaint = _load_native()
    return [
        *_examine_versions(),
        *_examine_ops(native, complaint),
        *(examine_cuda(native.cuda_status()) if native else []),
        *_examine_torch_devices(),
        *(examine_drawing(device) for device in _devices() if native),
    ]


def examine_cuda(status: dict[str, Any] | None) -> list[Finding]:
    """Judge the native device query.

    Args:
        status: What `nr3d._C.cuda_status()` gave: runtime_version and driver_version (as 1000 *
            major + 10 * minor; driver 0 where there is none), architectures as CMake names them,
            error, devices as (name, major, minor); None for a build without CUDA.
    """
    if status is None:
        remedy = BUILD_WITH_CUDA if torch.cuda.is_available() else ""
        return [Finding("CUDA in nr3d", "not built in", remedy)]
    runtime, driver = status["runtime_version"], status["driver_version"]
    findings = [
        Finding("CUDA in nr3d", format_cuda(runtime)),
        Finding("architectures in nr3d", status["architectures"]),
        _judge_driver(runtime, driver),
    ]
    for index, (name, major, minor) in enumerate(status["devices"]):
        remedy = ""
        if not runs_on(status["architectures"], major, minor):
            remedy = f"build with CUDAARCHS={major}{minor} pip install -e ."
        findings.append(Finding(f"device {index}", f"{name}, capability {major}.{minor}", remedy))
    if not status["devices"]:
        findings.append(Finding("devices", f"none ({status['error'] or 'the driver lists none'})"))
    return findings


def runs_on(architectures: str, major: int, minor: int) -> bool:
    """Tell whether code for `architectures` runs on a device of capability `major`.`minor`.

    Machine code (`-real`, or no suffix) runs on its own major version from its minor on; PTX
    (`-virtual`, or no suffix) on its own version and everything later.

    >>> runs_on("75-real 90-real 90-virtual", 10, 0)
    True
    >>> runs_on("75-real 90-real", 8, 6)
    False
    """
    capability = 10 * major + minor
    for entry in architectures.split():
        number, _, kind = entry.partition("-")
        if not number.isdigit():
            return True  # all, native, 90a: CMake's own words say nothing that could be compared
        wanted = int(number)
        same_major = wanted // 10 == major and wanted <= capability
        if (kind != "virtual" and same_major) or (kind != "real" and wanted <= capability):
            return True
    return False


def format_cuda(number: int) -> str:
    """Write CUDA's version number as people do: 13.0 for 13000."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _judge_driver(runtime: int, driver: int) -> Finding:
    if driver == 0:
        return Finding("CUDA driver", "none", "install NVIDIA's driver to use a GPU")
    if driver // 1000 < runtime // 1000:
        remedy = (
            f"update the driver (CUDA 13 needs 580 or later), or build with nvcc {driver // 1000}"
        )
        return Finding("CUDA driver", f"supports CUDA {format_cuda(driver)}", remedy)
    return Finding("CUDA driver", f"supports CUDA {format_cuda(driver)}")


def examine_drawing(device: str) -> Finding:
    """Draw a triangle on a device: what is built in may still not run there."""
    subject = f"drawing on {device}"
    triangle = torch.tensor([[[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [0.0, 1.0, 2.0]]])
    try:
        face_index = torch.ops.nr3d.rasterize(
            triangle.to(device), torch.tensor([[0, 1, 2]]).to(device), 4, 4, 0.1, 100.0, True
        )[0]
        covered = int((face_index >= 0).sum())
    except (RuntimeError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        remedy = BUILD_WITH_CUDA if device != "cpu" else "run pip install -e . again"
        return Finding(subject, first_line, remedy, is_fatal=device == "cpu")
    if covered != 8:
        return Finding(subject, f"{covered} of 8 pixels", "report this", is_fatal=device == "cpu")
    return Finding(subject, "works")


def _devices() -> list[str]:
    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def _load_native() -> tuple[Any, str]:
    try:
        from nr3d import _C, ops  # noqa: F401 - ops registers torch.ops.nr3d
    except (ImportError, OSError) as error:
        return None, str(error)
    return _C, ""


def _examine_versions() -> list[Finding]:
    findings = [
        Finding("nr3d", _version("nr3d") or "not installed", _install_hint("nr3d")),
        Finding(
            "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
        ),
        Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads"),
    ]
    for name in PACKAGES:
        findings.append(Finding(name, _version(name) or "not installed", _install_hint(name)))
    return findings


def _examine_ops(native: Any, complaint: str) -> list[Finding]:
    if native is None:
        remedy = "run pip install -e . in the checkout"
        return [Finding("native module", f"missing: {complaint}", remedy, is_fatal=True)]
    try:
        instructions = Finding("instructions", native.instruction_set())
    except ValueError as error:
        instructions = Finding("instructions", str(error), "unset NR3D_ISA", is_fatal=True)
    missing = [name for name in OPS if not hasattr(torch.ops.nr3d, name)]
    present = ", ".join(name for name in OPS if name not in missing)
    if missing:
        remedy = f"{', '.join(missing)} missing: rebuild by pip install -e ."
        return [instructions, Finding("operations", present, remedy, is_fatal=True)]
    return [instructions, Finding("operations", present)]


def _examine_torch_devices() -> list[Finding]:
    cuda = torch.version.cuda
    if cuda is None:
        return [Finding("CUDA in torch", "none: a CPU build")]
    if not torch.cuda.is_available():
        return [Finding("CUDA in torch", f"{cuda}, sees no device")]
    return [Finding("CUDA in torch", f"{cuda}, {torch.cuda.device_count()} devices")]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _install_hint(package: str) -> str:
    if _version(package):
        return ""
    if package == "nr3d":
        return "run pip install -e . in the checkout"
    return f"pip install {package}" + (" (optional)" if package in OPTIONAL else "")
