"""The papers' experiments, trained as their users do: from small archives of Kato's layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nr3d.cli import main
from tests.data.layouts import write_kato


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/kato_npz.h5, where the experiments look for it."""
    folder = tmp_path_factory.mktemp("published")
    write_kato(folder / "archives", {"train": 3, "val": 1, "test": 2})
    output = str(folder / "data" / "kato_npz.h5")
    command = ["dataset", "build", "kato_npz", "-i", str(folder / "archives"), "-o", output]
    assert main([*command, "--synsets", "car"]) == 0
    return folder


@pytest.mark.parametrize(
    "words", [("kato2018",), ("kato2018_class", "dataset.only=[car]"), ("softras2019",)]
)
def test_published_experiments_train_on_katos_layout(
    folder: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    short = ("trainer.max_steps=2", "trainer.validate_every=2", "dataset.batch_size=2")
    assert main(["train", *words, *short, "trainer.accelerator=cpu"]) == 0
    (run,) = (folder / "runs" / words[0]).iterdir()
    report = json.loads((run / "report.json").read_text())
    assert report["num_objects"] == {"car": 2}
    assert 0 < report["scores"]["voxel_iou"]["model"]["mean_of_categories"] < 1
    for checkpoint in run.rglob("*.ckpt"):  # 300 MB each
        checkpoint.unlink()
