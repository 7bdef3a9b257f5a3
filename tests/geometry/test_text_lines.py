"""Lines of text, whatever their ends and wherever a read stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from nr3d.geometry import text_lines
from nr3d.geometry.text_lines import join_continued, read_lines

TEXTS = [b"", b"\n", b"ab", b"ab\n", b"ab\r\n", b"ab\r", b"a\r\nb\r\n", b"a\rb\rc", b"a\n\n\r\n\rb"]


@pytest.mark.parametrize("limit", [4, 5, 6, 1000])
@pytest.mark.parametrize("text", [*TEXTS, b"abc\r\n" * 9, b"a\r\n" * 9 + b"abc", b"\r\n" * 9])
def test_lines_are_those_of_splitlines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, text: bytes
) -> None:
    monkeypatch.setattr(text_lines, "MAX_LINE", limit)
    (tmp_path / "a.obj").write_bytes(text)
    lines, is_ended = read_lines(tmp_path / "a.obj", kind="OBJ")
    assert lines == text.splitlines()
    assert is_ended == (not text or text.endswith((b"\n", b"\r")))


@pytest.mark.parametrize("end", [b"", b"\n", b"\nab\n"])
@pytest.mark.parametrize("length", [9, 15, 16, 17, 40])
def test_long_lines_are_refused_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, length: int
) -> None:
    monkeypatch.setattr(text_lines, "MAX_LINE", 8)
    (tmp_path / "a.obj").write_bytes(b"a\nb\n" + b"c" * length + end)
    with pytest.raises(ValueError, match="a.obj, line 3: a line must have at most 8 bytes, got mo"):
        read_lines(tmp_path / "a.obj", kind="OBJ")


def test_continued_lines_leave_empty_ones_behind() -> None:
    lines = [b"a \\", b"b\\", b"c", b"d", b"e \\"]
    assert join_continued(lines) == [b"a  b c", b"", b"", b"d", b"e \\"]
    assert join_continued([b"a\\", b"b\\"]) == [b"a b\\", b""]
