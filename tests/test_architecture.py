"""Who may import whom: the table of docs/architecture.md, enforced."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EVERYTHING = frozenset(
    "build checks commands comparison compat config data doctor geometry losses metrics models "
    "ops optim picture renderer report schema training visualize _C".split()
)
LIBRARIES = EVERYTHING - {
    "schema",
    "build",
    "commands",
    "comparison",
    "doctor",
    "report",
    "_C",
}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Room:
    """What a part may import: from nr3d, from outside, and from outside within functions only."""

    nr3d: frozenset[str]
    outside: frozenset[str]
    where_used: frozenset[str] = frozenset()


ROOMS = {
    "": Room(words(""), words("")),
    "checks": Room(words(""), words("torch")),
    "ops": Room(words("checks _C"), words("torch numpy")),
    "geometry": Room(words("checks ops"), words("torch numpy"), words("trimesh PIL")),
    "renderer": Room(words("checks ops geometry"), words("torch")),
    "compat": Room(words("checks geometry renderer optim"), words("torch")),
    "optim": Room(words("checks"), words("torch")),
    "models": Room(words("checks geometry"), words("torch"), words("torchvision")),
    "losses": Room(words("checks geometry"), words("torch")),
    "metrics": Room(words("checks geometry"), words("torch numpy"), words("scipy")),
    "data": Room(words("checks geometry"), words("torch numpy h5py rich"), words("PIL")),
    "visualize": Room(words("checks geometry"), words("torch numpy"), words("PIL matplotlib")),
    "picture": Room(words("checks geometry renderer visualize"), words("torch")),
    "comparison": Room(
        words("checks geometry renderer visualize"), words("torch numpy"), words("PIL")
    ),
    "training": Room(
        LIBRARIES - {"config"}, words("torch numpy pytorch_lightning rich"), words("PIL wandb")
    ),
    "schema": Room(words(""), words("")),
    "config": Room(words("schema"), words("omegaconf")),
    "build": Room(EVERYTHING, words("torch pytorch_lightning omegaconf rich")),
    "commands": Room(EVERYTHING, words("torch pytorch_lightning omegaconf rich")),
    "cli": Room(EVERYTHING, words("rich")),
    "report": Room(EVERYTHING - {"commands"}, words("torch numpy")),
    "doctor": Room(words("ops _C"), words("torch rich")),
}
RECIPES = Room(LIBRARIES - {"training", "config"}, words("numpy torch h5py rich PIL trimesh"))


@dataclass(frozen=True)
class Import:
    module: str
    is_inside_function: bool


def imports_of(tree: ast.AST, *, inside: bool = False) -> Iterator[Import]:
    """List the imports of a file; those for type checkers only are no imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, inside)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name nr3d in full"
            assert node.module
            for alias in node.names:
                whole = node.module == "nr3d"
                yield Import(f"nr3d.{alias.name}" if whole else node.module, inside)
        else:
            function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from imports_of(node, inside=inside or function)


def complaints(path: Path, room: Room, own: str) -> list[str]:
    found = []
    for entry in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
        top, _, rest = entry.module.partition(".")
        if top == "nr3d":
            name = rest.partition(".")[0]
            fits = name == own or name in room.nr3d or name == ""
        else:
            fits = top in room.outside or top in sys.stdlib_module_names
            fits |= top in room.where_used and entry.is_inside_function
        if not fits:
            found.append(f"{path.relative_to(ROOT)} imports {entry.module}")
    return found


def room_of(path: Path) -> str:
    """Give the part of nr3d that a file belongs to: its folder, or its own name at the top."""
    parts = path.relative_to(ROOT / "nr3d").with_suffix("").parts
    return "" if parts[0] == "__init__" else parts[0]


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no Python files in {folder}"
    return found


def test_every_file_of_nr3d_keeps_to_the_table() -> None:
    wrong = []
    for path in sources("nr3d"):
        name = room_of(path)
        assert name in ROOMS, f"{path.relative_to(ROOT)} is in no row of the table"
        wrong += complaints(path, ROOMS[name], name)
    assert wrong == ["nr3d/data/datamodule.py imports pytorch_lightning"]


def test_every_recipe_keeps_to_the_table() -> None:
    names = [path.stem for path in sources("datasets")]
    room = replace(RECIPES, outside=RECIPES.outside.union(names))  # they build on one another
    assert [each for path in sources("datasets") for each in complaints(path, room, "")] == []


def test_wandb_and_the_compiled_module_have_few_importers() -> None:
    importers = {"wandb": {"wandb_logger.py"}, "nr3d._C": {"place.py", "inputs.py", "doctor.py"}}
    for path in sources("nr3d"):
        for entry in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
            for module, files in importers.items():
                if entry.module == module or entry.module.startswith(module + "."):
                    assert path.name in files, f"{path.name} imports {module}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("geometry", "import trimesh"),
        ("renderer", "def f():\n    import pytorch_lightning"),
        ("models", "from torchvision.models import resnet18"),
        ("checks", "from nr3d.renderer import rasterize"),
        ("optim", "from nr3d.losses import smoothness_loss"),
    ],
)
def test_the_table_bites(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "imagined.py"
    path.write_text(text)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert complaints(path, ROOMS[name], name)


def test_importing_the_renderer_loads_torch_only() -> None:
    heavy = "pytorch_lightning lightning wandb h5py omegaconf torchvision trimesh PIL scipy rich"
    code = (
        "import sys, nr3d.renderer\n"
        f"loaded = [name for name in {heavy.split()} if name in sys.modules]\n"
        "raise SystemExit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_table_names_only_what_exists() -> None:
    for name in set(ROOMS) - {""}:
        path = ROOT / "nr3d" / name
        assert path.is_dir() or path.with_suffix(".py").is_file(), f"there is no nr3d.{name}"


def test_native_code_knows_nothing_of_torch_or_python() -> None:
    forbidden = re.compile(r"^(torch|ATen|c10|Python\.h|pybind11|numpy)")
    for path in sorted((ROOT / "csrc").iterdir()):
        if path.suffix not in (".h", ".cpp", ".cu"):
            continue
        for header in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)', path.read_text(), re.M):
            assert not forbidden.match(header), f"{path.name} includes {header}"
            if header.startswith("nanobind"):
                assert path.name == "bind.cpp", f"{path.name} includes {header}"


def test_package_init_files_hold_no_logic() -> None:
    plain = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    for path in sources("nr3d"):
        if path.name != "__init__.py":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            assert is_docstring or isinstance(node, plain), f"{path}: {ast.unparse(node)}"
