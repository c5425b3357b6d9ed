"""Does a pointer say what a line is about and where it stands, and not what it says?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.marks.model_mark import PROPOSED, ModelMark, awaits_confirmation, with_mark
from handoff.marks.pointers import MAX_TOPIC_CHARS, pointer, topic, with_pointers

LESSON = with_mark("- `pytest tests/x.py` hangs without a terminal", PROPOSED)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("**API port:** 9090", "API port"),
        ("`pytest tests/x.py` hangs without a terminal", "`pytest tests/x.py`"),
        ("Use SQLite instead of PostgreSQL", "Use SQLite…"),
        ("Ask first", "Ask…"),
        ("Clear the cache before each release (knowledge/clear.md)", "Clear the cache…"),
    ],
)
def test_the_topic_is_no_claim(text: str, about: str) -> None:
    """The name of a fact without its value, the code that is spoken of, or the first words."""
    assert topic(text) == about


def test_a_pointer_names_its_source() -> None:
    """The newest entries, else the file, else the item itself."""
    assert pointer("Port: 1", ("e1", "e2", "e3", "e4")) == "Port [entry e2, entry e3, entry e4]"
    assert pointer("Clear it (knowledge/clear.md)", ()) == "Clear… [knowledge/clear.md]"
    assert pointer("Port: 1", (), "f1") == "Port [f1]"


def test_a_line_of_an_entry_becomes_a_pointer_until_it_is_confirmed() -> None:
    """Only the marked line changes; confirmed it is given as it stands."""
    text = f"### Lessons\n\n{LESSON}\n- A person's word\n"
    said = with_pointers(text, "e1")
    assert "hangs" not in said
    assert said.splitlines()[2].startswith("- `pytest tests/x.py` [entry e1]: ")
    assert said.endswith("\n- A person's word\n")
    confirmed = text.replace(LESSON, with_mark(LESSON, ModelMark(confirmed_by="ana")))
    assert with_pointers(confirmed, "e1") == confirmed


@given(st.text())
def test_any_text_has_a_short_topic_on_one_line(text: str) -> None:
    """Nobody's words make a pointer long, or two lines."""
    said = topic(text)
    assert len(said) <= MAX_TOPIC_CHARS + 1
    assert "\n" not in said


@given(st.lists(st.sampled_from(["- a", "- b: 1", LESSON, "", "text"]), max_size=8))
def test_no_unconfirmed_line_is_left(lines: list[str]) -> None:
    """A pointer is not marked again: giving it twice is giving it once."""
    said = with_pointers("\n".join(lines), "e1")
    assert not any(map(awaits_confirmation, said.splitlines()))
    assert with_pointers(said, "e1") == said
