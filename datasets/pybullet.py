"""PyBullet's random objects: 1,000 small real meshes of no category, free, from a wheel on PyPI.

    pip download --no-deps --only-binary=:all: pybullet
    nr3d dataset build pybullet -i pybullet-*.whl -o data/pybullet.h5

reads the wheel as the zip file it is; nothing is installed. Where pip finds none for your machine,
add --python-version 3.11 --platform manylinux2014_x86_64: the meshes are the same. Each object is
a union of convex parts, z up, drawn in the colour of its URDF. datasets/pybullet.md has counts and
flaws.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import torch

from nr3d.data.building import Job
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.partition import partition_alike
from nr3d.data.recipes import load_recipe, run
from nr3d.data.verify import verify_dataset
from nr3d.geometry.files import LoadedMesh, load_mesh

DOWNLOAD = "pip download --no-deps --only-binary=:all: pybullet"
FOLDER = "pybullet_data/random_urdfs"
NUM_OBJECTS = 1000
LICENCE = "zlib"
CREATOR = "Erwin Coumans, Yunfei Bai, Jasmine Hsu (PyBullet)"

WHEELS = {
    "pybullet-3.2.7-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "599ededea2c2fbc108a0166b9f09e104",
        "814e6b0c035a634b5c46f69065effb085cc451886dda4140576be2f34b461940",
    ),
    "pybullet-3.2.7-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "cf213eb84a2bfc8438fbc0b854038040",
        "5d858abf7c12a21ef3ed351cf81dac1b5e486ec25c9ab59bfc84beb89034edff",
    ),
}
"""MD5 and SHA-256 of wheels that were read; a file of such a name must have them."""

CONTENT = "9a69581e992304dbb79025c21ee7ecc0b1b98d843843944926be0960185c1bd4"
"""SHA-256 over all OBJ and URDF files in order: the same in every wheel, whatever its platform."""


def check_wheel(path: Path) -> None:
    """Check the sums of a wheel, and those of the meshes inside.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, half downloaded, no wheel of pybullet, or has other meshes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"pybullet wheel {path} not found; run {DOWNLOAD}, then pass -i")
    md5, sha256 = WHEELS.get(path.name, ("", ""))
    for kind, expected in (("md5", md5), ("sha256", sha256)):
        actual = _sum_of(path, kind) if expected else ""
        if actual != expected:
            raise ValueError(
                f"pybullet wheel {path} must have {kind} {expected}, got {actual} "
                f"({path.stat().st_size} bytes); it may be half downloaded: run {DOWNLOAD} again"
            )
    actual = content_sum(path)
    if actual != CONTENT:
        raise ValueError(
            f"pybullet wheel {path} must hold the meshes with sha256 {CONTENT}, got {actual}; "
            "take version 3.2.7: scores on other meshes cannot be compared"
        )


def content_sum(path: Path) -> str:
    """Give the SHA-256 over the OBJ and the URDF of every object, in order.

    Raises:
        ValueError: The file is no whole zip file, or an object is missing.
    """
    digest = hashlib.sha256()
    with _open_wheel(path) as wheel:
        for number in range(NUM_OBJECTS):
            for suffix in ("obj", "urdf"):
                digest.update(_read(wheel, path, _member(number, suffix)))
    return digest.hexdigest()


