"""Is a mission's file taken apart and put together without a byte lost, and is one value changed and nothing else?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.document import read, with_fields
from missions.frontmatter import Malformed
from missions.merging.parsed_file import parse_file, with_text, with_value
from missions.mission import Mission

FILE = """\
---
# what it is
title: "Fix: it"  # short
to: [desk, vps]
priority: 5

scope:
  - src/**
  - docs/**
---
Do it.

And test.
"""
RESULT = with_fields(FILE, {"status": "done"})


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        FILE.replace("\n", "\r\n"),
        "\ufeff" + FILE,
        "Only words.\n",
        "",
        "---\n---\n",
        "---\ntitle: x\n---\n",
        "---\ntitle: x\n---\nWords.",
        RESULT,
    ],
)
def test_the_pieces_are_the_file(text: str) -> None:
    """Marks, comments, blank lines and line endings included."""
    assert parse_file(text.encode()).print() == text


def test_each_piece_is_what_it_is() -> None:
    """A value with what stands around it; a list's words; the comments belong to nobody."""
    made = parse_file(FILE.encode())
    title, scope = made.chunks["title"], made.chunks["scope"]
    assert (title.before, title.source, title.after) == ("title: ", '"Fix: it"', "  # short\n")
    assert (title.is_single_line, title.value) == (True, '"Fix: it"')
    assert (scope.is_single_line, scope.items) == (False, ("src/**", "docs/**"))
    assert made.chunks["to"].items == ("desk", "vps")
    assert (made.text, made.space, made.nodes) == ("Do it.\n\nAnd test.", "\n", "")
    assert "# what it is\n" in made.skeleton
    assert made.line_break == "\n"
    assert parse_file(FILE.replace("\n", "\r\n").encode()).line_break == "\r\n"


@pytest.mark.parametrize(
    "head",
    ["title: [\n", "{title: x, to: y}\n", "title: x\ntitle: y\n", "title: &a x\nto: *a\n", "? title\n: x\n", "- a\n"],
)
def test_what_is_not_one_field_after_the_other_is_not_taken_apart(head: str) -> None:
    """Or it comes back byte for byte."""
    text = f"---\n{head}---\nx\n"
    try:
        made = parse_file(text.encode())
    except Malformed:
        return
    assert made.print() == text


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("title", "Other", "title: Other  # short\n"),
        ("priority", "9", "priority: 9\n"),
        ("to", "[nas]", "to: [nas]\n"),
        ("scope", "scope:\n  - lib/**", "scope:\n  - lib/**\n"),
        ("scope", "[lib/**]", "scope: [lib/**]\n"),
        ("agent", "claude", "agent: claude\n"),
        ("agent", "agent: claude", "agent: claude\n"),
    ],
)
def test_one_value_is_changed_and_nothing_else(key: str, value: str, line: str) -> None:
    """In its shape on its line; a new one stands at the end; a text of whole lines takes the place of the lines."""
    new = with_value(FILE.encode(), key, value).decode()
    assert line in new
    before, after = parse_file(FILE.encode()), parse_file(new.encode())
    for name in before.chunks.keys() - {key}:
        assert after.chunks[name].raw == before.chunks[name].raw
    assert after.text == before.text
    assert "# what it is\n" in new
    assert with_value(new.encode(), key, value).decode() == new


@pytest.mark.parametrize("key", ["title", "to", "priority", "scope"])
def test_a_value_is_taken_out(key: str) -> None:
    """With its lines, and without the others; taking it out again changes nothing."""
    new = with_value(FILE.encode(), key, None)
    assert key not in parse_file(new).chunks
    assert with_value(new, key, None) == new
    assert isinstance(read("missions/m.md", new), Mission)


@pytest.mark.parametrize(
    "value", ["x\nrun: rm -rf /", "x\n---\nWords", "[", '"', "x\nto: [eve]", "x\n  y: z\nrun: b", "&a b\nrun: *a"]
)
def test_a_value_that_would_be_more_than_one_is_refused(value: str) -> None:
    """What stands in a conflict's document may be anybody's: it sets this field, or nothing."""
    for key in ("title", "agent"):
        try:
            new = with_value(FILE.encode(), key, value)
        except Malformed:
            continue
        before, after = parse_file(FILE.encode()), parse_file(new)
        assert after.chunks.keys() - {key} == before.chunks.keys() - {key}
        assert {n: c.says for n, c in after.chunks.items() if n != key} == {
            n: c.says for n, c in before.chunks.items() if n != key
        }
        assert after.text == before.text


def test_a_file_without_fields_gets_its_first() -> None:
    """And its fences with it, in its own line endings."""
    assert with_value(b"Words.\n", "title", "x") == b"---\ntitle: x\n---\nWords.\n"
    assert with_value(b"Words.\r\n", "title", "x") == b"---\r\ntitle: x\r\n---\r\nWords.\r\n"
    assert with_value(b"Words.\n", "title", None) == b"Words.\n"


KEYS = st.sampled_from(["title", "to", "priority", "agent", "scope", "task"])
VALUES = st.text(max_size=15) | st.sampled_from(["x", "[a, b]", "5", "\n", "a: b", "'", "# x", "---", "a #b", "|\n x"])


@given(KEYS, VALUES)
def test_any_value_sets_its_field_or_nothing(key: str, value: str) -> None:
    """No other field and no word of the text is ever another one after it."""
    try:
        new = with_value(FILE.encode(), key, value)
    except (Malformed, UnicodeEncodeError):
        return
    before, after = parse_file(FILE.encode()), parse_file(new)
    assert {n: c.says for n, c in after.chunks.items() if n != key} == {
        n: c.says for n, c in before.chunks.items() if n != key
    }
    assert after.text == before.text


def test_a_text_is_put_in_the_place_of_another() -> None:
    """Where that stands once; below the fields, and above what nodes wrote."""
    assert b"Do it well.\n\nAnd test." in with_text(FILE.encode(), "Do it.", "Do it well.")
    assert b"Do it.\n\nAnd test.\nAnd more.\n" in with_text(FILE.encode(), None, "And more.")
    assert with_text(b"", None, "First.") == b"First."
    assert b"And test." not in with_text(FILE.encode(), "\n\nAnd test.", None)
    windows = with_text(FILE.replace("\n", "\r\n").encode(), "Do it.\n\nAnd", "Do\nit.\n\nAnd")
    assert b"Do\r\nit.\r\n\r\nAnd" in windows


@pytest.mark.parametrize("old", ["gone", "t", "title"])
def test_a_text_that_does_not_stand_there_once_is_not_replaced(old: str) -> None:
    """It changed since, it stands there twice, or it stands among the fields."""
    with pytest.raises(Malformed, match="does not stand there"):
        with_text(FILE.encode(), old, "new")
