"""Read the .wandb file that a run leaves: a log in LevelDB's format of wandb's own records."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 1 << 15
FRAME = struct.Struct("<IHB")  # check sum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
START = 7  # the header of the file: ":W&B", a magic number, a version


def read_records(folder: Path) -> list[Any]:
    """Give the records of the one .wandb file in a run's folder, in order."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    records = []
    for message in _messages(path.read_bytes()):
        record = Record()
        record.ParseFromString(message)
        records.append(record)
    return records


def history(records: list[Any]) -> list[dict[str, Any]]:
    """Give the rows that were logged, nested keys joined by dots."""
    rows = [each.history for each in records if each.WhichOneof("record_type") == "history"]
    return [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in row.item}
        for row in rows
    ]


def summary(records: list[Any]) -> dict[str, Any]:
    """Give the summary as the last update of each key leaves it."""
    found: dict[str, Any] = {}
    for record in records:
        for item in record.summary.update:
            found[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    return found


def config(records: list[Any]) -> dict[str, Any]:
    """Give the configuration that the run was started with."""
    (run,) = [each.run for each in records if each.WhichOneof("record_type") == "run"]
    return {item.key: json.loads(item.value_json) for item in run.config.update}


def _messages(data: bytes) -> Iterator[bytes]:
    assert data.startswith(b":W&B"), "no .wandb file"
    position, message = START, b""
    while position + FRAME.size <= len(data):
        if BLOCK - position % BLOCK < FRAME.size:  # filler at the end of a block
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = FRAME.unpack_from(data, position)
        position += FRAME.size
        message += data[position : position + length]
        position += length
        if kind in (WHOLE, LAST):
            yield message
            message = b""
