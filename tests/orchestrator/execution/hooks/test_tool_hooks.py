"""What a program's hook asks and is answered, JSON over a socket, by a client without anything of ours."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handoff.warnings.heard_warnings import HeardWarning, WarningVerdict
from orchestrator.core.ports.action_warner import REFUSED_ONCE, ActionAdvice
from orchestrator.execution.hooks import hook_client, hook_socket, tool_hooks
from orchestrator.execution.hooks.hook_socket import MAX_AT_ONCE, open_hook_socket
from orchestrator.execution.hooks.tool_hooks import MAX_HELD_BACK, ToolHooks, called_actions
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from orchestrator.execution.programs.port import EndedAction, ParsedOutput
from tests.journal_warnings import journal_of, look_up_in
from tests.waiting import PATIENCE

FAILS = "make all -j4"
TREE = Path("/srv/tree")
PATCH = "*** Begin Patch\n*** Add File: a b.txt\n+x\n*** Delete File: c\n"


def hooks(form: WarningForm = WarningForm.WITH_RESULT, *lessons: str) -> ToolHooks:
    journal = journal_of(*(lessons or (f"`{FAILS}` is killed",)))
    return ToolHooks(warner=JournalWarner(look_up=look_up_in(journal), form=form), tree=TREE)


def asked(call: str = "t1", tool: str = "Bash", event: str = "PreToolUse", **given: str) -> bytes:
    said = {"hook_event_name": event, "tool_name": tool, "tool_input": given, "tool_use_id": call}
    return json.dumps(said).encode()


class AlwaysRefusing:
    """A warner that holds everything back."""

    active = True
    heard: tuple[HeardWarning, ...] = ()

    def before(self, action: str, *, call: str | None = None, may_refuse: bool = True) -> ActionAdvice:
        return ActionAdvice(lines=("no",), refuses=True)

    def confirm(self, names: Collection[str], *, call: str) -> None:
        pass

    def followed(self, action: str, *, ok: bool) -> None:
        pass


def told(answer: bytes) -> dict[str, Any]:
    return json.loads(answer)["hookSpecificOutput"]  # type: ignore[no-any-return]


def test_with_the_result_there_is_no_decision() -> None:
    """codex drops what is added where a decision stands beside it."""
    answer = told(hooks().answer(asked(command=FAILS)))
    assert set(answer) == {"hookEventName", "additionalContext"}
    assert "is killed" in answer["additionalContext"]


def test_a_refusal_is_kept_by_its_id_and_is_no_denial() -> None:
    """Another call of the same words that was really denied stays one; what was held back counts as not done."""
    run = hooks(WarningForm.REFUSE_ONCE)
    answer = told(run.answer(asked("t1", command=FAILS)))
    assert answer["permissionDecision"] == "deny"
    assert "is killed" in answer["permissionDecisionReason"]
    run.followed(EndedAction(action=FAILS, ok=False, call="t1"))
    assert run.answer(asked("t2", command=FAILS)) == b""
    assert run.held_back == {"t1"}
    name = f"Bash {FAILS}"
    ours = ParsedOutput(denials=(name,), denied_calls={"t1": name})
    assert run.without_held_back(ours).denials == ()
    both = ParsedOutput(denials=(name, "Write x"), denied_calls={"t1": name, "t2": name})
    assert run.without_held_back(both).denials == (name, "Write x")
    assert [one.verdict for one in run.warner.heard] == [WarningVerdict.UNCLEAR]
    run.followed(EndedAction(action=FAILS, ok=False, call="t2"))
    assert [one.verdict for one in run.warner.heard] == [WarningVerdict.HURT]


def test_no_denial_is_hidden_by_asking_in_its_name() -> None:
    """A process in the sandbox reads the id of a call that was really denied, and asks with it about a warned one."""
    run = hooks(WarningForm.REFUSE_ONCE)
    assert told(run.answer(asked("t9", command=FAILS)))["permissionDecision"] == "deny"
    really = ParsedOutput(denials=("Write /etc/passwd",), denied_calls={"t9": "Write /etc/passwd"})
    assert run.without_held_back(really).denials == ("Write /etc/passwd",)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no json",
        b"[]",
        b'"text"',
        b"\xff\xfe{",
        b"[" * 100_000,
        asked(event="PostToolUse", command=FAILS),
        asked(command="ls"),
        asked(tool="Read", file_path=FAILS),
        json.dumps({"hook_event_name": "PreToolUse", "tool_name": 5, "tool_input": [1]}).encode(),
    ],
)
def test_what_says_nothing_is_answered_by_nothing(said: bytes) -> None:
    """Whatever a process in the sandbox sends."""
    assert hooks().answer(said) == b""


@pytest.mark.parametrize(
    ("tool", "given", "actions"),
    [
        ("Bash", {"command": "ls -l"}, ("ls -l",)),
        ("Write", {"file_path": "/srv/tree/docs/a.md"}, ("docs/a.md",)),
        ("Edit", {"file_path": "/srv/tree/../tree/docs/./a.md"}, ("docs/a.md",)),
        ("Write", {"file_path": "/etc/passwd"}, ("/etc/passwd",)),
        ("NotebookEdit", {"notebook_path": "n.ipynb"}, ("n.ipynb",)),
        ("Read", {"file_path": "/srv/tree/a"}, ()),
        ("edit", {"filePath": "/srv/tree/a"}, ("a",)),
        ("apply_patch", {"patchText": PATCH}, ("a b.txt", "c")),
        (
            "apply_patch",
            {"command": PATCH},
            ("a b.txt", "c"),
        ),
        ("Bash", {}, ()),
    ],
)
def test_actions_of_calls(tool: str, given: dict[str, str], actions: tuple[str, ...]) -> None:
    """A command line, or the changed files as paths in the tree."""
    assert called_actions(tool, given, TREE) == actions


def test_the_ids_that_are_kept_are_bounded() -> None:
    """A process that makes calls up fills no memory."""
    run = ToolHooks(warner=AlwaysRefusing(), tree=TREE)
    for number in range(MAX_HELD_BACK + 5):
        assert run.answer(asked(f"x{number}", command=FAILS))
    assert len(run.held_back) == MAX_HELD_BACK
    assert run.answer(asked("y" * 10**6, command=FAILS))
    assert not [call for call in run.held_back if len(call) > 200]


def test_who_asks_in_the_models_name_uses_up_and_condemns_nothing() -> None:
    """A process in the sandbox asks first, with ids made up, until nothing is left to say; then the model's own call
    hears its warning all the same, and only that counts."""
    run = hooks(WarningForm.WITH_RESULT, *(f"`make part{number}` fails" for number in range(1, 29)))
    for number in range(1, 29):
        assert run.answer(asked(f"forged{number}", command=f"make part{number}"))
        run.followed(EndedAction(action="sh evil.sh", ok=True, call="real0"))
    assert list(run.warner.heard) == []
    for number in range(1, 13):
        assert told(run.answer(asked(f"real{number}", command=f"make part{number}")))
        run.followed(EndedAction(action=f"make part{number}", ok=False, call=f"real{number}"))
    assert len(run.warner.heard) == 12
    assert {one.verdict for one in run.warner.heard} == {WarningVerdict.UNCLEAR}


def test_who_asks_with_a_real_id_condemns_nothing() -> None:
    """Of a call that did something else; and the call itself is judged as what it was."""
    run = hooks(WarningForm.REFUSE_ONCE, f"`{FAILS}` is killed", "`make clean` hangs")
    assert told(run.answer(asked("t1", command="make clean")))["permissionDecision"] == "deny"
    run.followed(EndedAction(action=FAILS, ok=True, call="t1"))
    assert list(run.warner.heard) == []
    again = told(run.answer(asked("t2", command="make clean")))
    assert set(again) == {"hookEventName", "additionalContext"}  # it was held back once already: that is enough
    run.followed(EndedAction(action="make clean", ok=True, call="t2"))
    assert [one.verdict for one in run.warner.heard] == [WarningVerdict.UNCLEAR]


def test_a_program_without_ids_is_told_by_what_it_did() -> None:
    """codex names its calls otherwise in its events than to its hooks."""
    run = hooks()
    assert run.answer(asked("call_1", command=FAILS))
    run.followed(EndedAction(action=FAILS, ok=False))
    assert run.answer(asked("call_2", command=FAILS)) == b""
    assert len(run.warner.heard) == 1


@pytest.mark.parametrize(("before", "after"), [("PreToolUse", "PostToolUse"), ("BeforeTool", "AfterTool")])
def test_what_was_said_before_a_call_is_said_after_it(before: str, after: str) -> None:
    """Once, for programs that pass it on only then, and at that call alone; a held-back call has no hook after it."""
    run = hooks(WarningForm.WITH_RESULT, "docs/a.md is generated")
    of_file = {"tool": "write_file", "file_path": "/srv/tree/docs/a.md"}
    assert run.answer(asked("t1", event=after, **of_file)) == b""
    assert "is generated" in told(run.answer(asked("t1", event=before, **of_file)))["additionalContext"]
    assert run.answer(asked("t2", event=after, **of_file)) == b""
    assert told(run.answer(asked("t1", event=after, **of_file)))["hookEventName"] == after
    assert run.answer(asked("t1", event=after, **of_file)) == b""


def test_a_program_that_names_no_calls_is_refused_none() -> None:
    """gemini counts what a hook refuses among its denials, and says of none by which hook."""
    run = hooks(WarningForm.REFUSE_ONCE, "docs/a.md is generated")
    answer = told(run.answer(asked("", "replace", "BeforeTool", file_path="docs/a.md")))
    assert set(answer) == {"hookEventName", "additionalContext"}


def test_qwen_names_a_call_as_the_protocol_does() -> None:
    """The other id is made up for its hooks."""
    run = hooks(WarningForm.REFUSE_ONCE)
    said = json.loads(asked("made-up", command=FAILS)) | {"tool_call_id": "t1"}
    run.answer(json.dumps(said).encode())
    assert run.held_back == {"t1"}


def test_what_is_said_after_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was asked about: a process that makes calls up fills no memory."""
    monkeypatch.setattr(tool_hooks, "MAX_SAID", 3)
    monkeypatch.setattr(tool_hooks, "MAX_ASKED", 3)
    run = hooks()
    for number in range(9):
        run.answer(asked(f"t{number}", command=f"{FAILS} V={number}"))
    assert (len(run._said), len(run._asked)) == (3, 3)


