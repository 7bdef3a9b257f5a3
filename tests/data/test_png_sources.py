"""The layouts of many small files: NMR_Dataset, 3D-R2N2, ShapeNetCore."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe
from nr3d.data.synsets import PUBLISHED
from tests.data import layouts
from tests.data.layouts import CAR


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One object of each layout, drawn once."""
    root = tmp_path_factory.mktemp("drawn")
    layouts.write_nmr(root / "nmr" / CAR / "a")
    for split, text in (("train", "a\n"), ("val", "\n"), ("test", "b\n")):
        (root / "nmr" / CAR / f"softras_{split}.lst").write_text(text)
    layouts.write_r2n2(root / "r2n2", "a")
    return root


@pytest.fixture
def nmr(drawn: Path, tmp_path: Path) -> Path:
    return copy(drawn / "nmr", tmp_path / "nmr")


@pytest.fixture
def r2n2(drawn: Path, tmp_path: Path) -> Path:
    return copy(drawn / "r2n2", tmp_path / "r2n2")


def copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def make(recipe: str, root: Path, *more: str) -> Path:
    argv = ["-i", str(root), "-o", str(root.parent / "out.h5"), "--workers", "0"]
    return build(recipe, [*argv, "--synsets", "car", *more])


def reason(recipe: str, root: Path, *more: str) -> str:
    """Give why no object could be used."""
    with pytest.raises(ValueError, match="must get at least one object") as caught:
        make(recipe, root, *more)
    return str(caught.value)


def nmr_views(change: Callable[[dict[str, np.ndarray]], object], nmr: Path) -> None:
    file = nmr / CAR / "a/cameras.npz"
    with np.load(file) as arrays:
        cameras = dict(arrays)
    change(cameras)
    np.savez(file, **cameras)


def test_nmr_objects_that_are_listed_and_missing(
    nmr: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = read_index(make("nmr_dataset", nmr))
    assert index.ids == (f"{CAR}/a",) and index.header.card["skipped"] == "1"
    assert f"skipped {CAR}/b: " in capsys.readouterr().err


def test_nmr_scale_mat_and_no_points(nmr: Path) -> None:
    eyes = read_index(make("nmr_dataset", nmr)).eyes
    nmr_views(
        lambda all: all.update(
            {f"scale_mat_{view}": np.diag([2.0, 2.0, 2.0, 1.0]) for view in range(24)}
        ),
        nmr,
    )
    (nmr / CAR / "a/pointcloud.npz").unlink()
    index = read_index(make("nmr_dataset", nmr))
    np.testing.assert_allclose(index.eyes, eyes / 2, atol=1e-6)
    assert index.resolution is None and index.header.card["voxels"] == "none in the source"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda all: all.pop("world_mat_7"), "must hold 24 cameras, got no world_mat_7"),
        (lambda all: all.update(camera_mat_3=np.eye(4)), "must hold cameras of half angle 15 deg"),
        (
            lambda all: all["world_mat_2"].__setitem__((0, 3), 0.5),
            "camera of view 2 must look at the origin with y up, got axes",
        ),
        (lambda all: all["world_mat_2"].__setitem__(0, -all["world_mat_2"][0]), "of one kind"),
        (lambda all: all.update(world_mat_1=np.array([{}])), "plain numbers, got .*pickle"),
        (
            lambda all: all.update(world_mat_1=np.eye(3)),
            r"world_mat_1 of .*4\], got float64 \[3, 3",
        ),
        (lambda all: all.update(camera_mat_3=np.eye(4) * np.nan), "camera_mat_3 of .*, got NaN or"),
        (lambda all: all.update(scale_mat_0=np.full((4, 4), "a")), "scale_mat_0 of .*, got <U1"),
    ],
)
def test_nmr_cameras_that_are_refused(
    nmr: Path, change: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    nmr_views(change, nmr)
    assert re.search(message, reason("nmr_dataset", nmr))


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("image/0003.png", Image.new("RGB", (32, 32)), "64 x 64 pixels .height x width., got 32 x"),
        ("image/0003.png", Image.new("L", (64, 64)), "must have the channels RGB or RGBA, got L"),
        ("image/0003.png", Image.new("RGB", (64, 64)), r"a white background, got \[0, 0, 0\]"),
        (
            "image/0003.png",
            Image.new("RGB", (64, 64), (255, 255, 0)),
            r"white background, got \[255, 255, 0",
        ),
        ("mask/0003.png", Image.new("RGBA", (64, 64)), "channels L or RGB, got RGBA"),
        ("mask/0003.png", None, "0003.png not found"),
    ],
)
def test_nmr_images_that_are_refused(
    nmr: Path, name: str, image: Image.Image | None, message: str
) -> None:
    file = nmr / CAR / "a" / name
    file.unlink()
    if image is not None:
        image.save(file)
    assert re.search(message, reason("nmr_dataset", nmr))


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ([1, -1, 1], "must lie on the masks as the cameras see them and reach as far, got"),
        ([1, 0.6, 0.6], r"and reach as far, got \d+% there and boxes 0.\d+ of half an image apart"),
        ([0.5, 0.5, 0.5], "must hold points of longest side 1, got 0.5; they are of another frame"),
    ],
)
def test_nmr_points_of_another_frame(nmr: Path, scale: list[float], message: str) -> None:
    file = nmr / CAR / "a/pointcloud.npz"
    with np.load(file) as arrays:
        np.savez(file, points=arrays["points"] * scale, normals=arrays["normals"])
    assert re.search(message, reason("nmr_dataset", nmr))


