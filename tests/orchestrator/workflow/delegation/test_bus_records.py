"""An open mission as an envelope: what workers get, they can read, and it says what the mission's file says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.document import read
from missions.mission import Mission
from orchestrator.workflow.delegation.bus_records import envelope_of
from orchestrator.workflow.delegation.envelope import mission_text, read_envelope, split_context
from tests.buses import envelope

WORDS = st.text(st.sampled_from("abc:`{}\n \"'é"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def filed(task: str, context: dict[str, Any] | None = None) -> Mission:
    """The mission that is made of such an envelope."""
    asked = read_envelope(envelope("a", payload={"task": task, "context": context or {}}))
    found = read("missions/a.md", mission_text(asked).encode())
    assert isinstance(found, Mission), found
    return found


@settings(max_examples=60)
@given(st.dictionaries(WORDS.map(lambda word: f"x{word}"), VALUES, min_size=1, max_size=4))
def test_a_context_goes_there_and_back(context: dict[str, Any]) -> None:
    """Whatever it holds: as often as the bus loses it, nothing of it is lost or doubled."""
    again = read_envelope(envelope_of(filed("probe:dig", context), "k", "a"))
    assert again.payload.task == "probe:dig"
    assert {key: value for key, value in again.payload.context.items() if key != "title"} == context
    twice = filed(again.payload.task, dict(again.payload.context))
    assert read_envelope(envelope_of(twice, "k", "a")).payload == again.payload


@pytest.mark.parametrize(
    "text",
    [
        "Do it.",
        "Do it.\n\nContext:\n\n```json\n{\n not json\n}\n```",
        "Do it.\n\nContext:\n\n```json\n[1]\n```",
        'Do it.\n\nContext:\n\n```json\n{\n "a": 1\n}\n```\n\nAnd a person said more.',
        'Do it.\n\nContext:\n\n```json\n{\n "a": 1\n}\n````',
    ],
)
def test_what_is_no_context_stays_text(text: str) -> None:
    """A person may write what looks like one."""
    assert split_context(text) == (text, {})


def test_a_mission_tried_often_has_attempts_that_an_envelope_can_say() -> None:
    """Ninety attempts, and a person's order to try again: an envelope says a hundred at most."""
    often = replace(filed("probe:dig"), max_retries=90, retries=2)
    assert often.attempts_allowed == 270
    assert read_envelope(envelope_of(often, "k", "a")).max_retries == 100


@pytest.mark.parametrize("task", ["general_task", "coding_task"])
def test_a_mission_that_is_only_a_title_has_it_as_its_description(task: str) -> None:
    """An envelope without a description is none."""
    found = read("missions/a.md", f"---\ntitle: Mend it\ntask: {task}\n---\n".encode())
    assert isinstance(found, Mission)
    assert read_envelope(envelope_of(found, "k", "a")).payload.task == f"{task}:Mend it"