def test_an_action_of_which_nobody_asked_is_counted() -> None:
    """Where the program runs the hook, and did it: not of what failed, nor of what its hook does not ask about."""
    run = hooks()
    done = EndedAction(action="/srv/tree/docs/a.md", ok=True, hooked=True)
    run.followed(done)
    assert run.unasked == 0
    run.hooked = True
    run.answer(asked(tool="write", filePath="docs/a.md"))
    for one in (done, replace(done, action="b.md", ok=False), replace(done, action="b.md", hooked=False)):
        run.followed(one)
    assert run.unasked == 0
    run.followed(replace(done, action="b.md"))
    assert run.unasked == 1


def test_of_a_file_by_its_path(tmp_path: Path) -> None:
    """For a program that has a linter and no hook: the exit code says whether anything was printed."""
    run = hooks(WarningForm.REFUSE_ONCE, "docs/a.md is generated")
    with open_hook_socket(tmp_path, run.answer) as line:
        for path, code in (("docs/a.md", hook_client.SAID_OF_FILE), ("docs/b.md", 0)):
            ran = subprocess.run([*shlex.split(line.command), path], capture_output=True, check=False, env={})
            assert (ran.returncode, b"is generated" in ran.stdout) == (code, bool(code))
            assert REFUSED_ONCE.encode() not in ran.stdout  # it is changed already
    after = subprocess.run([*shlex.split(line.command), "docs/a.md"], capture_output=True, check=True, env={})
    assert after.stdout == b""