def test_nmr_points_of_some_objects_only(nmr: Path) -> None:
    copy(nmr / CAR / "a", nmr / CAR / "b")
    (nmr / CAR / "b/pointcloud.npz").unlink()
    with pytest.raises(ValueError, match=f"for all objects or for none, got 1 of 2 .*: {CAR}/b; "):
        make("nmr_dataset", nmr)
    (nmr / CAR / "softras_test.lst").write_text("")
    index = read_index(make("nmr_dataset", nmr, "--without-points"))
    assert index.num_points is None and index.resolution is None
    assert index.header.card["surfaces"] == "none" and index.header.recipe == "nmr_dataset"


def test_nmr_masks_of_ones(nmr: Path) -> None:
    for file in (nmr / CAR / "a/mask").iterdir():
        Image.fromarray((np.asarray(Image.open(file)) > 127).astype(np.uint8)).save(file)
    assert "mask must be 255 where the object is, got 1" in reason("nmr_dataset", nmr)


def test_nmr_splits_that_share_objects(nmr: Path) -> None:
    (nmr / CAR / "softras_val.lst").write_text("a\nc\n")
    with pytest.raises(ValueError, match=r"got 1 that splits share: a \(train and val\); take"):
        make("nmr_dataset", nmr)
    (nmr / CAR / "softras_val.lst").unlink()
    with pytest.raises(FileNotFoundError, match=r"list .*softras_val.lst not found"):
        make("nmr_dataset", nmr)


