"""The report of `nr3d doctor`: complete, and with a remedy for each thing that can be missing."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from nr3d import doctor

STATUS: dict[str, Any] = {
    "runtime_version": 13000,
    "driver_version": 13010,
    "architectures": "75-real 90-real 90-virtual",
    "error": "",
    "devices": [("Some GPU", 9, 0)],
}


def by_subject(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in findings}


def test_this_machine_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    printed = capsys.readouterr().out
    for word in ("nr3d", "Python", "torch", "CUDA in nr3d", "rasterize", "kato_gradient"):
        assert word in printed


def test_a_triangle_is_drawn() -> None:
    assert doctor.examine_drawing("cpu").state == "works"


def test_a_device_that_cannot_draw_has_a_remedy() -> None:
    finding = doctor.examine_drawing("meta")
    assert "meta tensors" in finding.state
    assert finding.remedy == doctor.BUILD_WITH_CUDA


def test_a_good_gpu_needs_nothing() -> None:
    findings = doctor.examine_cuda(STATUS)
    assert not any(finding.remedy for finding in findings)
    assert by_subject(findings)["device 0"].state == "Some GPU, capability 9.0"


def test_a_build_without_cuda_says_so() -> None:
    assert doctor.examine_cuda(None)[0].state == "not built in"


def test_no_driver() -> None:
    status = STATUS | {"driver_version": 0, "devices": [], "error": "no driver here"}
    findings = by_subject(doctor.examine_cuda(status))
    assert "install NVIDIA's driver" in findings["CUDA driver"].remedy
    assert findings["devices"].state == "none (no driver here)"


def test_a_driver_too_old_for_the_runtime() -> None:
    findings = by_subject(doctor.examine_cuda(STATUS | {"driver_version": 12080}))
    assert findings["CUDA driver"].state == "supports CUDA 12.8"
    assert "580 or later" in findings["CUDA driver"].remedy
    assert "build with nvcc 12" in findings["CUDA driver"].remedy


def test_a_device_that_no_compiled_architecture_serves() -> None:
    findings = by_subject(doctor.examine_cuda(STATUS | {"devices": [("Old GPU", 7, 0)]}))
    assert findings["device 0"].remedy == "build with CUDAARCHS=70 pip install -e ."


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        ("75-real", (7, 5), True),
        ("75-real", (8, 0), False),
        ("80-real", (8, 6), True),
        ("86-real", (8, 0), False),
        ("90-virtual", (12, 0), True),
        ("90-virtual", (8, 9), False),
        ("80", (9, 0), True),
        ("90-real 120-real", (12, 0), True),
        ("native", (9, 0), True),
    ],
)
def test_which_code_runs_where(architectures: str, capability: tuple[int, int], runs: bool) -> None:
    assert doctor.runs_on(architectures, *capability) is runs


def test_a_missing_native_module_is_fatal_and_has_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    importer = builtins.__import__

    def without_native(name: str, *rest: Any, **more: Any) -> Any:
        if name == "nr3d" and "_C" in rest[2]:
            raise ImportError("no such module")
        return importer(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_native)
    found = by_subject(doctor.examine())["native module"]
    assert found.is_fatal
    assert found.state == "missing: no such module"
    assert found.remedy == "run pip install -e . in the checkout"
    assert doctor.main() == 1
    assert "missing" in capsys.readouterr().out


def test_a_missing_operation_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPS", ("rasterize", "knit"))
    found = by_subject(doctor.examine())["operations"]
    assert found.is_fatal
    assert "knit missing" in found.remedy


class Choosy:
    """Stands for the native module with a bad NR3D_ISA."""

    def instruction_set(self) -> str:
        raise ValueError("NR3D_ISA: the environment variable must be ...")


def test_a_bad_choice_of_instructions_is_fatal() -> None:
    found = by_subject(doctor._examine_ops(Choosy(), ""))["instructions"]
    assert found.is_fatal
    assert found.state.startswith("NR3D_ISA")
    assert found.remedy == "unset NR3D_ISA"


def test_a_missing_package_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package", "nor-this"))
    monkeypatch.setattr(doctor, "OPTIONAL", ("nor-this",))
    findings = by_subject(doctor.examine())
    needed, optional = findings["no-such-package"], findings["nor-this"]
    assert (needed.state, needed.remedy) == ("not installed", "pip install no-such-package")
    assert optional.remedy == "pip install nor-this (optional)"
