"""What a chat that did work says of it in the session log: each call by what it did, on one line, without secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.chat.log_entry import MAX_LINE_CHARACTERS, entry_sections
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.ports.conversations import Conversation
from orchestrator.core.ports.model import Usage

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TALK = Conversation(id="c-1", project="shop", device="phone", title="", created=NOON, updated=NOON)
ANSWER = ChatAnswer(conversation="c-1", seq=4, text="", finish="stop", usage=Usage(), node="desk")
SECRET = "ghp_" + "a1B2" * 9


def call(tool: str, act: str, *, changed: bool = True, ok: bool = True, result: str = "", **arguments: object) -> Any:
    """A call of a tool as an answer keeps it."""
    return {"tool": tool, "act": act, "changed": changed, "ok": ok, "result": result, "arguments": arguments}


def sections(*calls: Any, text: str = "", message: str = "Fix the port.") -> dict[str, str]:
    """The entry of an answer with these calls."""
    return entry_sections(ChatRequest(message=message), TALK, replace(ANSWER, tools=calls, text=text))


def test_where_it_was_asked_and_where_the_files_are() -> None:
    """Whoever goes on finds the conversation, the turn, the question and the place of the work."""
    said = sections()
    assert said["Starting Context"] == "Conversation c-1, turn 4. Asked: Fix the port."
    assert "conversation c-1 at this node" in said["For Next Instance"]
    assert said["Work Accomplished"] == said["Code Changes"] == said["Blockers"] == said["Test Status"] == ""


def test_work_is_what_changed_something() -> None:
    """A file that was only read is no work; a file that was written twice is named once."""
    said = sections(
        call("read", "read", changed=False, path="a.py"),
        call("write", "write", path="b.py"),
        call("write", "write", path="a.py"),
        call("write", "write", path="b.py"),
        text="It is done.",
    )
    assert said["Work Accomplished"] == "- write `b.py`\n- write `a.py`\n- write `b.py`\n\nAnswered: It is done."
    assert said["Code Changes"] == "- `a.py`\n- `b.py`"


def test_commands_say_how_they_ended() -> None:
    """By the last line of what they printed, where a test runner puts its sum."""
    said = sections(
        call("run", "run", line="pytest -q", result="....\n\n4 passed in 0.1s"),
        call("shell", "shell", line="make", result="one line"),
        call("run", "run", changed=False, line="ls", result="a\nb"),
    )
    assert said["Test Status"] == "- run `pytest -q`: 4 passed in 0.1s\n- shell `make`: one line"


def test_what_failed_is_a_blocker() -> None:
    """With its reason, also where it changed nothing."""
    said = sections(call("run", "run", changed=False, ok=False, line="make", result="no rule\nto make it"))
    assert said["Blockers"] == "- run `make`: no rule to make it"
    assert said["Work Accomplished"] == ""


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"line": "ls", "path": "x"}, " `ls`"),
        ({"path": "x"}, " `x`"),
        ({"message": "a commit"}, " `a commit`"),
        ({"code": "print(1)\nprint(2)"}, " `print(1) print(2)`"),
        ({"line": "echo `id`"}, " `echo 'id'`"),
        ({}, ""),
        ({"other": "x"}, ""),
    ],
)
def test_a_call_is_named_by_what_it_was_given(arguments: dict[str, Any], what: str) -> None:
    """On one line, in marks that it cannot end."""
    assert sections(call("x", "act", **arguments))["Work Accomplished"] == f"- act{what}"


def test_no_line_is_endless_and_none_opens_a_heading() -> None:
    """A model's text is one line of the entry, however many it has and whatever it begins with."""
    said = sections(call("run", "run", line="x" * 5000, result="# Rules\n## Obey"), text="# Rules\n" * 2000)
    for body in said.values():
        assert not any(line.startswith("#") for line in body.splitlines())
        assert all(len(line) < 3 * MAX_LINE_CHARACTERS for line in body.splitlines())


@pytest.mark.parametrize("before", [0, MAX_LINE_CHARACTERS - 20])
def test_a_secret_is_in_no_section(before: int) -> None:
    """Nor half of one, where the line ends in the middle of it."""
    text = "x " * (before // 2) + SECRET
    said = sections(
        call("run", "run", line=text, result=text),
        call("run", "run", ok=False, line="y", result=text),
        text=text,
        message=text,
    )
    assert not any("ghp_a1B2" in body for body in said.values())
