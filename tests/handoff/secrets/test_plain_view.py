"""Is a text read as a person or a program reads it, and is each part found again in the original?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.secrets.plain_view import views

ODD = st.sampled_from(
    [
        "a",
        "Z",
        "7",
        "%41",
        "%2541",
        "\\u0041",
        "\\x41",
        "&#65;",
        "&#x41;",
        "&amp;",
        "\u200b",
        "\x1b[31m",
        "\0",
        "\uff21",
        "é",
    ]
)
TEXTS = st.lists(ODD, max_size=20).map("".join)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("t\u200bo\u2060k", "tok"),
        ("\x1b[1;31mtok\x1b[0m", "tok"),
        ("\x1b]0;title\x07tok", "tok"),
        ("t\0o\0k\0", "tok"),
        ("ｔｏｋ", "tok"),
        ("𝐭𝐨𝐤", "tok"),
        ("t\xado\xadk", "tok"),
        ("t\bto\bok\bk", "tok"),
        ("plain", "plain"),
        ("é stays", "é stays"),
    ],
)
def test_what_hides_characters_is_taken_away(text: str, reads: str) -> None:
    """Zero width, colours, NULs, other alphabets' letters, overstrikes."""
    assert views(text)[0].text == reads


@pytest.mark.parametrize(
    "text", ["%41b", "%2541b", "%252541b", "\\u0041b", "\\U00000041b", "\\x41b", "&#65;b", "&#x41;b", "\u200b%41b"]
)
def test_escapes_are_read_in_a_second_view(text: str) -> None:
    """As URLs, JSON, Python and HTML write them; the first view leaves them, for keys that hold a per cent sign."""
    shown, read = views(text)
    assert read.text == "Ab"
    assert shown.text.endswith("b")
    assert shown.text != "Ab"


@pytest.mark.parametrize("text", ["100 %", "a & b", "C:\\new", "&#10;", "&#999;", "%0A", "\\u00e9"])
def test_what_is_no_escape_of_a_plain_character_stays(text: str) -> None:
    """Nothing becomes a line break or a character that no key has."""
    assert views(text)[-1].text == text


def test_named_entities_are_read() -> None:
    """The five of XML."""
    assert views("&lt;a&gt; &amp; &quot;b&apos;")[-1].text == "<a> & \"b'"


@given(TEXTS)
def test_each_part_is_found_again(text: str) -> None:
    """A view's spans stand in order within the original, and the last one reaches its end."""
    for view in views(text):
        places = [view.original(at, at + 1) for at in range(len(view.text))]
        assert all(0 <= start <= end <= len(text) for start, end in places)
        assert places == sorted(places)
        if view.text:
            assert view.original(0, len(view.text))[1] == len(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="%\\&"), max_size=40))
def test_a_plain_text_is_its_own_view(text: str) -> None:
    """One view, and every place is the same."""
    (view,) = views(text)
    assert view.text == text
    assert view.original(0, len(text)) == (0, len(text))
