"""Lists of closed benchmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nr3d.data.listing import Entry, check_against, digest_of, read_listing, write_listing

ENTRIES = (
    Entry("a/chair", "seat", "a/chair", "train", digest_of(b"one")),
    Entry("a/chair, red", "seat", "a/chair", "train", digest_of(b"two")),
    Entry("b/lamp é", "lamp", "b/lamp é", "test", digest_of(b"three")),
)


def check(found: list[Entry]) -> None:
    by_id = {entry.id: entry for entry in found}
    check_against("the build", by_id, ENTRIES, remedy="look again")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_listing(tmp_path / "list.csv", ENTRIES)
    assert read_listing(tmp_path / "list.csv") == ENTRIES
    assert digest_of(b"one") == "7692c3ad3540bb80"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with id,category,family,split,digest, got nothing"),
        ("id,split\n", "must begin with id,category,family,split,digest, got id,split"),
        ("{}a,seat,a\n", "line 2 must have 5 columns and the split train, val, test, got a,seat,a"),
        ("{}a,seat,a,dev,0\n", "line 2 must have 5 columns .* got a,seat,a,dev,0"),
        ("{0}{1}{1}", "must name each object once, got a twice"),
        (
            "{0}{1}b,seat,a,test,0\n",
            "must keep a family in one split, got a in train and, with b, in test",
        ),
    ],
)
def test_unusable_lists(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text.format("id,category,family,split,digest\n", "a,seat,a,train,0\n"))
    with pytest.raises(ValueError, match=f"benchmark list .*list.csv.* {message}"):
        read_listing(path)


def test_missing_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="benchmark list .*gone.csv not found"):
        read_listing(tmp_path / "gone.csv")


def test_what_agrees_is_accepted() -> None:
    check(list(ENTRIES))
    check([replace(entry, split="", family="") for entry in ENTRIES])


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (ENTRIES[1:], "the 3 listed objects, got 1 differences: a/chair is missing; look again"),
        ((*ENTRIES, Entry("c", "", "", "", "")), "differences: c is not listed; look again"),
        (
            (*ENTRIES[:2], replace(ENTRIES[2], split="val")),
            "differences: b/lamp é has the split val, listed is test; look again",
        ),
        ((), "got 3 differences: a/chair is missing; a/chair, red is missing"),
    ],
)
def test_differences_are_named(found: tuple[Entry, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(list(found))


def test_many_differences_are_counted() -> None:
    others = [Entry(f"other {number}", "", "", "", "") for number in range(7)]
    with pytest.raises(ValueError, match="got 7 differences: .*other 4 is not listed; and 2 more;"):
        check([*ENTRIES, *others])
