"""The benchmark openhome: its list, and builds that must agree with it."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from nr3d.cli import main
from nr3d.data.format import SPLITS, read_index
from nr3d.data.listing import read_listing, write_listing
from nr3d.data.recipes import build, load_recipe
from nr3d.data.splits import stratified_splits
from tests.data.test_meshes_recipe import BOX_OBJ

openhome = load_recipe("openhome")
furniture = load_recipe("furniture")

NAMES = {
    "chair": "Chair",
    "redChair": "Red chair",
    "slab": "Bench",
    "lamp": "Lamp",
    "tv": "TV",
    "piano": "Piano",
}
SLAB = BOX_OBJ.replace(" 4 -1\n", " 0.4 -1\n").replace(" 4 1\n", " 0.4 1\n")
POLE = BOX_OBJ.replace(" 4 -1\n", " 16 -1\n").replace(" 4 1\n", " 16 1\n")


def test_list_has_enough_of_everything() -> None:
    entries = read_listing(openhome.LIST)  # no object twice, no family in two splits
    assert {entry.category for entry in entries} == set(openhome.CATEGORIES)
    assert len(openhome.CATEGORIES) >= 8
    counts = Counter((entry.category, entry.split) for entry in entries)
    for category in openhome.CATEGORIES:
        assert counts[category, "test"] >= 5 and counts[category, "val"] >= 1, category
    assert sum(counts[name, "test"] for name in openhome.CATEGORIES) >= 130


def test_hash_rule_gives_the_splits_of_the_list() -> None:
    entries = read_listing(openhome.LIST)
    category = [openhome.CATEGORIES.index(entry.category) for entry in entries]
    splits = stratified_splits([entry.family for entry in entries], category)
    assert [SPLITS[split] for split in splits] == [entry.split for entry in entries]


def test_families_of_the_list_bear_the_name_of_their_first() -> None:
    members: dict[str, list[str]] = {}
    for entry in read_listing(openhome.LIST):
        members.setdefault(entry.family, []).append(entry.id)
    assert all(family == min(ids) for family, ids in members.items())
    family_of = {id: family for family, ids in members.items() for id in ids}
    for first, second in (
        ("Scopia/window_2x3", "Scopia/window_2x3_arched"),
        ("Scopia/coconutTree", "Scopia/coconutTreeBended"),
        ("Scopia/wooden_office_pear_table", "Scopia/wooden_office_teak_table"),
        ("KatorLegaz/concept-sedan-01v1", "KatorLegaz/concept-sedan-01v2"),
    ):
        assert family_of[first] == family_of[second]


@pytest.fixture
def make_archive(tmp_path: Path) -> Callable[..., Path]:
    shapes = {"slab": SLAB, "lamp": POLE}

    def make(**changed: str | None) -> Path:
        lines = ["id=Tiny", "license=CC0"]
        with zipfile.ZipFile(tmp_path / "Tiny.sh3f", "w") as archive:
            for number, (stem, name) in enumerate(NAMES.items(), start=1):
                content = changed.get(stem, shapes.get(stem, BOX_OBJ))
                if content is not None:
                    lines += [f"name#{number}={name}", f"model#{number}=/{stem}/{stem}.obj"]
                    archive.writestr(f"{stem}/{stem}.obj", content)
                    archive.writestr(f"{stem}/box.mtl", f"newmtl red\nKd 0.{number} 0 0\n")
            archive.writestr(furniture.CATALOGUE, "\n".join(lines))
        return tmp_path / "Tiny.sh3f"

    return make


@pytest.fixture
def listing(make_archive: Callable[..., Path], tmp_path: Path) -> Path:
    """A list that was made from the tiny archive, which is there, too."""
    path = tmp_path / "list.csv"
    run(make_archive(), tmp_path / "first.h5", path, "--make-list")
    return path


def run(source: Path, output: Path, listing: Path, *more: str) -> Path:
    common = ["-i", str(source), "-o", str(output), "--list", str(listing), "--workers", "0"]
    return build("openhome", [*common, *more])


def test_list_is_made_and_followed(
    listing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = {entry.id: entry for entry in read_listing(listing)}
    assert list(entries) == ["Tiny/chair", "Tiny/redChair", "Tiny/slab", "Tiny/lamp"]
    assert entries["Tiny/redChair"].family == "Tiny/chair"
    assert entries["Tiny/slab"].family == "Tiny/slab"
    moved = [replace(entry, split="test") for entry in entries.values()]
    write_listing(listing, moved)
    path = run(tmp_path / "Tiny.sh3f", tmp_path / "second.h5", listing)
    index = read_index(path)
    assert index.split.tolist() == [2, 2, 2, 2]
    assert [index.header.categories[row] for row in index.category] == ["seat"] * 3 + ["lamp"]
    assert index.header.card["families of copies"] == "3"
    monkeypatch.setattr(openhome, "LIST", listing)
    assert main(["dataset", "verify", str(path)]) == 0
    build("openhome", ["-o", str(path), "--verify"])


def test_the_recipe_nr3d_trains_on_it(
    listing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = ("train", "train", "val", "test")
    entries = zip(read_listing(listing), splits, strict=True)
    write_listing(listing, [replace(entry, split=split) for entry, split in entries])
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "Tiny.sh3f", Path("data/openhome.h5"), listing)
    short = ("trainer.max_steps=2", "trainer.validate_every=2", "dataset.batch_size=2")
    assert main(["train", "nr3d", "trainer.accelerator=cpu", *short]) == 0
    (folder,) = Path("runs/nr3d").iterdir()
    scores = json.loads((folder / "report.json").read_text())["scores"]
    assert 0 < scores["voxel_iou"]["model"]["mean_of_categories"] < 1
    assert {"chamfer_l1", "silhouette_iou"} < set(scores)


def test_verify_names_what_differs(
    listing: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["dataset", "verify", str(tmp_path / "first.h5")]) == 2
    assert "Tiny/chair is not listed" in capsys.readouterr().err.replace("\n", " ")
    monkeypatch.setattr(openhome, "LIST", listing)
    with h5py.File(tmp_path / "first.h5", "r+") as file:
        file["split"][3] = (file["split"][3] + 1) % 3
    with pytest.raises(ValueError, match=r"1 differences: Tiny/lamp has the split \w+, listed is"):
        openhome.verify(tmp_path / "first.h5")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lamp": None}, "the 4 listed objects, got 1 differences: Tiny/lamp is missing; take the"),
        ({"lamp": SLAB}, "Tiny/lamp has the digest .*, listed is .*; take the archives of the Deb"),
        ({"piano": None, "tv": None}, None),
    ],
)
def test_other_archives_are_refused(
    make_archive: Callable[..., Path],
    listing: Path,
    tmp_path: Path,
    changed: dict[str, str | None],
    message: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = make_archive(**changed)
    if message is None:  # what is of no category does not matter
        run(archive, tmp_path / "second.h5", listing)
        build("openhome", ["-i", str(archive), "--list", str(listing), "--verify"])
        assert "Tiny.sh3f: the 4 listed models are there" in capsys.readouterr().out
        return
    with pytest.raises(ValueError, match=message):
        run(archive, tmp_path / "second.h5", listing)
    with pytest.raises(ValueError, match=message):
        build("openhome", ["-i", str(archive), "--list", str(listing), "--verify"])
    assert not (tmp_path / "second.h5").exists()


def test_models_that_are_not_listed_are_refused(listing: Path, tmp_path: Path) -> None:
    write_listing(listing, read_listing(listing)[:-1])
    with pytest.raises(ValueError, match="got 1 differences: Tiny/lamp is not listed"):
        run(tmp_path / "Tiny.sh3f", tmp_path / "second.h5", listing)


def test_objects_that_cannot_be_made_are_named(
    make_archive: Callable[..., Path], listing: Path, tmp_path: Path
) -> None:
    make_archive(lamp="v 0 0 0\nf 1 2 3\n")
    digest = openhome.digest_of(b"v 0 0 0\nf 1 2 3\n")
    entries = read_listing(listing)
    write_listing(listing, [*entries[:-1], replace(entries[-1], digest=digest)])
    with pytest.raises(
        ValueError, match="openhome: the build must .* Tiny/lamp is missing; see what"
    ):
        run(tmp_path / "Tiny.sh3f", tmp_path / "second.h5", listing)


def test_copies_in_two_splits_are_refused(listing: Path, tmp_path: Path) -> None:
    first, second, *rest = read_listing(listing)
    second = replace(second, family=second.id, split="val" if first.split != "val" else "test")
    write_listing(listing, [first, second, *rest])
    with pytest.raises(
        ValueError, match=r"below 0.9\), got 1: Tiny/chair and Tiny/redChair \(1.000"
    ):
        run(tmp_path / "Tiny.sh3f", tmp_path / "second.h5", listing)


def test_a_list_is_made_of_what_can_be_used(
    make_archive: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    run(make_archive(lamp="v 0 0 0\nf 1 2 3\n"), tmp_path / "first.h5", path, "--make-list")
    assert [entry.id for entry in read_listing(path)] == [
        "Tiny/chair",
        "Tiny/redChair",
        "Tiny/slab",
    ]


def test_limit_takes_the_first(listing: Path, tmp_path: Path) -> None:
    path = run(tmp_path / "Tiny.sh3f", tmp_path / "second.h5", listing, "--limit", "2")
    assert read_index(path).ids == ("Tiny/chair", "Tiny/redChair")


def test_kin_by_shape_vertices_or_numbers() -> None:
    random = np.random.default_rng(0)

    def mesh(points: np.ndarray, num_faces: int) -> object:
        faces = torch.zeros(num_faces, 3, dtype=torch.int64)
        return openhome.LoadedMesh(torch.from_numpy(points).float(), faces)

    model = random.random((120, 3)) * 9
    variant = np.concatenate([model[:30], random.random((50, 3)) * 7 + 3])
    bent = random.random((120, 3))
    meshes = [mesh(model, 7), mesh(variant, 8), mesh(bent, 7), mesh(bent[:60] * 2.5 + 3, 9)]
    alike = torch.eye(4)
    found = openhome.find_families(["a", "b", "c", "d"], alike, meshes)
    assert found == ["a", "a", "a", "d"]
    alike[3, 0] = alike[0, 3] = 0.9
    assert openhome.find_families(["a", "b", "c", "d"], alike, meshes) == ["a"] * 4