def test_over_the_socket(tmp_path: Path) -> None:
    """The client prints the answer, at a path longer than a socket's may be; when the round is over it prints nothing
    and fails nobody."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with open_hook_socket(folder, hooks().answer) as line:
        command = shlex.split(line.command)
        ran = subprocess.run(command, input=asked(command=FAILS), capture_output=True, check=True, env={})
        assert "is killed" in told(ran.stdout)["additionalContext"]
        assert all(path.exists() for path in line.readable)
    after = subprocess.run(command, input=asked(command=FAILS), capture_output=True, check=True, env={})
    assert (after.stdout, after.stderr) == (b"", b"")


def test_who_says_nothing_holds_nobody_up(tmp_path: Path) -> None:
    """A process in the sandbox that keeps a connection open beside a hook that asks; the socket closes all the same."""
    with open_hook_socket(tmp_path, hooks().answer) as line, socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(tmp_path / "hooks"))
        ran = subprocess.run(
            shlex.split(line.command), input=asked(command=FAILS), capture_output=True, check=True, env={}
        )
        assert ran.stdout
    assert not (tmp_path / "hooks").exists()


def connected(folder: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(folder / "hooks"))
    return made


def test_many_who_say_nothing_hold_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are answered at once, with all the time in the world: who asks is answered before that is over."""
    monkeypatch.setattr(hook_socket, "READ_SECONDS", 600.0)
    with open_hook_socket(tmp_path, hooks().answer):
        idle = [connected(tmp_path) for _ in range(MAX_AT_ONCE)]
        with connected(tmp_path) as one:
            one.settimeout(60)
            one.sendall(asked(command=FAILS))
            one.shutdown(socket.SHUT_WR)
            assert b"is killed" in one.recv(65536)
        for each in idle:
            each.close()


def test_who_drips_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then renews no patience."""
    monkeypatch.setattr(hook_socket, "READ_SECONDS", 0.3)
    until = time.monotonic() + 60
    with open_hook_socket(tmp_path, hooks().answer), connected(tmp_path) as slow, contextlib.suppress(OSError):
        while time.monotonic() < until:
            slow.sendall(b" ")
            time.sleep(0.03)
    assert time.monotonic() < until


def test_no_connection_outlives_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a thread that waits for one."""
    monkeypatch.setattr(hook_socket, "READ_SECONDS", 600.0)
    with open_hook_socket(tmp_path, hooks().answer):
        idle = connected(tmp_path)
        idle.sendall(b"{")
        until = time.monotonic() + 60
        # one that is being started is named already, and cannot be joined yet
        while not (mine := [one for one in threading.enumerate() if one.name == "shiftbook-hook" and one.is_alive()]):
            assert time.monotonic() < until
            time.sleep(0.01)
    with idle:
        idle.settimeout(60)
        assert idle.recv(1) == b""
    for one in mine:
        one.join(PATIENCE)
        assert not one.is_alive()
