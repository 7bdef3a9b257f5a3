"""The layout, its writer, and every complaint about a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nr3d.data.format import ObjectRecord, read_index
from nr3d.data.multiview import MultiViewDataset
from nr3d.data.verify import verify_dataset
from nr3d.data.writer import RecordCache, write_dataset
from tests.data.conftest import HEADER, make_tiny_record

Edit = Callable[[Callable[[Any], object]], Path]


def test_index_gives_back_what_was_written(tiny_dataset: Path) -> None:
    index = read_index(tiny_dataset)
    assert index.header == HEADER
    assert index.ids[3] == "object 3 é"
    assert index.category.tolist() == [0, 1] * 6
    assert index.flags.tolist() == [0, 1] * 6
    assert index.image_size == (8, 8)
    assert index.resolution == 4
    assert index.objects_of("test").tolist() == [8, 9, 10, 11]


def test_chunks_are_single_compressed_images(tiny_dataset: Path) -> None:
    with h5py.File(tiny_dataset) as file:
        assert file["images"].chunks == (1, 1, 4, 8, 8)
        assert file["images"].compression == "lzf"
        assert file["creator"].asstr()[0] == "somebody"


def test_failed_write_leaves_the_old_file_and_no_work_file(tiny_dataset: Path) -> None:
    before = tiny_dataset.read_bytes()

    def broken() -> Iterator[ObjectRecord]:
        yield make_tiny_record(0)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_dataset(tiny_dataset, header=HEADER, records=broken())
    assert tiny_dataset.read_bytes() == before
    assert list(tiny_dataset.parent.iterdir()) == [tiny_dataset]


def test_write_refuses_no_objects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="records must hold at least one object, got none"):
        write_dataset(tmp_path / "none.h5", header=HEADER, records=[])


def test_write_refuses_other_sizes(tmp_path: Path) -> None:
    records = [make_tiny_record(0), make_tiny_record(1, num_views=2)]
    with pytest.raises(ValueError, match="images of 'object 1 é' must have the shape"):
        write_dataset(tmp_path / "mixed.h5", header=HEADER, records=records)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no.h5 not found; run nr3d dataset build"):
        read_index(tmp_path / "no.h5")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file(tiny_dataset: Path, share: float) -> None:
    content = tiny_dataset.read_bytes()
    tiny_dataset.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="must be a whole HDF5 file, got a truncated one"):
        read_index(tiny_dataset)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else"])
def test_no_hdf5_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be a whole HDF5 file"):
        read_index(path)


def _replace(name: str, values: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.attrs.pop("format"), "have the attribute format = 'nr3d-multiview'"),
        (lambda file: file.attrs.modify("version", 7), "must have version 1, got version 7"),
        (lambda file: file.attrs.pop("categories"), "must have the attribute categories, got none"),
        (lambda file: file.pop("eyes"), "must have a dataset eyes, got none"),
        (_replace("images", np.zeros((12, 3, 8, 8))), "images uint8 [O, N, 4, H, W], got float64"),
        (
            _replace("images", np.zeros((0, 3, 4, 8, 8), np.uint8)),
            "must have at least one object with one view, got uint8 [0, 3, 4, 8, 8]",
        ),
        (_replace("eyes", np.zeros((12, 2, 3))), "eyes of shape [12, 3, 3], got float64 [12, 2"),
        (_replace("flags", np.zeros(3)), "flags of shape [12], got float64 [3]"),
        (
            _replace("voxels", np.zeros((12, 4, 4), bool)),
            "voxels bool [12, R, R, R], got bool [12, 4",
        ),
        (
            _replace("voxels", np.zeros((12, 4, 4, 4))),
            "bool [12, R, R, R], got float64 [12, 4, 4, 4]",
        ),
        (_replace("category", np.full(12, 0.5)), "category of integers, got float64 [12]"),
        (_replace("split", np.zeros(12, bool)), "split of integers, got bool [12]"),
        (_replace("flags", np.zeros(12)), "flags of integers, got float64 [12]"),
        (_replace("eyes", np.zeros((12, 3, 3), int)), "eyes of floats, got int64 [12, 3, 3]"),
        (_replace("id", np.arange(12)), "id of text, got int64 [12]"),
        (_replace("category", np.full(12, 2)), "must have category in [0, 2), got others"),
        (_replace("split", np.full(12, 3)), "must have split in [0, 3), got others"),
        (_replace("eyes", np.full((12, 3, 3), np.nan)), "must have finite eyes, got NaN"),
    ],
)
def test_wrong_layout(edit: Edit, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_index(edit(change))


def test_unknown_and_empty_split(edit: Edit) -> None:
    path = edit(_replace("split", np.zeros(12, dtype=np.int8)))
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'tests'; did"):
        MultiViewDataset(path, split="tests")
    with pytest.raises(ValueError, match="split 'test' of .* must hold at least one object, got"):
        MultiViewDataset(path, split="test")


def test_damaged_image_is_named_as_such(tiny_dataset: Path) -> None:
    with h5py.File(tiny_dataset) as file:
        start = file["images"].id.get_chunk_info(0)
    with tiny_dataset.open("r+b") as stream:
        stream.seek(start.byte_offset)
        stream.write(b"\xff" * start.size)
    with pytest.raises(ValueError, match="must be readable, got .*; build or copy it again"):
        MultiViewDataset(tiny_dataset, split="train")[0]


def test_verify_accepts_a_sound_file(tiny_dataset: Path) -> None:
    assert len(verify_dataset(tiny_dataset).ids) == 12


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (replace(make_tiny_record(0), images=np.zeros((3, 4, 8, 8), np.uint8)), "no view shows it"),
        (
            replace(
                make_tiny_record(0),
                images=np.full((3, 4, 8, 8), 9, np.uint8)
                - np.array([0, 0, 0, 5], np.uint8)[:, None, None],
            ),
            "the background is not black",
        ),
        (replace(make_tiny_record(0), voxels=np.zeros((4, 4, 4), bool)), "voxel grid is empty"),
        (replace(make_tiny_record(0), eyes=np.zeros((3, 3), np.float32)), "a camera sits in the"),
        (replace(make_tiny_record(0), id=make_tiny_record(1).id), "occurs more than once"),
    ],
)
def test_verify_names_problems(tmp_path: Path, record: ObjectRecord, problem: str) -> None:
    path = tmp_path / "bad.h5"
    write_dataset(path, header=HEADER, records=[record, make_tiny_record(1)])
    with pytest.raises(ValueError, match=f"must be sound, got 1 problems: .*{problem}"):
        verify_dataset(path)


def test_cache_keeps_objects_and_forgets_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    cache = RecordCache(path, settings="one")
    cache.save(make_tiny_record(5))
    cache.reject("broken", "no faces")
    again = RecordCache(path, settings="one")
    kept = again.load("object 5 é")
    assert kept is not None
    assert kept.category == 1
    np.testing.assert_array_equal(kept.images, make_tiny_record(5).images)
    assert again.has("broken") and again.rejection("broken") == "no faces"
    assert again.load("broken") is None and again.rejection("object 5 é") is None
    again.warn("object 5 é", "no image")
    assert again.warning("object 5 é") == "no image" and again.warning("broken") is None
    assert again.rejection("object 5 é") is None and not again.has("object 6 é")
    assert not RecordCache(path, settings="two").has("object 5 é")
    again.save(replace(make_tiny_record(1), voxels=None))
    without = again.load("object 1 é")
    assert without is not None and without.voxels is None


def test_a_killed_clean_up_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.h5"
    unlink = Path.unlink
    for deleted in range(3):
        cache = RecordCache(path, settings="one")
        cache.save(make_tiny_record(5))
        cache.expect({"object 5 é": "itself"})
        with monkeypatch.context() as patch:
            left = iter(range(deleted))

            def kill(file: Path, left: Iterator[int] = left, **options: bool) -> None:
                if next(left, None) is None:
                    raise KeyboardInterrupt
                unlink(file, **options)

            patch.setattr(Path, "unlink", kill)
            if deleted < 2:
                with pytest.raises(KeyboardInterrupt):
                    cache.remove()
            else:
                cache.remove()
        assert cache.folder.exists() == (deleted < 2)


def test_a_torn_list_of_sources_means_none(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    for torn in ("", '{"object 5'):
        cache = RecordCache(path, settings="one")
        cache.expect({"object 5 é": "itself"})
        cache.save(make_tiny_record(5))
        cache.expect({"object 5 é": "itself"})
        assert cache.has("object 5 é")
        (cache.folder / "sources.json").write_text(torn)
        cache.expect({"object 5 é": "itself"})
        assert not cache.has("object 5 é")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_cache_deletes_nothing_that_is_not_its_own(tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "a.h5.objects"
    kept = taken if kind == "file" else taken / "thesis.tex"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("years of work")
    with pytest.raises(ValueError, match=r"a\.h5\.objects must be free for finished objects"):
        RecordCache(tmp_path / "a.h5", settings="one")
    assert kept.read_text() == "years of work"