def test_nmr_source(nmr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ["-i", str(nmr), "--synsets", "car", "--verify"]
    with pytest.raises(
        ValueError, match="car: b has 0 images and 0 masks; .*cameras.npz not found"
    ):
        build("nmr_dataset", argv)
    (nmr / CAR / "softras_test.lst").write_text("")
    monkeypatch.setitem(PUBLISHED, CAR, 1)
    build("nmr_dataset", argv)


@pytest.mark.parametrize("recipe", ["nmr_dataset", "r2n2"])
def test_classes_that_are_missing_or_unknown(recipe: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue("nmr" if recipe == "nmr_dataset" else "r2n2")
    with pytest.raises(FileNotFoundError, match=r"02691156 .airplane. not found; unpack"):
        build(recipe, ["-i", str(root), "-o", "x.h5"])
    inner = root if recipe == "nmr_dataset" else root / "ShapeNetRendering"
    for synset in [*PUBLISHED, "00000001"]:
        (inner / synset).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match="got the unknown synset 00000001; name those to use"):
        build(recipe, ["-i", str(root), "-o", "x.h5"])
    with pytest.raises(ValueError, match="-i must be the folder .*, got nothing"):
        build(recipe, ["-o", "x.h5"])


def test_r2n2_cuts_80_to_20(r2n2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = load_recipe("r2n2").own_split([f"{number:02d}" for number in range(21)], CAR)
    assert [len(names) for names in lists.values()] == [14, 2, 5]
    assert lists["test"][0] == f"{CAR}/16" and lists["train"][0] == f"{CAR}/00"
    path = make("r2n2", r2n2, "--image-size", "137")
    index = read_index(path)
    assert index.image_size == (137, 137) and index.split.tolist() == [2]
    assert "80 %" in index.header.card["splits"] and abs(index.header.viewing_angle - 24.567) < 1e-9


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "rendering_metadata.txt",
            "0 30 0 0.8 25\n" * 23,
            "must hold 24 lines of 5 numbers, got 23",
        ),
        (
            "rendering_metadata.txt",
            "0 30 4 0.8 25\n" * 24,
            "views without in-plane rotation, of fie",
        ),
        (
            "rendering_metadata.txt",
            "0 30 0 0.8 49\n" * 24,
            "views without in-plane rotation, of fie",
        ),
        (
            "rendering_metadata.txt",
            "0 30 0 nan 25\n" * 24,
            "a distance above 0, got [0.0, 30.0, 0.0, n",
        ),
        ("rendering_metadata.txt", "inf 30 0 0.8 25\n" * 24, "must hold finite views without"),
        (
            "rendering_metadata.txt",
            "0 x 0 0.8 25\n" * 24,
            "must hold numbers, got could not convert",
        ),
        ("renderings.txt", "00.png\n", "must name 24 different images, got "),
        ("renderings.txt", "00.png\n" * 24, "must name 24 different images, got "),
        ("renderings.txt", "".join(f"{view}.png\n" for view in range(30, 54)), "30.png not found"),
    ],
)
def test_r2n2_metadata_that_is_refused(r2n2: Path, file: str, content: str, message: str) -> None:
    target = r2n2 / "ShapeNetRendering" / CAR / "a/rendering" / file
    target.write_text(content)
    assert message in reason("r2n2", r2n2)
    target.write_bytes(b"\xff\xfe")
    assert f"{file} must be text in UTF-8, got" in reason("r2n2", r2n2)


