"""Lines of text, whatever their ends and wherever a read stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from nr3d.geometry import text_lines
from nr3d.geometry.text_lines import cut_comment, join_continued, read_lines

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


@pytest.mark.parametrize("text", [b"", b"v 0 0 0\nv 1 1 1\n", b"ab"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.obj").write_bytes(b"\xef\xbb\xbf" + text)
    lines, is_ended = read_lines(tmp_path / "a.obj", kind="OBJ")
    assert lines == text.splitlines() and is_ended == (text != b"ab")


def test_comments_begin_where_a_word_does() -> None:
    lines = [b"# a", b"f 1 2 3 # b", b"a#b c", b"a#b\t#c", b"", b"#"]
    assert [cut_comment(line) for line in lines] == [b"", b"f 1 2 3", b"a#b c", b"a#b", b"", b""]


def test_a_comment_ends_with_its_line() -> None:
    lines = [b"# in C:\\meshes\\", b"v 0 0 0 # here \\", b"v 1 1 1"]
    assert join_continued(lines) == lines
