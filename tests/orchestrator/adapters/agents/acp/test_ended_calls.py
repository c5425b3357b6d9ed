"""Which command lines a program that speaks the protocol says that it ran, how they went, and what files it changed."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.adapters.agents.acp import ended_calls
from orchestrator.adapters.agents.acp.ended_calls import EndedCalls
from orchestrator.core.ports.action_warner import REFUSED_ONCE
from orchestrator.execution.programs.port import EndedAction


def call(call_id: str = "c1", update: str = "tool_call", **more: Any) -> dict[str, Any]:
    return {"sessionUpdate": update, "toolCallId": call_id, **more}


def ended(call_id: str = "c1", status: str = "completed", **raw: Any) -> dict[str, Any]:
    return call(call_id, "tool_call_update", status=status, **({"rawOutput": raw} if raw else {}))


def test_what_it_runs_may_be_told_late() -> None:
    """qwen says it only when it asks whether it may; the exit code stands in what came out."""
    calls = EndedCalls()
    calls.take(call(rawInput={}, status="pending"))
    calls.begin({"toolCallId": "c1", "rawInput": {"command": "make all"}})
    assert calls.actions == []
    calls.take(ended(status="failed", exitCode=3))
    calls.take(ended(status="failed", exitCode=3))
    assert calls.actions == [EndedAction(action="make all", ok=False)]


def test_one_in_the_background_has_one_name() -> None:
    """qwen has it run without the last `&`, and tells of it with that."""
    calls = EndedCalls()
    calls.take(call(rawInput={"command": " make serve & "}))
    calls.take(ended())
    assert [one.action for one in calls.actions] == [ended_calls.plain_command("make serve")] == ["make serve"]


@pytest.mark.parametrize(
    ("status", "raw", "ok"),
    [
        ("completed", {"exitCode": 0}, True),
        ("completed", {"exitCode": 1}, False),
        ("completed", {"exitCode": True}, None),
        ("completed", {}, None),
        ("failed", {"text": "refused"}, None),
    ],
)
def test_only_an_exit_code_says_how_it_went(status: str, raw: dict[str, Any], ok: bool | None) -> None:
    """What was refused has failed, too, and a call may be complete whatever its command said."""
    calls = EndedCalls()
    calls.take(call(rawInput={"command": "make"}))
    calls.take(ended(status=status, **raw))
    assert calls.actions == [EndedAction(action="make", ok=ok)]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of calls that never end, of long ids and lines, and of those that ended."""
    monkeypatch.setattr(ended_calls, "MAX_OPEN_CALLS", 5)
    monkeypatch.setattr(ended_calls, "MAX_ACTIONS", 3)
    calls = EndedCalls()
    for number in range(20):
        calls.take(call(f"c{number}", rawInput={"command": "x" * 10**6}))
    calls.take(call("y" * 10**6, rawInput={"command": "make"}))
    assert len(calls._open) == 5
    for number in range(20):
        calls.take(ended(f"c{number}"))
    assert [len(one.action) for one in calls.actions] == [ended_calls.MAX_ACTION_CHARS] * 3


def test_copilot_tells_an_exit_code_among_its_contents() -> None:
    """Beside the text that its model is given."""
    calls = EndedCalls()
    calls.take(call(rawInput={"command": "make"}))
    calls.take(ended(content="no", contents=[{"type": "text"}, {"type": "shell_exit", "exitCode": 2}]))
    assert calls.actions == [EndedAction(action="make", ok=False)]


DIFF = [{"type": "diff", "path": "/srv/tree/a.md", "oldText": "", "newText": "x"}]
REFUSED = [{"type": "content", "content": {"type": "text", "text": f"Denied by hook: {REFUSED_ONCE} ..."}}]


@pytest.mark.parametrize(
    ("updates", "actions"),
    [
        ([call(kind="edit", rawInput={"path": "a.md"}), ended()], [("a.md", True, True)]),
        ([call(kind="edit", rawInput={"file_path": "a.md"}), ended()], [("a.md", True, True)]),
        ([call(kind="edit", rawInput={}), call(content=DIFF), ended()], [("/srv/tree/a.md", True, True)]),
        ([call(kind="read", rawInput={"path": "a.md"}), ended()], []),
        ([call(kind="edit", rawInput={"path": "a.md"}), ended(status="failed")], []),
        (
            [call(kind="edit", rawInput={"path": "a.md"}), ended(status="failed") | {"content": REFUSED}],
            [("a.md", None, False)],
        ),
        (
            [call(kind="edit", rawInput={"path": "a.md"}), ended(status="failed", message=f"Denied: {REFUSED_ONCE}")],
            [("a.md", None, False)],
        ),
    ],
)
def test_files_that_it_changes(updates: list[dict[str, Any]], actions: list[tuple[str, bool | None, bool]]) -> None:
    """By a call that is an edit, or that shows a difference; one that failed changed nothing, and is told of only where
    a hook held it back."""
    calls = EndedCalls()
    for update in updates:
        calls.take(update)
    assert [(one.action, one.ok, one.hooked) for one in calls.actions] == actions


@pytest.mark.parametrize("update", [{}, {"sessionUpdate": 5}, call(rawInput="make"), call(rawInput={"command": 5})])
def test_what_says_nothing_is_no_call(update: dict[str, Any]) -> None:
    """Whatever a program sends."""
    calls = EndedCalls()
    calls.take(update)
    calls.take(ended())
    assert calls.actions == []
