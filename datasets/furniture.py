"""Sweet Home 3D's furniture: real meshes, free, from the Debian package sweethome3d-furniture.

    apt-get install sweethome3d-furniture
    nr3d dataset build furniture -o data/furniture.h5

reads the .sh3f archives (zip files with a catalogue, OBJ, MTL and images). Categories come from the
models' names; models of no category are dropped. Creator and licence of each model are kept.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from nr3d.data.building import Job
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.recipes import load_recipe, run
from nr3d.data.verify import verify_dataset
from nr3d.geometry.files import LoadedMesh

DEFAULT_FOLDER = Path("/usr/share/sweethome3d/furniture")
CATALOGUE = "PluginFurnitureCatalog.properties"

CATEGORIES = {
    "seat": "chair armchair stool bench bank puff ottoman fotel rocker wheelchair seat lounge",
    "table": "table desk workbench island nightstand counter",
    "cabinet": "cabinet bookcase shelves shelf cupboard wardrobe dresser chest locker vanity safe",
    "lamp": "lamp light lamppost spotlight lantern candle strip lights chandelier flashlight",
    "vehicle": "car truck van bus suv sedan bicycle bike motorbike motorcycle scooter tricycle "
    "beetle lift biplane leon rowboat wheelbarrow stroller",
    "sofa": "sofa couch",
    "bed": "bed crib mattress futon bunk hammock",
    "plant": "plant tree cactus bamboo orchids flowers tulips lily yucca spathiphyllum ficus bush "
    "hedge acacia cypress poplar pine maple palm beech blossom bonsai",
    "vessel": "bowl vase cup mug glass bottle pot jar teapot kettle basket barrel bin trashcan "
    "dustbin pan pottery creamer can flacon milk bidet washbasin basin sink lavatory bath bathtub",
    "opening": "door window shutter",
    "appliance": "oven stove cooker refrigerator fridge freezer microwave machine toaster mixer "
    "blender boiler brewer maker hood fan heater furnace cooktop fryer grill dryer radiator cooler",
    "display": "tv laptop ibook imac tablet iphone phone frame",
}
"""Category to the words that decide: the last known word of a name names the thing."""

OTHER_THINGS = (
    "stand rack lock bat game football toy house swing hut model brush holder dispenser curtain "
    "stall box case press rug carpet shoes suit player remote racket sign tray rail railing blind "
    "tools set books newspaper logs cake horse plug glove helmet room"
)
"""Words that name things of no category: `table tennis bat` is no table."""

ENDS_NAME = re.compile(r"\b(?:with|and|on|under|for|in)\b|,|-\s")

LOOSE_EDGE = re.compile(rb"^f[ \t]+\S+[ \t]+\S+[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """One entry of a catalogue.

    Attributes:
        id: `ARCHIVE/NAME`, unique.
        name: English name.
        tags: Words that describe it.
        member: Path of the OBJ inside the archive.
        rotation: Row-major 3x3 that turns it upright, nine numbers.
        creator: Author.
    """

    id: str
    name: str
    tags: tuple[str, ...]
    member: str
    rotation: tuple[float, ...]
    creator: str


@dataclass(frozen=True)
class Archive:
    """One .sh3f file: its models and their terms."""

    path: Path
    models: tuple[Model, ...]
    licence: str


def category_of(name: str, tags: Sequence[str]) -> str | None:
    """Give the category of a model: from the last word of its name that is known, or its tags.

    What follows a comma or a preposition is ignored: a chair with cushion is a chair.
    """
    known: dict[str, str | None] = {word: None for word in OTHER_THINGS.split()}
    for category, words in CATEGORIES.items():
        known.update(dict.fromkeys(words.split(), category))
    head = ENDS_NAME.split(name.lower())[0]
    for word in reversed(re.findall(r"[a-z]+", head)):
        if word in known:
            return known[word]
    for tag in tags:
        category = known.get(tag.lower())
        if category is not None:
            return category
    return None


def parse_properties(text: str) -> dict[str, str]:
    r"""Read a Java properties file: comments, `key=value`, `\uXXXX`, lines continued by `\`."""
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*", r"\1", text)
    values = {}
    for line in joined.splitlines():
        line = line.lstrip()
        if not line or line[0] in "#!":
            continue
        match = re.match(r"((?:\\.|[^=:\\])*)[=:]?(.*)", line)
        assert match is not None, line
        values[_unescape(match[1].strip())] = _unescape(match[2].strip())
    return values


def _unescape(text: str) -> str:
    letters = {"t": "\t", "n": "\n", "r": "\r"}

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        return letters.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", replace, text)


def read_archive(path: Path) -> Archive:
    """Read the catalogue of a .sh3f archive.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No zip file, a truncated one, or one without a catalogue or models.
    """
    with _open_archive(path) as archive:
        try:
            text = archive.read(CATALOGUE).decode("iso-8859-1")
        except KeyError:
            raise ValueError(
                f"furniture archive {path} must hold {CATALOGUE}, got none; "
                "it is no Sweet Home 3D furniture library"
            ) from None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(
                f"furniture archive {path} must be whole, got a damaged catalogue ({error}); "
                "install the package again"
            ) from error
    values = parse_properties(text)
    numbers = sorted(int(key[6:]) for key in values if re.fullmatch(r"model#\d+", key))
    models = tuple(_model(path, values, number) for number in numbers)
    if not models:
        raise ValueError(f"furniture archive {path} must list at least one model, got none")
    return Archive(path, models, values.get("license", "unknown"))


def _open_archive(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise FileNotFoundError(f"furniture archive {path} not found")
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"furniture archive {path} must be a whole zip file, got a truncated or different one "
            f"({error}); install the package again"
        ) from error


def _model(path: Path, values: dict[str, str], number: int) -> Model:
    def value(key: str) -> str:
        return values.get(f"{key}#{number}", "")

    member = value("model").lstrip("/")
    parts = PurePosixPath(member)
    if ".." in parts.parts or "\\" in member or ":" in member:
        raise ValueError(
            f"furniture archive {path} must keep its models inside, got model#{number} = {member}"
        )
    try:
        rotation = tuple(float(word) for word in value("modelRotation").split())
    except ValueError:
        rotation = (float("nan"),)
    if rotation and (len(rotation) != 9 or not all(abs(entry) <= 2 for entry in rotation)):
        raise ValueError(
            f"furniture archive {path}: modelRotation#{number} must be 9 numbers, "
            f"got {value('modelRotation')!r}"
        )
    return Model(
        id=f"{path.stem}/{parts.stem}",
        name=value("name"),
        tags=tuple(tag.strip() for tag in value("tags").split(",") if tag.strip()),
        member=member,
        rotation=rotation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        creator=value("creator"),
    )


def load_model(path: Path, member: str) -> LoadedMesh:
    """Load one OBJ, its materials and its images, which lie beside it, from an archive.

    Old exports name material files and images that are not there, or on the disk of who made them,
    which is no reason to lose the model: a warning says so. They also write loose edges as faces of
    two vertices, which draw nothing.

    Raises:
        ValueError: The member is missing or damaged, or no usable OBJ.
    """
    with _open_archive(path) as archive, tempfile.TemporaryDirectory() as work:
        _extract_beside(archive, path, member, Path(work))
        file = Path(work) / PurePosixPath(member).name
        if not file.is_file():
            raise ValueError(f"furniture archive {path} must hold {member}, got no such member")
        file.write_bytes(LOOSE_EDGE.sub(b"", file.read_bytes()))
        place = f"{path.name}:{PurePosixPath(member).parent}"
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                mesh: LoadedMesh = load_recipe("meshes").load_with_images(file)
        except ValueError as error:
            raise ValueError(str(error).replace(work, place)) from error
        for each in caught:
            warnings.warn(str(each.message).replace(work, place), stacklevel=2)
        return mesh


def _extract_beside(archive: zipfile.ZipFile, path: Path, member: str, work: Path) -> None:
    """Extract a member and all files of its folder; a damaged image is warned about."""
    for info in archive.infolist():
        entry = PurePosixPath(info.filename)
        if info.is_dir() or entry.parent != PurePosixPath(member).parent:
            continue
        try:
            (work / entry.name).write_bytes(read_member(archive, info, path))
        except ValueError as error:
            if entry.suffix.lower() in (".obj", ".mtl"):
                raise
            warnings.warn(str(error), stacklevel=2)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo | str, path: Path) -> bytes:
    """Read one file of an archive.

    Raises:
        ValueError: It is missing or damaged.
    """
    name = info if isinstance(info, str) else info.filename
    try:
        return archive.read(info)
    except KeyError:
        raise ValueError(f"furniture archive {path} must hold {name}, got no such member") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"furniture archive {path} must be whole, got a damaged {name} ({error})"
        ) from error


def load_upright(settings: dict[str, Any]) -> LoadedMesh:
    """Load the model of a job and turn it upright."""
    mesh = load_model(Path(settings["archive"]), settings["member"])
    rotation = torch.tensor(settings["rotation"], dtype=mesh.vertices.dtype).view(3, 3)
    return replace(mesh, vertices=mesh.vertices @ rotation.T)


def make_record(job: Job) -> ObjectRecord:
    """Load one model, turn it upright and make its record."""
    record: ObjectRecord = load_recipe("meshes").record_of_mesh(
        job,
        load_upright(job.settings),
        creator=job.settings["creator"],
        licence=job.settings["licence"],
    )
    return record


def find_jobs(archives: Sequence[Archive]) -> tuple[list[Job], Counter[str]]:
    """Give the models that have a category, and how many of each archive have none."""
    names = list(CATEGORIES)
    jobs: dict[str, Job] = {}
    dropped: Counter[str] = Counter()
    for archive in archives:
        for model in archive.models:
            category = category_of(model.name, model.tags)
            if category is None:
                dropped[archive.path.name] += 1
                continue
            settings = {
                "archive": str(archive.path.resolve()),
                "member": model.member,
                "rotation": model.rotation,
                "creator": model.creator,
                "licence": archive.licence,
            }
            id = model.id if model.id not in jobs else f"{model.id}-{len(jobs)}"
            jobs[id] = Job(id, names.index(category), settings)
    return list(jobs.values()), dropped


def find_archives(source: Path) -> list[Archive]:
    """Read one .sh3f file, or all of a folder.

    Raises:
        FileNotFoundError: No such file or folder, or a folder without archives.
        ValueError: An archive that cannot be used.
    """
    paths = sorted(source.glob("*.sh3f")) if source.is_dir() else [source]
    if not paths or not source.exists():
        raise FileNotFoundError(
            f"furniture archives in {source} not found; run apt-get install "
            "sweethome3d-furniture, or pass -i FOLDER with .sh3f files"
        )
    return [read_archive(path) for path in paths]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument(
        "-i",
        "--input",
        type=Path,
        default=DEFAULT_FOLDER,
        help=f"a .sh3f file or a folder of them (default {DEFAULT_FOLDER})",
    )


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    archives = find_archives(arguments.input)
    jobs, dropped = find_jobs(archives)
    meshes = load_recipe("meshes")
    header = Header(
        categories=tuple(CATEGORIES),
        viewing_angle=meshes.VIEWING_ANGLE,
        source="Sweet Home 3D furniture libraries: "
        + ", ".join(archive.path.name for archive in archives),
        licence="; ".join(sorted({archive.licence for archive in archives})),
        recipe="furniture, with images, with surfaces",
        card={"models of no category, dropped": str(sum(dropped.values()))},
    )
    meshes.build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=arguments.limit,
        num_workers=arguments.workers,
    )


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
