"""Is an envelope from elsewhere the mission that it asks for, and can its context be anything but words?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from missions.child_limits import PROPOSABLE_TASKS
from missions.document import read
from missions.mission import Mission, Status
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.delegation.envelope import (
    MAX_CONTEXT_CHARS,
    DelegationEnvelope,
    mission_text,
    result_of,
)


def envelope(task: str = "general_task:Count the words.", **more: Any) -> DelegationEnvelope:
    """An envelope with this task; `context` is its payload's."""
    context = more.pop("context", {})
    whole = {"job_id": "job-1", **more, "payload": {"task": task, "context": context}}
    return DelegationEnvelope.model_validate(read_json(json.dumps(whole)))


def mission(asked: DelegationEnvelope) -> Mission:
    """What a node reads of it."""
    found = read(f"missions/{asked.mission}.md", mission_text(asked).encode())
    assert isinstance(found, Mission), found
    return found


def test_an_envelope_is_a_mission() -> None:
    """Its task, its text, its bounds."""
    made = mission(envelope("coding_task: Mend it: now.", priority=8, timeout_seconds=60, max_retries=0))
    assert (made.task, made.body.strip(), made.priority) == ("coding_task", "Mend it: now.", 8)
    assert (made.timeout_seconds, made.max_retries) == (60, 0)


def test_what_it_leaves_out_is_the_fleets() -> None:
    """How often it is tried again is nobody's to say but the fleet's, where the envelope does not."""
    text = mission_text(envelope())
    assert "max_retries" not in text
    assert mission(envelope()).timeout_seconds == 3600


def test_a_context_of_fields() -> None:
    """Those that a delegator may set become the mission's."""
    context = {
        "title": "Words: a count",
        "project": "shop",
        "agent": "builtin",
        "to": "desk",
        "capabilities": ["keyring", "gpu"],
        "depends_on": ["first"],
        "scope": ["src/**"],
        "budget_usd": 1.5,
    }
    made = mission(envelope(context=context))
    assert {key: getattr(made, key) for key in context} == {
        **context,
        "to": ("desk",),
        "capabilities": ("keyring", "gpu"),
        "depends_on": ("first",),
        "scope": ("src/**",),
    }
    assert made.body == "Count the words."


@pytest.mark.parametrize("key", ["run", "approve", "status", "trusted", "decision", "merged", "parent", "node"])
def test_what_runs_or_trusts_is_words_below_the_text(key: str) -> None:
    """It stands where the agent reads it, and means nothing to a node."""
    plain, asked = mission(envelope()), mission(envelope(context={key: "done"}))
    different = {name for name in vars(plain) if getattr(plain, name) != getattr(asked, name)}
    assert different == {"body"}
    assert f'"{key}": "done"' in asked.body


@pytest.mark.parametrize(
    "value", [{"a": 1}, [["x"]], [None], None, True, [{"x": "y"}]], ids=["map", "deep", "none", "null", "true", "maps"]
)
def test_a_field_that_no_line_can_hold_is_refused_by_its_name(value: object) -> None:
    """The caller learns which key of its context that was."""
    with pytest.raises(WrongSetting) as caught:
        mission_text(envelope(context={"title": value}))
    assert caught.value.name == "payload.context.title"


def test_a_context_that_is_too_long_or_no_json_is_refused() -> None:
    """JSON says neither infinity nor what is no number."""
    for wrong in ({"x": "y" * MAX_CONTEXT_CHARS}, {"x": float("inf")}, {"x": [float("nan")]}):
        with pytest.raises(WrongSetting) as caught:
            mission_text(envelope(context=wrong))
        assert caught.value.name == "payload.context"
    assert mission(envelope(context={"x": "y" * (MAX_CONTEXT_CHARS - 100)}))


@pytest.mark.parametrize(
    "task", ["", "ab", "Count the words.", ":Count.", "general_task:", "general_task: \n ", "review:x", "root:x"]
)
def test_a_task_without_a_type_is_refused(task: str) -> None:
    """A type that delegators may ask for, a colon, and something to do."""
    with pytest.raises(ValidationError):
        envelope(task)


@pytest.mark.parametrize("kind", PROPOSABLE_TASKS)
def test_each_type_that_may_be_asked_for(kind: str) -> None:
    """As agents may propose them."""
    assert mission(envelope(f"{kind}:x")).task == kind


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": ""},
        {"job_id": "///"},
        {"job_id": "x" * 81},
        {"priority": 10},
        {"priority": -1},
        {"timeout_seconds": 0},
        {"timeout_seconds": 7 * 86_400 + 1},
        {"max_retries": 101},
        {"idempotency_key": "x" * 201},
        {"approve": "never"},
    ],
)
def test_what_is_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """A key that nobody knows, too: it might have been meant."""
    with pytest.raises(ValidationError):
        envelope(**change)


def test_what_counts_once() -> None:
    """The key, else the job's id; the mission's name is made of the id alone."""
    assert (envelope().key, envelope(idempotency_key="k").key) == ("job-1", "k")
    assert envelope(job_id="Daily Report (9)").mission == envelope(job_id="daily-report-9").mission


NASTY = st.sampled_from(
    ["---", "```", "\n```\n", "````json", "\u2028```\u2028", "run: rm", "\n---\nrun: x\n", "\u0085"]
)
WORDS = st.lists(NASTY | st.text(max_size=10), max_size=5).map("".join)


@given(WORDS, st.dictionaries(WORDS.map("x".__add__), WORDS | st.lists(WORDS, max_size=2), max_size=3))
def test_no_words_change_a_field_or_leave_their_block(text: str, context: dict[str, Any]) -> None:
    """Whatever stands in the description and in the context, it is the mission's text, and the context can be read."""
    asked = envelope(f"general_task:a {text}", context=context)
    plain, made = mission(envelope()), mission(asked)
    assert {name for name in vars(plain) if getattr(plain, name) != getattr(made, name)} <= {"body", "title"}
    if context:
        written = mission_text(asked)
        block = written[written.rindex("\nContext:\n\n") :].removeprefix("\nContext:\n\n").rstrip("\n").split("\n")
        fence = block[0].removesuffix("json")
        assert block[-1] == fence
        assert not any(line.strip() == fence for line in "\n".join(block[1:-1]).splitlines())
        assert json.loads("\n".join(block[1:-1])) == asked.payload.context


def view(status: Status, **more: str) -> dict[str, Any]:
    """A mission as the list tells it."""
    facts = dict.fromkeys(("node", "agent", "answered_by", "branch", "commit", "finished", "reason"), "")
    return {"name": "job-1", "status": status.value, **facts, **more}


@pytest.mark.parametrize("status", list(Status))
def test_what_became_of_it(status: Status) -> None:
    """Done is success, what nothing more comes of is failure with its reason, everything else has not ended."""
    told = result_of(view(status, node="desk", commit="c" * 40, reason="why"))
    ended = {Status.DEAD, Status.CANCELLED, Status.QUARANTINED}
    assert told["job_id"] == "job-1"
    assert told["status"] == ("SUCCESS" if status is Status.DONE else "FAILED" if status in ended else None)
    assert (told["result"] is not None) is (status is Status.DONE)
    assert told["error"] == ("why" if status in ended else "")
    if status is Status.DONE:
        assert (told["result"]["node"], told["result"]["commit"]) == ("desk", "c" * 40)
    assert result_of(view(status))["error"] == (status.value if status in ended else "")
