"""Find and run dataset recipes: Python files that turn a source into a dataset.

A recipe defines `add_arguments(parser)`, `build(arguments)`, `verify(path)`; one that can check its
source (`-i`) too defines `verify_source(arguments)`, and one that knows which objects and splits
its files must have `verify_index(path, index)`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import h5py

import nr3d
from nr3d.checks import check_choice, check_count
from nr3d.data.format import Index
from nr3d.data.verify import verify_dataset

PACKAGE = Path(nr3d.__file__).parent


def recipe_folders() -> list[Path]:
    """Give the folders that hold recipes, the first wins: ./datasets, a checkout, the package."""
    folders = [Path("datasets"), PACKAGE / "_share" / "datasets"]
    if (PACKAGE.parent / "pyproject.toml").is_file():
        folders.insert(1, PACKAGE.parent / "datasets")
    return [folder for folder in folders if folder.is_dir()]


def recipe_names() -> list[str]:
    """List the recipes that `find_recipe` knows."""
    found = {file.stem for folder in recipe_folders() for file in folder.glob("[a-z]*.py")}
    return sorted(found)


def find_recipe(name: str) -> Path:
    """Give the file of a recipe.

    Raises:
        ValueError: There is no such recipe; the message lists what there is.
    """
    check_choice("find_recipe", "name", name, recipe_names())
    for folder in recipe_folders():
        file = folder / f"{name}.py"
        if file.is_file():
            return file.resolve()
    raise AssertionError(name)


def load_recipe(name: str) -> ModuleType:
    """Import a recipe by name."""
    return load_recipe_file(find_recipe(name))


def load_recipe_file(file: Path) -> ModuleType:
    """Import a recipe by file, once."""
    module_name = f"nr3d_recipe_{file.stem}"
    loaded = sys.modules.get(module_name)
    if loaded is not None and Path(str(loaded.__file__)) == file:
        return loaded
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None and spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def build(name: str, argv: Sequence[str]) -> Path:
    """Run a recipe with command-line arguments (`--help` lists them).

    Returns:
        The dataset.

    Raises:
        ValueError: Unknown recipe, or a source that cannot be used.
        FileNotFoundError: The source does not exist.
    """
    return run(load_recipe(name), argv, prog=f"nr3d dataset build {name}")


def verify(path: Path) -> Index:
    """Check every image of a dataset, and what its recipe knows of its objects and splits.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Something is wrong; the message names the first objects concerned.
    """
    index = verify_dataset(path)
    name = index.header.recipe.split(",")[0]
    if name in recipe_names():
        check = getattr(load_recipe(name), "verify_index", None)
        if check is not None:
            check(path, index)
    return index


def run(module: ModuleType, argv: Sequence[str], *, prog: str | None = None) -> Path:
    """Run an imported recipe with command-line arguments.

    Returns:
        The dataset, or the source where only that was checked.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args(argv)
    check_count("dataset build", "--workers", arguments.workers, at_least=0)
    if arguments.limit is not None:
        check_count("dataset build", "--limit", arguments.limit)
    has_source = hasattr(module, "verify_source") and arguments.input is not None
    if arguments.output is None and not (arguments.verify and has_source):
        parser.error("the following arguments are required: -o/--output")
    if not arguments.verify:
        check_output(arguments.output)
        module.build(arguments)
        return Path(arguments.output)
    if has_source:
        module.verify_source(arguments)
    if arguments.output is not None:
        module.verify(arguments.output)
    return Path(arguments.output or arguments.input)


def check_output(path: Path) -> None:
    """Check, before hours of work, that a file can be written.

    Raises:
        ValueError: The path is a folder or a file of another kind, which is not overwritten, or
            nothing can be written beside it.
    """
    if path.is_dir():
        raise ValueError(
            f"dataset build: -o must be a file, got the folder {path}; name a file in it, "
            f"as {path / 'data.h5'}"
        )
    if path.is_file() and not h5py.is_hdf5(path):
        raise ValueError(
            f"dataset build: -o must be an HDF5 file or a new one, got {path}, which is of another "
            "kind; move it or name another file"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"dataset build: -o must be in a folder that can be written to, got {path} "
            f"({error.strerror}); name another place"
        ) from error


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every recipe understands: output, workers, limit, verify."""
    parser.add_argument("-o", "--output", type=Path, help="the HDF5 file to write")
    parser.add_argument(
        "--workers", type=int, default=2, help="processes; 0 works in this one (default 2)"
    )
    parser.add_argument(
        "--limit", type=int, default=None, metavar="N", help="only the first N objects"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check the source (-i), where a recipe can, and every image of an existing file (-o)",
    )
