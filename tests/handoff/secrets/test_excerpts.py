"""Does a cut leave no part of a secret, wherever it falls?"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from handoff.secrets.excerpts import SPARE_CHARS, redacted_end, redacted_excerpt, redacted_line
from handoff.secrets.redact import redact
from missions.one_line import shorten
from tests.handoff.secrets.specimens import make

TOKEN = make("gh~p_{W36}", random.Random(7))
KEY_BLOCK = "-----BEGIN RSA PRIVATE ~KEY-----\n".replace("~", "") + "MIIEpAIBAAKCAQEA7bq3Xw9\n" * 20
PART = 12
"""Characters of a secret that would tell something of it."""


def tells(shown: str, secret: str) -> bool:
    """Whether a part of the secret is shown."""
    return any(secret[at : at + PART] in shown for at in range(len(secret) - PART + 1))


def test_the_other_order_tells() -> None:
    """Cut first and redacted then, half a token leaves: what this module is for."""
    assert any(tells(redact(shorten(f"token {TOKEN}", limit)).text, TOKEN) for limit in range(20, 46))


@pytest.mark.parametrize("cut", [redacted_excerpt, redacted_line, redacted_end])
@pytest.mark.parametrize("before", ["", "x" * 40, "some words " * 3, "word " * ((SPARE_CHARS + 60) // 5)])
def test_no_part_of_a_token_is_left(cut: Callable[[str, int], str], before: str) -> None:
    """Whatever stands before it, and however short the rest is."""
    for text in (f"{before}{TOKEN}", f"{before} {TOKEN} and more", f"{TOKEN} {before}"):
        for limit in range(1, 120, 3):
            shown = cut(text, limit)
            assert len(shown) <= limit
            assert not tells(shown, TOKEN), (limit, shown)


def test_where_reading_stops_no_token_begins() -> None:
    """A long text is not read to its end: what markers make shorter brings no half word into view."""
    text = KEY_BLOCK + "a" * (SPARE_CHARS - len(KEY_BLOCK)) + " "
    for over in range(0, 60, 4):
        long = text[: SPARE_CHARS + 100 - over - 1] + " " + TOKEN + " more" * 20_000
        assert not tells(redacted_excerpt(long, 100), TOKEN)
        assert not tells(redacted_end("more " * 20_000 + TOKEN + " " + text[over:], 100), TOKEN)


@pytest.mark.parametrize("cut", [redacted_excerpt, redacted_line, redacted_end])
def test_a_text_of_one_long_word_is_cut_by_characters(cut: Callable[[str, int], str]) -> None:
    """An address, or a language without spaces: it was left out as a whole. What begins in the cut stays out."""
    shown = cut("あ" * 65_536, 100)
    assert shown.strip("…") == "あ" * len(shown.strip("…"))
    assert 98 <= len(shown) <= 100
    for room in (0, 5, 20, 60):
        word = "あ" * (SPARE_CHARS + 100 - room)
        for text in (word + TOKEN + "あ" * 60_000, "あ" * 60_000 + TOKEN + word):
            assert not tells(cut(text, 100), TOKEN)


def test_what_is_shown() -> None:
    """Short texts as they are; long ones end with an ellipsis; a line is one line and printable."""
    assert redacted_excerpt("short\ntext", 20) == "short\ntext"
    assert redacted_excerpt("several words here", 10, words=True) == "several…"
    assert redacted_line(" a\tb\nc\x1b[0m ", 20) == "a b c [0m"
    assert redacted_line("word " * 9000, 12) == "word word w…"
    assert redacted_end("some words", 5) == "words"
    assert redacted_end("", 5) == redacted_excerpt("", 5) == redacted_line("", 5) == ""
    assert redacted_excerpt("x" * 200_000, 10) == "xxxxxxxxx…"
