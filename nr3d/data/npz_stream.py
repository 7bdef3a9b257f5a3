"""Read NPZ files: large ones row by row in constant memory, small ones whole; never unpickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


class NpzRows:
    """The rows (first axis) of the only array of an NPZ file, whatever its key.

    Compressed and plain members are read alike, from front to back; the last row is followed by
    the check of the file's own checksum.

    Attributes:
        path: The file.
        shape: Of the whole array.
        dtype: Of the array.

    Args:
        path: An NPZ file with one array.
        stream: The open member, at its start.
    """

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path = path
        self._stream = stream
        self.shape, self.dtype = _read_header(path, stream)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Give one row after the other.

        Raises:
            ValueError: The file ends early or is damaged.
        """
        num_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        for number in range(len(self)):
            row = self._read(num_bytes, number)
            yield np.frombuffer(row, dtype=self.dtype).reshape(self.shape[1:])
        if self._read_some(1, len(self)):
            raise _damaged(self.path, f"bytes behind row {len(self) - 1}")

    def _read(self, num_bytes: int, number: int) -> bytes:
        pieces = []
        while num_bytes > 0:
            piece = self._read_some(num_bytes, number)
            if not piece:
                raise _damaged(self.path, f"its end inside row {number} of {len(self)}")
            pieces.append(piece)
            num_bytes -= len(piece)
        return b"".join(pieces)

    def _read_some(self, num_bytes: int, number: int) -> bytes:
        try:
            return self._stream.read(num_bytes)
        except _BROKEN as error:
            raise _damaged(self.path, f"{error} at row {number}") from error


@contextmanager
def open_npz(path: Path) -> Iterator[NpzRows]:
    """Open the only array of an NPZ file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no whole NPZ file, holds another number of arrays than one, or an array
            of Python objects, which would have to be unpickled.
    """
    if not path.is_file():
        raise FileNotFoundError(f"archive {path} not found")
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise _damaged(path, str(error)) from error
    with archive:
        members = archive.infolist()
        if len(members) != 1:
            names = ", ".join(member.filename for member in members) or "none"
            raise ValueError(f"archive {path} must hold one array, got {names}")
        try:
            stream = archive.open(members[0])
        except (*_BROKEN, NotImplementedError, RuntimeError) as error:
            raise _damaged(path, str(error)) from error
        with stream:
            yield NpzRows(path, stream)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a small NPZ file; nothing is unpickled.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or holds Python objects.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} not found")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (*_BROKEN, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} must be a whole NPZ file of plain numbers, got {error}; nothing is unpickled, "
            "get it from its authors again"
        ) from error


def _read_header(path: Path, stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, is_fortran, dtype = read(stream)
    except (KeyError, ValueError, *_BROKEN) as error:
        raise ValueError(
            f"archive {path} must hold an array of NumPy's format 1 or 2, got {error}; anything "
            "else is not read, and nothing is unpickled"
        ) from error
    if dtype.hasobject:
        raise ValueError(
            f"archive {path} must hold plain numbers, got pickled Python objects; they could run "
            "any program and are never unpickled: get the archive from its authors again"
        )
    if is_fortran or len(shape) == 0:
        raise ValueError(
            f"archive {path} must hold rows in C order, got {list(shape)} in Fortran's"
        )
    return shape, dtype


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(
        f"archive {path} must be a whole NPZ file, got {what}; it may be half downloaded or "
        "damaged: copy or download it again"
    )
