"""Finding and running recipes; building goes on, skips what is broken, and says so."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nr3d.data.building import Job, build_dataset
from nr3d.data.format import ObjectRecord, read_index
from nr3d.data.multiview import MultiViewDataset
from nr3d.data.recipes import build, find_recipe, load_recipe, load_recipe_file, recipe_names
from nr3d.data.writer import RecordCache
from tests.data.conftest import HEADER

RECIPE = '''"""A recipe for the tests."""
import sys
from dataclasses import replace
from tests.data.conftest import make_tiny_record

CALLS = []

def make_record(job):
    CALLS.append(job.id)
    if job.settings["number"] == 2:
        raise ValueError("no faces")
    return replace(make_tiny_record(job.settings["number"]), id=job.id, category=job.category)
'''


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny_recipe.py"
    path.write_text(RECIPE)
    return path


def jobs(count: int) -> list[Job]:
    return [Job(f"job {row}", row % 2, {"number": row}) for row in range(count)]


def test_shipped_recipes_are_found() -> None:
    shipped = {"furniture", "meshes", "openhome", "pybullet", "synthetic"}
    assert shipped <= set(recipe_names())
    for name in shipped:
        module = load_recipe(name)
        assert callable(module.build) and callable(module.verify)
        module.add_arguments(argparse.ArgumentParser())


def test_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(ValueError, match="one of furniture, .*, got 'furnitur'; did you mean furn"):
        find_recipe("furnitur")


def test_local_recipe_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "meshes.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert find_recipe("meshes") == tmp_path / "datasets" / "meshes.py"
    assert find_recipe("furniture").parent != tmp_path / "datasets"


@pytest.mark.parametrize("name", ["furniture", "meshes", "openhome", "pybullet", "synthetic"])
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        build(name, ["--help"])
    assert f"nr3d dataset build {name}" in capsys.readouterr().out


def test_broken_objects_are_skipped_by_name(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.h5"
    report = build_dataset(path, recipe=recipe, jobs=jobs(5), header=HEADER)
    assert report.num_objects == 4 and report.skipped == {"job 2": "no faces"}
    assert "skipped job 2: no faces" in capsys.readouterr().err
    index = read_index(path)
    assert index.ids == ("job 0", "job 1", "job 3", "job 4")
    assert index.header.card["skipped"] == "1" and "hollow" in index.header.card
    left = {file.name for file in tmp_path.iterdir()} - {"__pycache__"}
    assert left == {"out.h5", "tiny_recipe.py"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--workers", "-1", "dataset build: --workers must be at least 0, got -1"),
        ("--limit", "0", "dataset build: --limit must be at least 1, got 0"),
        ("--objects", "0", "synthetic: --objects must be at least 1, got 0"),
        ("--seed", "-1", "synthetic: --seed must be at least 0, got -1"),
    ],
)
def test_bad_options(tmp_path: Path, option: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("synthetic", ["-o", str(tmp_path / "s.h5"), f"{option}={value}"])


@contextmanager
def killed_at(module: ModuleType, number: int) -> Iterator[None]:
    """Interrupt the build inside when it comes to an object."""
    original = module.make_record

    def make_record(job: Job) -> object:
        if job.settings["number"] == number:
            raise KeyboardInterrupt
        return original(job)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "make_record", make_record)
        yield


def test_a_killed_build_goes_on(tmp_path: Path, recipe: Path) -> None:
    path = tmp_path / "out.h5"
    module = load_recipe_file(recipe)
    with killed_at(module, 4):
        build_dataset(path, recipe=recipe, jobs=jobs(6), header=HEADER)
    assert module.CALLS == ["job 0", "job 1", "job 2", "job 3"] and not path.exists()
    build_dataset(path, recipe=recipe, jobs=jobs(6), header=HEADER)
    assert module.CALLS[4:] == [
        "job 2",
        "job 4",
        "job 5",
    ]  # somebody may have mended the broken one
    assert read_index(path).ids == ("job 0", "job 1", "job 3", "job 4", "job 5")


def test_what_was_made_of_another_source_is_made_anew(tmp_path: Path, recipe: Path) -> None:
    path = tmp_path / "out.h5"
    module = load_recipe_file(recipe)
    with killed_at(module, 4):
        build_dataset(path, recipe=recipe, jobs=jobs(6), header=HEADER)
    changed = [
        replace(job, settings={"number": 7}) if job.id == "job 1" else job for job in jobs(4)
    ]
    del module.CALLS[:]
    build_dataset(path, recipe=recipe, jobs=changed, header=HEADER)
    assert module.CALLS == ["job 1", "job 2"]
    assert (
        MultiViewDataset(path, split="train").file.images(np.array([1]), np.array([[0]]))[
            0, 0, 0, 3, 3
        ]
        == 7
    )


def test_what_was_made_of_changed_files_is_made_anew(tmp_path: Path, recipe: Path) -> None:
    module = load_recipe_file(recipe)
    models = [tmp_path / "in" / f"{row}" / "model.obj" for row in range(6)]
    for model in models:
        model.parent.mkdir(parents=True)
        model.touch()
    of_files = [  # even ones are made of a file, odd ones of a folder
        replace(job, settings={**job.settings, "of": str(model if row % 2 == 0 else model.parent)})
        for row, (job, model) in enumerate(zip(jobs(6), models, strict=True))
    ]

    def make() -> None:
        build_dataset(tmp_path / "out.h5", recipe=recipe, jobs=of_files, header=HEADER)

    with killed_at(module, 4):
        make()
    (models[1].parent / "lost.png").symlink_to("nowhere")
    models[0].write_text("mended")
    models[3].write_text("mended")
    del module.CALLS[:]
    make()
    assert module.CALLS == [f"job {row}" for row in range(6)]  # 2 is the broken one


def test_a_full_disk_is_no_broken_object(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.h5"
    save = RecordCache.save

    def full(cache: RecordCache, record: ObjectRecord) -> None:
        if record.id == "job 3":
            raise OSError(errno.ENOSPC, "No space left on device")
        save(cache, record)

    with monkeypatch.context() as patch:
        patch.setattr(RecordCache, "save", full)
        with pytest.raises(OSError, match="No space left on device"):
            build_dataset(path, recipe=recipe, jobs=jobs(5), header=HEADER)
    recipe.write_text(RECIPE.replace('ValueError("no faces")', 'OSError(errno.EMFILE, "too many")'))
    recipe.write_text(recipe.read_text().replace("import sys", "import errno"))
    full_of_handles = recipe.rename(tmp_path / "handles_recipe.py")
    with pytest.raises(OSError, match="too many"):
        build_dataset(path, recipe=full_of_handles, jobs=jobs(5), header=HEADER)
    full_of_handles.rename(recipe).write_text(RECIPE)
    build_dataset(path, recipe=recipe, jobs=jobs(5), header=HEADER)
    assert read_index(path).ids == ("job 0", "job 1", "job 3", "job 4")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", r"-o must be a file, got the folder .*; name a file in it, as .*data.h5"),
        (
            "taken/s.h5",
            r"-o must be in a folder that can be written to, got .*s.h5 .(Not a|File exists)",
        ),
    ],
)
def test_output_that_cannot_be_written(tmp_path: Path, output: str, message: str) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(ValueError, match=f"dataset build: {message}"):
        build("synthetic", ["-o", str(tmp_path / output)])


def test_output_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "archive.zip"
    source.write_bytes(b"PK, and hours of downloading")
    with pytest.raises(
        ValueError, match=r"-o must be an HDF5 file or a new one, got .*archive.zip"
    ):
        build("synthetic", ["-o", str(source)])
    assert source.read_bytes().startswith(b"PK")


def test_what_a_recipe_warns_about_is_told_in_the_end(
    tmp_path: Path,
    recipe: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "out.h5"
    begin = "def make_record(job):\n"
    twice = "    import warnings\n" + '    warnings.warn("no image")\n' * 2
    recipe.write_text(RECIPE.replace(begin, begin + twice))
    module = load_recipe_file(recipe)
    with killed_at(module, 4):
        build_dataset(path, recipe=recipe, jobs=jobs(6), header=HEADER)
    report = build_dataset(path, recipe=recipe, jobs=jobs(6), header=HEADER)
    warned = [f"job {number}" for number in (0, 1, 3, 4, 5)]  # before and after the stop
    assert report.warned == dict.fromkeys(warned, "no image") and list(report.skipped) == ["job 2"]
    printed = capsys.readouterr().err
    assert printed.count(": no image\n") == 5 and "warned about job 0: no image" in printed
    assert read_index(path).header.card["warned about"] == "5"


def test_nothing_usable_is_an_error(tmp_path: Path, recipe: Path) -> None:
    with pytest.raises(ValueError, match="got none: all 1 were skipped; the first: .*no faces"):
        build_dataset(tmp_path / "o.h5", recipe=recipe, jobs=jobs(3)[2:], header=HEADER)
    with pytest.raises(ValueError, match="must get at least one object, got none: all 0"):
        build_dataset(tmp_path / "o.h5", recipe=recipe, jobs=[], header=HEADER)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("o.h5")] == []


def test_copies_share_a_split(tmp_path: Path) -> None:
    recipe = tmp_path / "same_recipe.py"
    recipe.write_text(
        RECIPE.replace('make_tiny_record(job.settings["number"])', "make_tiny_record(0)")
    )
    build_dataset(tmp_path / "out.h5", recipe=recipe, jobs=jobs(2) + jobs(12)[3:], header=HEADER)
    index = read_index(tmp_path / "out.h5")
    assert len(np.unique(index.split)) == 1
    assert index.header.card["families of near copies"] == "1"
    build_dataset(
        tmp_path / "out.h5",
        recipe=recipe,
        jobs=jobs(2) + jobs(12)[3:],
        header=HEADER,
        group_copies=False,
    )
    assert len(np.unique(read_index(tmp_path / "out.h5").split)) > 1


def test_objects_without_voxels_need_splits_of_their_own(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny_recipe.py"
    recipe.write_text(
        RECIPE.replace("category=job.category)", "category=job.category, voxels=None)")
    )
    with pytest.raises(
        ValueError, match="build_dataset: voxels of 'job 0' must be an array, got No"
    ):
        build_dataset(tmp_path / "out.h5", recipe=recipe, jobs=jobs(2), header=HEADER)
    report = build_dataset(
        tmp_path / "out.h5", recipe=recipe, jobs=jobs(2), header=HEADER, splits_given=True
    )
    assert report.num_objects == 2 and read_index(tmp_path / "out.h5").resolution is None
