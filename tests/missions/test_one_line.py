"""How another's text is made fit for one line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.one_line import one_line, printable, shorten


@given(st.text(), st.integers(2, 40), st.booleans())
@settings(deadline=None)
def test_a_shortened_text_fits_and_shows_that_something_is_missing(text: str, limit: int, words: bool) -> None:
    """It begins like the text and ends with an ellipsis, unless nothing is left out."""
    short = shorten(text, limit, words=words)
    assert len(short) <= limit
    assert text.startswith(short.removesuffix("…") if short != text else text)
    assert short == text or short.endswith("…")


def test_it_may_end_after_a_whole_word() -> None:
    """By itself anywhere; with `words` not inside a word, but for one that is longer than all before it."""
    assert shorten("one two three", 10) == "one two t…"
    assert shorten("one two three", 10, words=True) == "one two…"
    assert shorten("one two three", 8, words=True) == "one two…"
    assert shorten("extraordinarily", 8, words=True) == "extraor…"
    assert shorten(" " * 12, 10, words=True) == "…"
    assert shorten("a extraordinarily", 10, words=True) == "a extraor…"


@given(st.text(), st.integers(2, 40))
@settings(deadline=None)
def test_one_line_has_no_line_end(text: str, limit: int) -> None:
    """Whatever splits lines is a space, and no two spaces follow each other."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.splitlines() in ([], [line])
    assert "  " not in line


@given(st.text())
def test_what_is_printed_moves_no_cursor_and_turns_no_words(text: str) -> None:
    """No control, format or surrogate character is left, and no separator but the space; the rest is as it was."""
    shown = printable(text)
    assert len(shown) == len(text)
    assert not [c for c in shown if unicodedata.category(c)[0] in "CZ" and c != " "]
    assert all(after in (before, " ") for before, after in zip(text, shown, strict=True))


HOSTILE = ["\x1b", "\x9b", "\r", "\n", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff", "\udc80"]


@pytest.mark.parametrize("char", HOSTILE, ids=lambda char: f"U+{ord(char):04X}")
def test_a_hostile_character_is_replaced(char: str) -> None:
    """Escape sequences, line ends, what turns the reading direction, what is not seen, half a character."""
    assert printable(f"a{char}b") == "a b"
    assert printable(f"a{char}b", instead="?") == "a?b"
