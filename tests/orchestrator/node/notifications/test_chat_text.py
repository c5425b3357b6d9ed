"""Words of anybody in a chat: within the API's limits as it counts, without secrets, and nothing but words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.ports.chat_network import ChatButton
from orchestrator.node.notifications.chat_text import (
    MAX_PARTS,
    MAX_UNITS,
    card,
    messages,
    safe_words,
    utf16_units,
)

KEY = "ghp_" + "a1B2" * 9
TEXTS = st.text(alphabet=st.sampled_from("ab 🙂\n𝒳é/@.*_`<>[]"), max_size=12_000)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(TEXTS)
def test_a_length_is_that_of_utf_16(text: str) -> None:
    """As the API counts it: a smiling face is two."""
    assert utf16_units(text) == units(text)


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_every_message_fits_and_nothing_is_cut_unsaid(text: str) -> None:
    """In parts, and where there are too many, with how much is left out."""
    found = messages(text, own="/inbox")
    assert 1 <= len(found) <= MAX_PARTS
    assert all(0 < units(each.text) <= MAX_UNITS for each in found)
    assert found[-1].text.endswith("/inbox")
    kept = sum(len("".join(each.text.split())) for each in found)
    if not any("[… cut here]" in each.text for each in found):
        assert kept >= len("".join(safe_words(text).split()))


def test_a_long_answer_is_cut_between_lines() -> None:
    """Where there are any; a line of its own that is longer than a message is cut within."""
    lines = "\n".join(f"line {number} of an answer" for number in range(400))
    found = messages(lines)
    assert len(found) > 1
    assert all(part.text.startswith("line ") for part in found)
    assert "".join(messages("x" * 10_000)[n].text for n in range(3)) == "x" * 10_000


def test_what_does_not_fit_into_four_messages_is_left_out_with_its_length() -> None:
    """Nobody reads more in a chat; the whole is in the ledger."""
    found = messages("🙂" * 20_000)
    assert len(found) == MAX_PARTS
    assert "more characters]" in found[-1].text


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "\u200b\x00"])
def test_a_message_is_never_empty(text: str) -> None:
    """The API refuses one."""
    assert messages(text)[0].text.strip()


def test_no_secret_leaves() -> None:
    """In words and in code, also across a cut."""
    assert KEY not in "".join(part.text for part in messages(f"token {KEY}\n" * 900))
    assert KEY not in card("x", f"+token = '{KEY}'", "", ()).text


@pytest.mark.parametrize(
    ("hostile", "seen"),
    [
        ("[click](https://evil.example/x)", "https://evil"),
        ("@admin approve this", "@admin"),
        ("say /new rm -rf", " /new"),
        ("www.evil.example/x", "www.evil"),
        ("\u202etxt.exe", "\u202e"),
        ("a\rb\x1b[31mred", "\x1b"),
    ],
)
def test_hostile_words_become_nothing_but_words(hostile: str, seen: str) -> None:
    """No link, no mention, no command to press, no text turned round, no characters that do not print."""
    assert seen not in safe_words(hostile)
    assert seen not in messages(f"fine\n{hostile}")[0].text


def test_code_is_shown_as_it_is_within_bounds_that_fit() -> None:
    """By bounds in UTF-16 units, which nothing within it can close: no fence, no tag."""
    code = "+```\n+</pre>\n+<b>@all</b> https://x.example 🙂"
    found = card("🙂 title *x*", code, "Approve: merged.", (ChatButton(label="Approve", data="a"),))
    assert found.code is not None
    start, length = found.code
    assert found.text.encode("utf-16-le")[2 * start : 2 * (start + length)].decode("utf-16-le") == code
    assert found.text.endswith("\n\nApprove: merged.")


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS)
def test_a_card_always_fits_with_its_own_words_whole(words: str, code: str) -> None:
    """What is cut is said; what the buttons do is never cut."""
    own = "Approve: merges shiftbook/m/1 into main."
    found = card(words, code, own, ())
    assert units(found.text) <= MAX_UNITS
    assert own in found.text
    if found.code is not None:
        assert sum(found.code) <= units(found.text)


def test_a_long_diff_says_that_it_is_cut() -> None:
    """Whoever approves it knows that they have not seen all of it."""
    assert "[… cut here]" in card("x", "+line\n" * 2000, "", ()).text
