"""Kato's NPZ archives: streamed, resumed, and refused where they are not what they should be."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np
import pytest

from nr3d.data.archives import Source, md5_of
from nr3d.data.format import read_index
from nr3d.data.recipes import build, load_recipe
from nr3d.data.synsets import KATO, PUBLISHED
from nr3d.data.verify import verify_dataset
from nr3d.data.writer import RecordCache
from tests.data.layouts import CAR, write_kato

ROWS = {"train": 3, "val": 1, "test": 2}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_kato(tmp_path / "in", ROWS)
    return tmp_path / "in"


def make(source: Path, *more: str, output: str = "k.h5") -> Path:
    argv = ["-i", str(source), "-o", str(source.parent / output), "--synsets", "car", *more]
    return build("kato_npz", argv)


def zip_of(source: Path) -> Path:
    whole = source.parent / "mesh_reconstruction.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        for file in source.iterdir():
            archive.write(file, f"mesh_reconstruction/{file.name}")
    return whole


def interrupt(*arguments: object, **options: object) -> NoReturn:
    raise KeyboardInterrupt


def test_all_classes(tmp_path: Path) -> None:
    assert sum(PUBLISHED.values()) == 43783 and len(KATO) == 13
    for synset in KATO:
        write_kato(tmp_path / "in", {"train": 1, "val": 1, "test": 1}, synset=synset, save=np.savez)
    path = build("kato_npz", ["-i", str(tmp_path / "in"), "-o", str(tmp_path / "k.h5")])
    index = verify_dataset(path)
    assert index.header.categories == tuple(KATO.values()) and len(index.ids) == 39
    assert [index.category[index.split == split].tolist() for split in range(3)] == [
        list(range(13))
    ] * 3
    assert "ShapeNet" in index.header.licence and "Kato" in index.header.source


def test_folder_and_zip_give_the_same_file(source: Path) -> None:
    whole = zip_of(source)
    plain = make(source)
    zipped = make(whole, "--md5", md5_of(whole), output="z.h5")
    assert read_index(plain).ids[:2] == (f"{CAR}/train/00000", f"{CAR}/train/00001")
    assert read_index(plain).split.tolist() == [0, 0, 0, 1, 2, 2]
    with h5py.File(plain) as first, h5py.File(zipped) as second:
        for name in first:
            np.testing.assert_array_equal(first[name][:], second[name][:])
    assert sorted(path.name for path in source.parent.iterdir()) == [
        *("in", "k.h5", "mesh_reconstruction.zip", "z.h5")
    ]


def test_goes_on_after_an_interruption(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make(source, output="whole.h5")
    saved: list[str] = []
    save = RecordCache.save

    def stop_after_two(cache: RecordCache, record: object) -> None:
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(record.id)  # type: ignore[attr-defined]
        save(cache, record)  # type: ignore[arg-type]

    monkeypatch.setattr(RecordCache, "save", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        make(source)
    monkeypatch.setattr(
        RecordCache, "save", lambda *these: (saved.append(these[1].id), save(*these))
    )
    path = make(source)
    assert sorted(saved) == sorted(read_index(path).ids), "nothing is made twice"
    with h5py.File(whole) as first, h5py.File(path) as second:
        np.testing.assert_array_equal(first["images"][:], second["images"][:])


def test_a_zip_file_of_the_same_bytes_is_the_same_source(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = zip_of(source)
    recipe = load_recipe("kato_npz")
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "assemble", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(packed, "--md5", md5_of(packed))
    os.utime(packed, (1, 1))
    monkeypatch.setattr(RecordCache, "save", interrupt)  # nothing is left to make
    assert len(read_index(make(packed, "--md5", md5_of(packed))).ids) == 6


def test_limit_takes_the_first_of_each_file(source: Path) -> None:
    assert read_index(make(source, "--limit", "1")).split.tolist() == [0, 1, 2]


def test_verify_reads_the_source(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["-i", str(source), "--synsets", CAR, "--verify"]
    with pytest.raises(ValueError, match="car: 7496 objects were published, got 6; download or"):
        build("kato_npz", argv)
    assert "7496" in capsys.readouterr().out
    monkeypatch.setitem(PUBLISHED, CAR, 6)
    build("kato_npz", argv)
    assert "144" in capsys.readouterr().out
    build("kato_npz", ["-o", str(make(source)), "--verify"])
    assert "6 objects are sound" in capsys.readouterr().out


def test_needs_an_output_to_build(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build("kato_npz", ["-i", str(source)])
    assert "required: -o/--output" in capsys.readouterr().err


def test_wrong_md5_and_half_a_download(source: Path) -> None:
    whole = source.parent / "mesh_reconstruction.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.write(source / f"{CAR}_train_images.npz", "readme")
    with pytest.raises(ValueError, match="must have md5 cde0353.*, got .* bytes.; it is half down"):
        make(whole)
    with pytest.raises(FileNotFoundError, match="must hold 6 files of 1 classes, got all but"):
        make(whole, "--md5", md5_of(whole))
    packed = Source(whole, folder="", work=source)
    with pytest.raises(FileNotFoundError, match="got none of that name"), packed.open("a.npz"):
        pass
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ValueError, match="must be a whole ZIP file, got .*half downloaded"):
        make(whole, "--md5", md5_of(whole))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_half_an_archive(source: Path, save: object) -> None:
    write_kato(source, ROWS, save=save)
    file = source / f"{CAR}_train_images.npz"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(
        ValueError, match=r"train_images.npz must be a whole NPZ file, got .*it may"
    ):
        make(source)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_changed_byte(source: Path, save: object) -> None:
    write_kato(source, ROWS, save=save)
    file = source / f"{CAR}_train_voxels.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x55
    file.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"train_voxels.npz must be a whole NPZ file, got .* at row"
    ):
        make(source)


class Trap:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_pickled_objects_are_refused(source: Path, tmp_path: Path) -> None:
    mark = tmp_path / "unpickled"
    file = source / f"{CAR}_train_images.npz"
    np.savez(file, images=np.array([Trap(mark)] * 3, dtype=object))
    with pytest.raises(ValueError, match="must hold plain numbers, got pickled Python objects; th"):
        make(source)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match="must hold an array of NumPy's format 1 or 2, got .* unp"):
        make(source)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("kind", "array", "message"),
    [
        ("images", np.zeros((3, 24, 64, 64, 4), np.uint8), r"uint8 \[N, 24, 4, 64, 64\], got"),
        ("images", np.zeros((3, 24, 4, 32, 32), np.uint8), r"got uint8 \[3, 24, 4, 32, 32\]"),
        ("images", np.zeros((3, 24, 4, 64, 64), np.float16), r"got float16 \[3, 24"),
        ("images", np.zeros((3, 24, 4, 64, 64), np.uint8, order="F"), "must hold rows in C order"),
        ("voxels", np.zeros((2, 32, 32, 32), bool), "must hold the images of the 2 objects of"),
        ("voxels", np.zeros((3, 32, 32, 32), np.uint8), r"bool \[N, 32, 32, 32\], got uint8"),
        ("voxels", np.zeros((), bool), r"must hold rows in C order, got \[\]"),
    ],
)
def test_arrays_of_another_kind(
    source: Path, kind: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], message: str
) -> None:
    np.savez(source / f"{CAR}_train_{kind}.npz", array)
    with pytest.raises(ValueError, match=message):
        make(source)


def test_two_arrays_in_one_file(source: Path) -> None:
    np.savez(source / f"{CAR}_val_voxels.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(ValueError, match=r"must hold one array, got a.npy, b.npy"):
        make(source)


def test_channels_in_another_order(source: Path) -> None:
    images = np.zeros((3, 24, 4, 64, 64), np.uint8)
    images[:, :, :, 20:40, 20:40] = np.array([255, 40, 40, 40])[:, None, None]
    np.savez(source / f"{CAR}_train_images.npz", images)
    with pytest.raises(ValueError, match=r"must have the channels red, green, blue .inverted. and"):
        make(source)


@pytest.mark.parametrize("order", [(3, 0, 1, 2), (0, 3, 1, 2), (0, 1, 3, 2)])
def test_dark_objects_with_channels_in_another_order(source: Path, order: tuple[int, ...]) -> None:
    images = np.zeros((3, 24, 4, 64, 64), np.uint8)
    images[:, :, :, 20:40, 20:40] = np.array([230, 240, 220, 255])[:, None, None]
    np.savez(source / f"{CAR}_train_images.npz", images[:, :, order])
    with pytest.raises(ValueError, match="train_images.npz must have the .* in another order"):
        make(source)
    np.savez(source / f"{CAR}_train_images.npz", images)
    make(source)


def test_unknown_synsets(source: Path) -> None:
    with pytest.raises(
        ValueError, match="--synsets must be one of .*, got 'cra'; did you mean car"
    ):
        build("kato_npz", ["-i", str(source), "-o", "x.h5", "--synsets", "cra"])
    (source / "00000001_train_images.npz").touch()
    with pytest.raises(
        ValueError, match="got the unknown synset of 00000001_train_images.npz; nam"
    ):
        build("kato_npz", ["-i", str(source), "-o", "x.h5"])
    with pytest.raises(ValueError, match="got the unknown synset of 00000001_train_images.npz"):
        build("kato_npz", ["-i", str(source), "--verify"])


def test_missing_files_say_where_they_belong(source: Path) -> None:
    for kind in ("test_images", "val_voxels"):
        (source / f"{CAR}_{kind}.npz").unlink()
    missing = f"{CAR}_test_images.npz, {CAR}_val_voxels.npz; add them, or name fewer"
    with pytest.raises(
        FileNotFoundError, match=f"hold 6 files of 1 classes, got all but {missing}"
    ):
        make(source)
    with pytest.raises(
        FileNotFoundError, match="of 13 classes, got all but 02691156.* and 70 more"
    ):
        build("kato_npz", ["-i", str(source), "-o", str(source.parent / "k.h5")])
    folder = Source(source, folder="", work=source)
    with (
        pytest.raises(FileNotFoundError, match="not found; put a.npz into .*in$"),
        folder.open("a.npz"),
    ):
        pass
    with pytest.raises(ValueError, match="-i must be mesh_reconstruction.zip or the folder"):
        build("kato_npz", ["-o", "x.h5"])
    with pytest.raises(FileNotFoundError, match="nowhere not found; pass -i FOLDER or -i FILE.zip"):
        make(source / "nowhere")


def test_a_split_that_is_a_copy_of_another(source: Path) -> None:
    for kind in ("images", "voxels"):
        data = (source / f"{CAR}_train_{kind}.npz").read_bytes()
        (source / f"{CAR}_test_{kind}.npz").write_bytes(data)
    with pytest.raises(
        ValueError, match="split test must hold other objects than train, got 3 with"
    ):
        make(source)
    write_kato(source, ROWS)  # mended, while the objects of the first attempt still lie about
    assert read_index(make(source)).split.tolist() == [0, 0, 0, 1, 2, 2]


def test_a_few_copies_are_counted(source: Path) -> None:
    write_kato(source, {"train": 8, "val": 1, "test": 8})
    with np.load(source / f"{CAR}_train_images.npz") as file:
        train = file["arr_0"]
    with np.load(source / f"{CAR}_test_images.npz") as file:
        test = file["arr_0"]
    test[5] = train[2]
    np.savez(source / f"{CAR}_test_images.npz", test)
    with pytest.warns(UserWarning, match="1 objects have the same images as one of another split"):
        path = make(source)
    assert read_index(path).header.card["same images in two splits"] == "1"