def test_r2n2_images_and_grids_that_are_refused(r2n2: Path) -> None:
    file = r2n2 / "ShapeNetRendering" / CAR / "a/rendering/04.png"
    kept = file.read_bytes()
    Image.new("RGB", (137, 137)).save(file)
    assert "must have the channels RGBA, got RGB" in reason("r2n2", r2n2)
    Image.new("RGBA", (137, 127)).save(file)
    assert "137 x 137 pixels (height x width), got 127 x 137" in reason("r2n2", r2n2)
    file.write_bytes(kept[: len(kept) // 2])
    assert "must be a whole image, got " in reason("r2n2", r2n2)
    file.write_bytes(kept)
    grid = r2n2 / "ShapeNetVox32" / CAR / "a/model.binvox"
    whole = grid.read_bytes()
    for content, message in (
        (whole[:-20], "must hold 32768 voxels, got "),
        (b"#binvox 2\ndim 32\ndata\n", "must be a binvox file of version 1"),
        (whole.replace(b"dim 32 32 32", b"dim 32 32 16"), "must be a cube, got 32 x 32 x 16"),
    ):
        grid.write_bytes(content)
        assert message in reason("r2n2", r2n2)


def test_r2n2_counts_of_images_and_voxels(
    r2n2: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["-i", str(r2n2), "--synsets", "car", "--verify"]
    monkeypatch.setitem(PUBLISHED, CAR, 1)
    build("r2n2", argv)
    assert "24" in capsys.readouterr().out
    (r2n2 / "ShapeNetRendering" / CAR / "a/rendering/04.png").unlink()
    with pytest.raises(ValueError, match="got 1 problems: car: a has 23 images; download or"):
        build("r2n2", argv)
    (r2n2 / "ShapeNetVox32" / CAR / "a/model.binvox").unlink()
    with pytest.raises(ValueError, match="1 objects have images and 0 have voxels; a has only one"):
        build("r2n2", argv)
    assert "voxels" in reason("r2n2", r2n2) and "model.binvox not found" in reason("r2n2", r2n2)


def test_r2n2_json_splits(r2n2: Path) -> None:
    file = r2n2.parent / "splits.json"
    both = {"train": {CAR: {"a": [0, 1], "b": [0]}}, "val": {}, "test": {CAR: {"b": [1]}}}
    file.write_text(json.dumps(both))
    with pytest.raises(ValueError, match=rf"share: {CAR}/b \(train and test\); take them out"):
        make("r2n2", r2n2, "--splits", str(file))
    index = read_index(make("r2n2", r2n2, "--splits", str(file), "--drop-shared"))
    assert index.ids == (f"{CAR}/a",) and index.split.tolist() == [0]
    assert index.header.card["objects of two splits, dropped"] == "1"
    file.write_text(json.dumps([{"taxonomy_id": CAR, "train": [], "val": ["a"], "test": []}]))
    assert read_index(make("r2n2", r2n2, "--splits", str(file))).split.tolist() == [1]
    for content in ('{"train": 3}', "[1]", "no JSON"):
        file.write_text(content)
        with pytest.raises(ValueError, match="must be one of the layouts that datasets/README.md"):
            make("r2n2", r2n2, "--splits", str(file))
    file.write_text("{}")
    with pytest.raises(ValueError, match="must name objects of train, val, test, got none"):
        make("r2n2", r2n2, "--splits", str(file))
    file.unlink()
    with pytest.raises(FileNotFoundError, match="splits.json not found"):
        make("r2n2", r2n2, "--splits", str(file))


def test_r2n2_warns_where_grid_and_images_differ(r2n2: Path) -> None:
    flat = np.zeros((32, 32, 32), bool)
    flat[:, 15, 15] = True
    (r2n2 / "ShapeNetVox32" / CAR / "a/model.binvox").write_bytes(layouts.binvox(flat))
    assert read_index(make("r2n2", r2n2)).header.card["warned about"] == "1"


def test_core_splits_and_missing_meshes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "core"
    layouts.write_core(root / CAR, "a/model.obj")
    (root / CAR / "b").mkdir()
    table = tmp_path / "all.csv"
    rows = [f"1,{CAR},{CAR},a,val", f"2,{CAR},{CAR},c,train"]
    table.write_text("\n".join(["id,synsetId,subSynsetId,modelId,split", *rows]))
    index = read_index(make("shapenet_core", root, "--splits", str(table)))
    assert index.split.tolist() == [1] and index.header.card["objects of no split, dropped"] == "1"
    assert f"skipped {CAR}/c: " in capsys.readouterr().err
    with pytest.raises(ValueError, match="got 1 problems: car: b has no mesh"):
        build("shapenet_core", ["-i", str(root), "--verify"])
    (root / "00000001").mkdir()
    with pytest.raises(ValueError, match="got the unknown synset 00000001"):
        build("shapenet_core", ["-i", str(root), "--verify"])
    with pytest.raises(
        FileNotFoundError, match=r"register at https://shapenet.org, unpack the cla"
    ):
        make("shapenet_core", root / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must hold folders like 02691156, got none"):
        build("shapenet_core", ["-i", str(tmp_path / "empty"), "-o", "x.h5"])
    (root / CAR / "a/model.obj").unlink()
    assert "must hold one of models/model_normalized.obj, " in reason("shapenet_core", root)
