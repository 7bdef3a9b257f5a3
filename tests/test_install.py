"""The wheel, installed away from the checkout, builds its data and trains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "trainer.max_steps=2",
    "trainer.accelerator=cpu",
    "trainer.validate_every=2",
    "dataset.batch_size=2",
    "renderer.image_size=64",
]


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command to its end and give what it printed; fail with all of it."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env or dict(os.environ), capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel without CUDA from a clean copy of the sources."""
    pytest.importorskip("scikit_build_core")
    pytest.importorskip("nanobind")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("csrc", "nr3d", "configs", "datasets"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder]
    run(*pip, *options, source, cwd=folder, env={**os.environ, "NR3D_CUDA": "OFF"})
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment that borrows only the dependencies of this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    paths = {"base": str(folder / "env"), "platbase": str(folder / "env")}
    site_packages = Path(sysconfig.get_path("purelib", vars=paths))
    # A plain path line adds a folder without reading the .pth files in it, so that an editable
    # installation of nr3d stays behind.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    python = folder / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    return folder


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packaged = {name for name in names if ".dist-info/" not in name}
    assert all(name.startswith("nr3d/") for name in packaged)
    for name in (
        "nr3d/_share/configs/experiment/default.yaml",
        "nr3d/_share/datasets/synthetic.py",
    ):
        assert name in names
    assert any(name.startswith("nr3d/_C.") and name.endswith(".so") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_two_steps_from_an_unrelated_folder(elsewhere: Path) -> None:
    folder = elsewhere / "unrelated"
    folder.mkdir()
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    program = elsewhere / "env" / "bin" / "nr3d"
    where = "import nr3d, nr3d._C as c; print(nr3d.__file__, c.__file__)"
    found = run(program.with_name("python"), "-c", where, cwd=folder, env=env).split()
    assert all(Path(file).is_relative_to(elsewhere / "env") for file in found)
    build = ["dataset", "build", "synthetic", "-o", "data/synthetic.h5", "--objects", "24"]
    (folder / "data").mkdir()
    run(program, *build, cwd=folder, env=env)
    run(program, "train", *SMALL, cwd=folder, env=env)
    (trained,) = (folder / "runs" / "default").iterdir()
    for name in ("config.yaml", "checkpoints/last.ckpt", "report.json"):
        assert (trained / name).is_file(), name


def test_a_local_configs_folder_wins(elsewhere: Path) -> None:
    folder = elsewhere / "with_configs"
    shutil.copytree(ROOT / "configs", folder / "configs")
    mine = folder / "configs" / "experiment" / "mine.yaml"
    shutil.copy(folder / "configs" / "experiment" / "default.yaml", mine)
    program = elsewhere / "env" / "bin" / "nr3d"
    printed = run(program, "train", "mine", "seed=12", "--print", cwd=folder)
    assert "seed: 12" in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            [],
            "nr3d needs a C++17 compiler and found none; install one (Debian, Ubuntu: apt",
        ),
        (["-DNR3D_CUDA=ON"], "NR3D_CUDA=ON, but no CUDA compiler was found; put nvcc on PATH"),
        (["-DNR3D_CUDA=MAYBE"], "NR3D_CUDA must be AUTO, ON or OFF, got MAYBE"),
    ],
    ids=["no compiler", "no nvcc", "no such choice"],
)
def test_what_is_missing_for_a_build_is_named(
    settings: list[str], message: str, tmp_path: Path
) -> None:
    cmake, ninja, compiler = (shutil.which(name) for name in ("cmake", "ninja", "c++"))
    if not (cmake and ninja and compiler):
        pytest.skip("no cmake, ninja or c++ to build with")
    command = [cmake, "-S", str(ROOT), "-B", str(tmp_path), "-G", "Ninja"]
    command += [f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DCMAKE_CUDA_COMPILER=", *settings]
    path = "/usr/bin:/bin" if settings else "/nonexistent"
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())
