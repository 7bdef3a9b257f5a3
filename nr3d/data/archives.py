"""Files of a source: in a folder, or inside one big ZIP file whose checksum is known."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

BLOCK = 1 << 20


def md5_of(path: Path) -> str:
    """Give the MD5 checksum of a file, read block by block."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_md5(path: Path, expected: str) -> None:
    """Check the MD5 checksum of a downloaded file.

    Raises:
        ValueError: It is another; the message names both.
    """
    actual = md5_of(path)
    if actual != expected.lower():
        raise ValueError(
            f"archive {path} must have md5 {expected}, got {actual} ({path.stat().st_size} bytes); "
            "it is half downloaded or another version: download it again, or name the md5 of "
            "your version with --md5"
        )


def state_of(path: Path) -> str:
    """Tell size and time of change of a file; for a folder, a digest of those of all its files."""
    if path.is_file():
        status = path.stat()
        return f"{status.st_size} bytes, {status.st_mtime_ns} ns"
    if not path.is_dir():
        return "missing"
    digest = hashlib.md5(usedforsecurity=False)
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in sorted(files):
            name = Path(folder, file)
            status = os.stat(name, follow_symlinks=name.exists())  # a link may lead nowhere
            digest.update(f"{folder}/{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"files {digest.hexdigest()}"


class Source:
    """Files by name: below a folder or a sub-folder of it, or in a ZIP file.

    A file of a ZIP is unpacked beside `work` while it is used, one at a time.

    Args:
        path: The folder or the ZIP file.
        folder: Name of the sub-folder that the files may be in.
        work: Where there is room for one unpacked file.
        md5: Of the ZIP file, where it has been checked.

    Raises:
        FileNotFoundError: There is no such path.
        ValueError: The file is no whole ZIP file.
    """

    def __init__(self, path: Path, *, folder: str, work: Path, md5: str | None = None) -> None:
        if not path.exists():
            raise FileNotFoundError(f"archive {path} not found; pass -i FOLDER or -i FILE.zip")
        self.path = path
        self.folder = folder
        self.work = work
        self.md5 = md5
        self._members: dict[str, zipfile.ZipInfo] = {}
        if path.is_file():
            try:
                with zipfile.ZipFile(path) as archive:
                    members = archive.infolist()
            except zipfile.BadZipFile as error:
                raise _damaged(path, str(error)) from error
            self._members = {PurePosixPath(each.filename).name: each for each in members}

    @property
    def names(self) -> list[str]:
        """Names of all files."""
        if self.path.is_file():
            return sorted(self._members)
        return sorted(path.name for path in self._place().iterdir() if path.is_file())

    def state(self, name: str) -> str:
        """Tell what changes when what a name is read from does."""
        if not self.path.is_file():
            return state_of(self._place() / name)
        return state_of(self.path) if self.md5 is None else f"md5 {self.md5.lower()}"

    @contextmanager
    def open(self, name: str) -> Iterator[Path]:
        """Give the path of a file for as long as it is used.

        Raises:
            FileNotFoundError: It is missing; the message says where it belongs.
            ValueError: It is damaged inside the ZIP file.
        """
        if not self.path.is_file():
            file = self._place() / name
            if not file.is_file():
                raise FileNotFoundError(f"archive {file} not found; put {name} into {file.parent}")
            yield file
            return
        if name not in self._members:
            raise FileNotFoundError(f"archive {self.path} must hold {name}, got none of that name")
        self.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.work, prefix="unpacked-") as room:
            file = Path(room) / name
            try:
                with zipfile.ZipFile(self.path) as archive:
                    packed = archive.open(self._members[name])
                    with packed, file.open("wb") as target:
                        shutil.copyfileobj(packed, target, BLOCK)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise _damaged(self.path, f"{error} in {name}") from error
            yield file

    def _place(self) -> Path:
        inner = self.path / self.folder
        return inner if inner.is_dir() else self.path


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(
        f"archive {path} must be a whole ZIP file, got {what}; it may be half downloaded: "
        "download it again"
    )
