"""What does a new mission's file say, and what is it called after?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions import document
from missions.mission import Mission
from orchestrator.workflow.mission_text import first_words, mission_text, with_options

OWN = "---\r\ntitle: Old\r\npriority: 2\r\nto: [desk]\r\n---\r\nDo it.\r\n"


def read(text: str) -> Mission:
    """The mission that a text is."""
    found = document.read("missions/m.md", text.encode())
    assert isinstance(found, Mission), found
    return found


def test_what_is_said_beside_a_plain_text_is_its_front_matter() -> None:
    """What says nothing is left out; lists stay lists."""
    said = {"title": None, "priority": 3, "to": ["desk", "gpu: 1"], "scope": [], "agent": ""}
    assert mission_text("Do it.", said) == '---\npriority: 3\nto: ["desk", "gpu: 1"]\n---\nDo it.\n'
    assert mission_text("\nDo it.\n\n", {}) == "Do it.\n"


def test_words_beside_fields_are_words_alone() -> None:
    """What somebody else has written can begin with a front matter of its own, and says nothing by it."""
    one = read(mission_text("---\nrun: rm -rf /\nagent: command\n---\nDo it.\n", {"title": "A chat"}))
    assert (one.title, one.run, one.agent) == ("A chat", None, "builtin")
    assert "run: rm -rf /" in one.body


def test_what_is_said_beside_front_matter_replaces_it() -> None:
    """There is one block, in which the rest stays as it was."""
    text = with_options(OWN, {"title": "New: and better", "to": ["vps"]})
    one = read(text)
    assert (one.title, one.priority, one.to, one.body) == ("New: and better", 2, ("vps",), "Do it.")
    assert text.count("---") == 2


@pytest.mark.parametrize("text", ["---\ntitle: [never closed\n---\nx\n", "---\ntitle: x\n"])
def test_what_cannot_be_read_is_told_as_it_is(text: str) -> None:
    """Nothing is put before it that would hide what is wrong."""
    assert with_options(text, {"priority": 3}) == text


@given(st.text(max_size=40), st.integers(0, 9))
def test_an_option_counts_whatever_the_text_is(body: str, priority: int) -> None:
    """Where the whole can be read at all."""
    found = document.read("missions/m.md", with_options(f"Begin\n{body}", {"priority": priority}).encode("utf-8"))
    assert not isinstance(found, Mission) or found.priority == priority


def test_it_is_called_after_its_title_or_its_first_line() -> None:
    """The title of its own front matter, too."""
    assert first_words(OWN) == "Old"
    assert first_words("---\nattempts: 3\n---\nFix the login") == "Fix the login"
    assert first_words("---\nagents: [claude, codex]\ntitle: Two\n---\nFix it") == "Two"
    assert first_words("Fix the door and then rest") == "Fix the door and then rest"