def _sum_of(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        digest = hashlib.new(kind, usedforsecurity=False)
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _open_wheel(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"pybullet wheel {path} must be a whole zip file, got a truncated or different one "
            f"({error}); run {DOWNLOAD} again"
        ) from error


def _read(wheel: zipfile.ZipFile, path: Path, member: str) -> bytes:
    try:
        return wheel.read(member)
    except KeyError:
        raise ValueError(
            f"pybullet wheel {path} must hold {member}, got no such member; run {DOWNLOAD}"
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"pybullet wheel {path} must be whole, got a damaged {member} ({error}); "
            f"run {DOWNLOAD} again"
        ) from error


def _member(number: int, suffix: str) -> str:
    return f"{FOLDER}/{number:03d}/{number:03d}.{suffix}"


def load_object(path: Path, number: int) -> LoadedMesh:
    """Load one object, y up, with the colour of its URDF.

    Raises:
        ValueError: Its OBJ or its URDF cannot be used.
    """
    with _open_wheel(path) as wheel, tempfile.TemporaryDirectory() as work:
        file = Path(work) / f"{number:03d}.obj"
        # Its material is the same grey in all objects: without it nothing warns of a missing file.
        text = _read(wheel, path, _member(number, "obj"))
        file.write_bytes(re.sub(rb"(?m)^(mtllib|usemtl) .*$", b"", text))
        urdf = _read(wheel, path, _member(number, "urdf")).decode("utf-8", "replace")
        try:
            mesh = load_mesh(file)
        except ValueError as error:
            raise ValueError(str(error).replace(work, f"{path.name}:{FOLDER}")) from error
    x, y, z = mesh.vertices.unbind(dim=1)
    vertices = torch.stack([x, z, -y], dim=1)
    colors = torch.tensor(color_of(urdf, _member(number, "urdf"))).expand(len(vertices), 3)
    return replace(mesh, vertices=vertices, face_colors=None, vertex_colors=colors.contiguous())


def color_of(urdf: str, name: str) -> tuple[float, float, float]:
    """Read the RGB in [0, 1] of the only material of an URDF.

    Raises:
        ValueError: There is none, or no colour.
    """
    match = re.search(r'<color\s+rgba="([^"]*)"', urdf)
    words = match[1].split() if match else []
    try:
        red, green, blue, _ = (float(word) for word in words)
    except ValueError:
        red = green = blue = float("nan")
    if not all(0.0 <= value <= 1.0 for value in (red, green, blue)):
        raise ValueError(
            f"{name} must have a colour of four numbers in [0, 1], got {' '.join(words) or 'none'}"
        )
    return red, green, blue


def make_record(job: Job) -> ObjectRecord:
    """Load one object and make its record."""
    mesh = load_object(Path(job.settings["wheel"]), job.settings["number"])
    record: ObjectRecord = load_recipe("meshes").record_of_mesh(
        job, mesh, creator=CREATOR, licence=LICENCE
    )
    return record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this recipe understands."""
    parser.add_argument(
        "-i", "--input", type=Path, metavar="WHEEL", help=f"the wheel; get it by {DOWNLOAD}"
    )


def build(arguments: argparse.Namespace) -> None:
    """Make the dataset."""
    if arguments.input is None:
        raise ValueError(f"pybullet: -i must be the wheel, got nothing; run {DOWNLOAD}, pass -i")
    check_wheel(arguments.input)
    meshes = load_recipe("meshes")
    wheel = str(arguments.input.resolve())
    jobs = [
        Job(f"{number:03d}", 0, {"wheel": wheel, "number": number}) for number in range(NUM_OBJECTS)
    ]
    header = Header(
        categories=("object",),
        viewing_angle=meshes.VIEWING_ANGLE,
        source=f"{FOLDER} of the wheel pybullet on PyPI ({arguments.input.name})",
        licence=LICENCE,
        recipe="pybullet, with surfaces",
        card={"sha256 of the meshes": CONTENT},
    )
    meshes.build_from(
        arguments.output,
        recipe=Path(__file__).resolve(),
        jobs=jobs,
        header=header,
        limit=arguments.limit,
        num_workers=arguments.workers,
        partition=partition_alike,
    )


def verify_source(arguments: argparse.Namespace) -> None:
    """Check the sums of the wheel and of its meshes."""
    check_wheel(arguments.input)
    print(f"{arguments.input}: the {NUM_OBJECTS} expected meshes are there, unchanged")


def verify(path: Path) -> None:
    """Check every image of the dataset."""
    index = verify_dataset(path)
    print(f"{path}: {len(index.ids)} objects are sound")


if __name__ == "__main__":
    run(sys.modules[__name__], sys.argv[1:])
