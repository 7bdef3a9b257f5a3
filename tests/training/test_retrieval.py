"""The nearest training shape, where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nr3d.data.format import Header, ObjectRecord
from nr3d.data.multiview import MultiViewDataset
from nr3d.data.writer import write_dataset
from nr3d.training import retrieval
from nr3d.training.retrieval import nearest_objects


def write_bars(path: Path, sizes: list[list[int]], splits: list[int]) -> Path:
    """Write objects whose view n covers `sizes[object][n]` columns of 16."""
    records = []
    for number, (columns, split) in enumerate(zip(sizes, splits, strict=True)):
        images = np.zeros((len(columns), 4, 16, 16), dtype=np.uint8)
        for view, count in enumerate(columns):
            images[view, 3, :, :count] = 255
        eyes = np.ones((len(columns), 3), dtype=np.float32)
        voxels = np.ones((2, 2, 2), dtype=bool)
        records.append(ObjectRecord(str(number), 0, split, images, eyes, voxels))
    header = Header(categories=("bar",), viewing_angle=15.0, source="", licence="", recipe="")
    write_dataset(path, header=header, records=records)
    return path


def find(path: Path, split: str) -> list[list[int]]:
    train, query = (MultiViewDataset(path, split=name) for name in ("train", split))
    found: NDArray[np.int64] = nearest_objects(train, query)
    listed: list[list[int]] = found.tolist()
    return listed


def test_the_most_similar_view_of_any_training_object_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [[2, 9], [12, 5], [6, 15], [10, 3], [5, 16]]
    path = write_bars(tmp_path / "bars.h5", sizes, [0, 0, 0, 2, 2])
    expected = [[0, 0], [1, 2]]  # 10 is nearest to 9, 3 to 2, 5 to 5, 16 to 15
    assert find(path, "test") == expected
    monkeypatch.setattr(retrieval, "OBJECTS_PER_READ", 2)
    monkeypatch.setattr(retrieval, "QUERIES_PER_CALL", 3)
    assert find(path, "test") == expected


def test_equally_near_objects_and_the_object_itself(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.h5", [[4], [4], [9], [4]], [0, 0, 0, 2])
    assert find(path, "test") == [[0]]  # the first in the file
    assert find(path, "train") == [[1], [0], [0]]


def test_one_training_object_has_no_neighbour(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.h5", [[4], [5]], [0, 2])
    assert find(path, "test") == [[0]]
    with pytest.raises(ValueError, match="train of .* must hold another object than the one that"):
        find(path, "train")


def test_neighbours_share_the_category_where_images_tell_it(tiny_dataset: Path) -> None:
    train, test = (MultiViewDataset(tiny_dataset, split=name) for name in ("train", "test"))
    category = train.index.category
    found = nearest_objects(train, test)
    assert (category[found] == category[test.objects][:, None]).all()
