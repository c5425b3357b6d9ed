"""Does what Codex and Gemini say of a round become what happened in it, event by event?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.adapters.agents import claude, gemini
from orchestrator.adapters.agents.claude import ClaudeOutputParser
from orchestrator.adapters.agents.codex import MAX_CHANGED_FILES, SETTINGS_FILES, Codex, CodexOutputParser
from orchestrator.adapters.agents.gemini import GeminiOutputParser
from orchestrator.adapters.agents.gemini import _line_of_bash as launched_by_gemini
from orchestrator.adapters.agents.opencode import OpenCodeOutputParser
from orchestrator.core.ports.action_warner import REFUSED_ONCE
from orchestrator.execution.programs import json_events
from orchestrator.execution.programs.json_events import (
    MAX_DENIALS,
    MAX_NUMBER,
    JsonEventParser,
    main_argument,
    number_at,
    objects_at,
    parse_event,
    text_at,
    usd_at,
    value_at,
)
from orchestrator.execution.programs.port import EndedAction, ErrorKind, RoundRequest

Event = dict[str, Any]
FEW_CALLS = 20


def shown(reading: JsonEventParser, *events: Event) -> list[str]:
    """What people see of these events."""
    return [reading.take(json.dumps(event)) for event in events]


def item(kind: str, *, done: bool = True, **facts: Any) -> Event:
    """An item of Codex."""
    return {"type": "item.completed" if done else "item.started", "item": {"type": kind, **facts}}


def test_a_round_of_codex() -> None:
    """Its session, what it ran and changed, its answer, and what it took since the round began."""
    before = {"input_tokens": 100, "output_tokens": 10, "cached_input_tokens": 50}
    reading = CodexOutputParser(before)
    usage = {"input_tokens": 350, "output_tokens": 30, "cached_input_tokens": 250}
    said = shown(
        reading,
        {"type": "thread.started", "thread_id": "t1"},
        item("command_execution", done=False, command="make\ntest"),
        item("command_execution", command="make test", status="completed"),
        item("file_change", status="completed", changes=[{"path": "a.py"}, {"path": "b.py"}, "odd"]),
        item("agent_message", done=False, text="half"),
        item("agent_message", text="Done."),
        {"type": "turn.completed", "usage": usage},
        {"type": "news of the next version"},
    )
    assert said == ["", "[make test]", "", "[completed: a.py, b.py]", "", "Done.", "", ""]
    told = reading.told(0)
    assert (told.ended, told.session, told.answer, told.error, told.trouble) == (True, "t1", "Done.", "", None)
    assert (told.usage.tokens_in, told.usage.tokens_out, told.usage.tokens_cached) == (250, 20, 200)


@pytest.mark.parametrize(
    ("facts", "ok"),
    [
        ({"exit_code": 0, "status": "completed"}, True),
        ({"exit_code": 1, "status": "completed"}, False),
        ({"exit_code": -1, "status": "failed"}, False),
        ({"exit_code": None, "status": "failed"}, False),
        ({"exit_code": 0, "status": "failed"}, False),
        ({"exit_code": False, "status": "completed"}, False),
        ({"exit_code": "0", "status": "completed"}, False),
        ({"status": "completed"}, False),
    ],
)
def test_a_command_of_codex_went_well_only_if_it_says_so(facts: dict[str, Any], ok: bool) -> None:
    """A real zero, of a command that was completed: one that was killed has -1, or no code."""
    reading = CodexOutputParser()
    shown(reading, item("command_execution", command="/bin/bash -c 'make all'", **facts))
    assert reading.told(0).actions == (EndedAction(action="make all", ok=ok),)


def test_the_files_that_codex_changed_are_actions() -> None:
    """Each, with what came of the change; of a change without end so many."""
    reading = CodexOutputParser()
    shown(reading, item("file_change", status="completed", changes=[{"path": "/t/a.py"}, "odd", {"path": "b.py"}]))
    shown(reading, item("file_change", status="failed", changes=[{"path": "c.py"}]))
    actions = [EndedAction(action="/t/a.py", ok=True), EndedAction(action="b.py", ok=True)]
    assert list(reading.told(0).actions) == [*actions, EndedAction(action="c.py", ok=False)]
    shown(reading, item("file_change", status="completed", changes=[{"path": f"{n}.py"} for n in range(900)]))
    assert len(reading.told(0).actions) == 3 + MAX_CHANGED_FILES


def claude_call(number: int, command: str) -> Event:
    block = {"type": "tool_use", "name": "Bash", "id": f"t{number}", "input": {"command": command}}
    return {"type": "assistant", "message": {"content": [block]}}


def claude_result(call: str) -> Event:
    return {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": call}]}}


def test_a_program_fills_no_memory_with_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a command without end the beginning is kept, of an id without end nothing, of many calls the last."""
    for module in (claude, gemini):  # a thousand would be looked through for secrets, one by one
        monkeypatch.setattr(module, "MAX_OPEN_CALLS", FEW_CALLS)
    for reading in (ClaudeOutputParser(), CodexOutputParser()):
        reading.act("x" * 10**6, ok=True)
        assert len(reading.told(0).actions[0].action) == MAX_ACTION_CHARS
    of_claude = ClaudeOutputParser()
    for number in range(FEW_CALLS + 2):
        shown(of_claude, claude_call(number, "y" * (MAX_ACTION_CHARS + 1)))
    assert len(of_claude._open) == FEW_CALLS
    assert max(map(len, of_claude._open.values())) == MAX_ACTION_CHARS
    shown(of_claude, claude_result("t0"), claude_result("t5"))
    assert [one.call for one in of_claude.told(0).actions] == ["t5"]
    long = claude_call(0, "make")
    long["message"]["content"][0]["id"] = "z" * 10**6
    shown(of_claude, long)
    assert max(map(len, of_claude._open)) < 10
    of_gemini = GeminiOutputParser()
    for number in range(FEW_CALLS + 2):
        call = {"type": "tool_use", "tool_name": "n" * 10_000, "tool_id": f"t{number}" + "i" * 300 * (number % 2)}
        shown(of_gemini, call)
    assert len(of_gemini._called) <= FEW_CALLS
    assert max(map(len, (*of_gemini._called, *of_gemini._called.values()))) < 500


def test_what_codex_got_over_is_forgotten() -> None:
    """An error is one while the turn is not completed; a turn that failed has ended."""
    reading = CodexOutputParser()
    assert shown(reading, {"type": "error", "message": "429 Too Many Requests"}) == ["[quota: 429 Too Many Requests]"]
    assert (reading.told(0).trouble, reading.told(0).ended) == (ErrorKind.QUOTA, False)
    shown(reading, {"type": "turn.completed", "usage": {}})
    assert (reading.told(0).trouble, reading.told(0).error) == (None, "")
    failed = CodexOutputParser()
    shown(failed, {"type": "turn.failed", "error": {"message": "401 Unauthorized\nlog in"}})
    told = failed.told(1)
    assert (told.ended, told.trouble, told.error) == (True, ErrorKind.LOGIN, "401 Unauthorized log in")


def test_what_codex_was_not_let_do() -> None:
    """A command by its words, a change of files as one; each once."""
    reading = CodexOutputParser()
    declined = item("command_execution", command="curl x", status="declined")
    shown(reading, declined, declined, item("file_change", status="declined", changes=[]))
    assert reading.told(0).denials == ("curl x", "a change of files")


def test_counts_that_went_back_are_none() -> None:
    """A thread that began anew counts from nothing: no count is below it."""
    reading = CodexOutputParser({"input_tokens": 10**6})
    shown(reading, {"type": "turn.completed", "usage": {"input_tokens": 5, "output_tokens": 1}})
    assert (reading.told(0).usage.tokens_in, reading.told(0).usage.tokens_out) == (0, 1)


def test_a_round_of_gemini() -> None:
    """What it says after its last tool is its answer; the model that wrote most gives the name."""
    reading = GeminiOutputParser()
    models = {"flash": {"output_tokens": 5}, "pro": {"output_tokens": 50}, "odd": 7}
    said = shown(
        reading,
        {"type": "init", "session_id": "s1"},
        {"type": "message", "role": "user", "content": "asked"},
        {"type": "message", "role": "assistant", "content": "I look. "},
        {"type": "tool_use", "tool_name": "read_file", "tool_id": "1", "parameters": {"file_path": "a.py"}},
        {"type": "tool_result", "tool_id": "1", "status": "success"},
        {"type": "message", "role": "assistant", "content": "It is "},
        {"type": "message", "role": "assistant", "content": "done."},
        {
            "type": "result",
            "status": "success",
            "stats": {"input_tokens": 90, "output_tokens": 55, "cached": 30, "models": models},
        },
    )
    assert said == ["", "", "I look. ", "[read_file a.py]", "", "It is ", "done.", ""]
    told = reading.told(0)
    assert (told.ended, told.session, told.answer, told.error) == (True, "s1", "It is done.", "")
    usage = told.usage
    assert (usage.model, usage.tokens_in, usage.tokens_out, usage.tokens_cached) == ("pro", 90, 55, 30)


@pytest.mark.parametrize(
    ("error", "denied"),
    [
        ({"type": "policy_violation", "message": "no"}, True),
        ({"type": "permission_denied", "message": "no"}, True),
        ({"type": "x", "message": "Tool execution denied by policy"}, True),
        ({"type": "x", "message": "Path not in workspace: /etc"}, True),
        ({"type": "x", "message": "File not found"}, False),
    ],
)
def test_what_gemini_was_not_let_do(error: dict[str, str], denied: bool) -> None:
    """By the tool and what it was used on; what only failed is no refusal."""
    reading = GeminiOutputParser()
    call = {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": "1", "parameters": {"command": "curl x"}}
    (_, line) = shown(reading, call, {"type": "tool_result", "tool_id": "1", "status": "error", "error": error})
    assert line == f"[refused or failed: {error['message']}]"
    assert reading.told(0).denials == (("run_shell_command curl x",) if denied else ())
    assert [one.action for one in reading.told(0).actions] == ([] if denied else ["curl x"])
    unknown = GeminiOutputParser()
    shown(unknown, {"type": "tool_result", "tool_id": "9", "status": "error", "error": {"type": "policy_violation"}})
    assert unknown.told(0).denials == ("a tool",)


@pytest.mark.parametrize(
    ("result", "trouble", "error"),
    [
        (
            {"status": "error", "error": {"message": "429 RESOURCE_EXHAUSTED"}},
            ErrorKind.QUOTA,
            "429 RESOURCE_EXHAUSTED",
        ),
        (
            {"status": "error", "error": {"message": "API key not valid: 403"}},
            ErrorKind.LOGIN,
            "API key not valid: 403",
        ),
        ({"status": "error", "error": {"type": "FatalTurnLimitedError", "message": "x"}}, ErrorKind.TURNS, "x"),
        ({"status": "error", "error": {"message": "Reached max session turns"}}, ErrorKind.TURNS, None),
        ({"status": "error"}, ErrorKind.API, "error"),
        ({}, ErrorKind.API, "an error without words"),
    ],
)
def test_how_gemini_fails(result: Event, trouble: ErrorKind, error: str | None) -> None:
    """Its exit codes say nothing: only its last event does."""
    reading = GeminiOutputParser()
    shown(reading, {"type": "result", **result})
    told = reading.told(0)
    assert (told.ended, told.trouble) == (True, trouble)
    assert error is None or told.error == error


WRAPPED = """\
shopt -u promptvars nullglob extglob nocaseglob dotglob; _bgpids_file='/tmp/a b/bgpids.tmp'
(
  trap 'jobs -p > "$_bgpids_file"' EXIT
LINE
)
__code=$?
exit $__code"""
"""What it has bash run."""


@pytest.mark.parametrize(
    ("model", "run"),
    [
        ("make all", "make all"),
        ("echo 'a\nb'\n)\n(\nmake", "echo 'a\nb'\n)\n(\nmake"),
        ("bash -c 'make all'", "make all"),
        ('/bin/sh -c  "make \\"all\\""', 'make "all"'),
        ("bash -c 'one' 'two'", "one' 'two"),
        ('bash -c "a" "b"', 'a" "b'),
        ("bash -c make", "make"),
        ("bash -c '", "'"),
        ("bash -c \"it's", "\"it's"),
        ("bash -lc 'make'", "bash -lc 'make'"),
    ],
)
def test_a_command_of_gemini_has_one_name(model: str, run: str) -> None:
    """What it tells of is what its bash asks about, without what it puts around."""
    of_bash = launched_by_gemini(WRAPPED.replace("LINE", run))
    reading = GeminiOutputParser()
    call = {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": "1", "parameters": {"command": model}}
    shown(reading, call, {"type": "tool_result", "tool_id": "1", "status": "success"})
    assert reading.told(0).actions == (EndedAction(action=run, ok=None),)
    assert of_bash == run


@pytest.mark.parametrize(
    ("output", "ok"),
    [
        ("out\n[exit code 0]\n", True),
        ("[exit code 2]", False),
        ("[exit code 2]\nout", False),
        ("[exit code 0]\nout\n[exit code 2]", None),
        ("said: [exit code 0]", None),
        ("", None),
    ],
)
def test_how_a_command_of_gemini_went(output: str, ok: bool | None) -> None:
    """It does not say: a line of the output does, where bash was asked to print it."""
    reading = GeminiOutputParser()
    call = {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": "1", "parameters": {"command": "make"}}
    shown(reading, call, {"type": "tool_result", "tool_id": "1", "status": "success", "output": output})
    assert [one.ok for one in reading.told(0).actions] == [ok]


@pytest.mark.parametrize("said", ["", "uname -a", "(\nmake\n)\n__code=$?\nexit $__code", f"{WRAPPED}\nmake"])
def test_what_gemini_runs_for_itself_is_no_action(said: str) -> None:
    """And of a version that wraps its commands otherwise nothing is said: it would be said again and again."""
    assert launched_by_gemini(said) == ""


def test_files_that_gemini_changes() -> None:
    """As its model named them; a call that failed changed nothing, one that only looks neither."""
    reading = GeminiOutputParser()
    for number, (tool, status) in enumerate(
        (("replace", "success"), ("write_file", "error"), ("read_file", "success"))
    ):
        call = {"tool_name": tool, "tool_id": str(number), "parameters": {"file_path": f"{tool}.md"}}
        shown(reading, {"type": "tool_use", **call}, {"type": "tool_result", "tool_id": str(number), "status": status})
    assert reading.told(0).actions == (EndedAction(action="replace.md", ok=True, hooked=True),)


def test_files_that_opencode_changes() -> None:
    """By a path or a patch; one that a hook held back is told of, one that failed is not."""
    reading = OpenCodeOutputParser()
    patch = "*** Begin Patch\n*** Update File: b.md\n*** Delete File: c.md\n*** End Patch"
    held = f"{REFUSED_ONCE} ..."
    for tool, state in (
        ("edit", {"status": "completed", "input": {"filePath": "a.md"}}),
        ("apply_patch", {"status": "completed", "input": {"patchText": patch}}),
        ("write", {"status": "error", "input": {"filePath": "d.md"}, "error": "no such folder"}),
        ("write", {"status": "error", "input": {"filePath": "e.md"}, "error": held}),
        ("read", {"status": "completed", "input": {"filePath": "f.md"}}),
    ):
        shown(reading, {"type": "tool_use", "part": {"tool": tool, "callID": "c1", "state": state}})
    told = reading.told(0)
    assert [(one.action, one.ok, one.call) for one in told.actions] == [
        *(("a.md", True, "c1"), ("b.md", True, "c1"), ("c.md", True, "c1")),
        ("e.md", False, "c1"),
    ]
    assert told.denials == ()


def test_commands_of_opencode() -> None:
    """They are told by what its model wrote, and went well by their exit code; a refused one is none."""
    reading = OpenCodeOutputParser()
    for state in (
        {"status": "completed", "input": {"command": "make all"}, "metadata": {"exit": 2}},
        {"status": "completed", "input": {"command": "make -j1"}, "metadata": {"exit": 0}},
        {"status": "error", "input": {"command": "make slow"}, "error": "it took too long"},
        {"status": "error", "input": {"command": "curl x"}, "error": "The user has specified a rule"},
        {"status": "completed", "input": {"filePath": "a.py"}},
    ):
        shown(reading, {"type": "tool_use", "part": {"tool": "bash", "state": state}})
    told = [(one.action, one.ok) for one in reading.told(0).actions]
    assert told == [("make all", False), ("make -j1", True), ("make slow", None)]


def test_stack_traces_of_gemini_are_not_shown() -> None:
    """Of calls that it tries again; Codex's plain lines are."""
    assert GeminiOutputParser().take("    at Object.<anonymous> (x.js:1)") == ""
    assert CodexOutputParser().take("plain") == "plain"


def test_an_endless_answer_is_kept_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """And shown whole, piece by piece."""
    monkeypatch.setattr("orchestrator.adapters.agents.gemini.MAX_ANSWER_CHARS", 10)
    reading = GeminiOutputParser()
    said = shown(reading, *({"type": "message", "role": "assistant", "content": "12345678"} for _ in range(5)))
    assert ("".join(said), reading.told(0).answer) == ("12345678" * 5, "1234567812345678")
    assert json_events.MAX_ANSWER_CHARS >= 1024**2


def test_so_many_refusals_are_remembered() -> None:
    """A program that is refused all night fills no memory."""
    reading = CodexOutputParser()
    for number in range(3 * MAX_DENIALS):
        reading.deny(f"curl {number}")
    assert len(reading.told(0).denials) == MAX_DENIALS


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  {"a": 1}  ', {"a": 1}),
        ("[1]", {}),
        ("{", {}),
        ("", {}),
        ('"a"', {}),
        ("null", {}),
        ('{"a": "\\ud800"}', {"a": "?"}),
    ],
)
def test_a_line_is_an_object_or_nothing(line: str, found: Event) -> None:
    """Whatever it is."""
    assert parse_event(line) == found


FOUND: Event = {
    "text": "x",
    "number": 7,
    "odd": True,
    "deep": {"list": [{"a": 1}, 2, {"b": 3}], "text": ["x"]},
    "negative": -5,
    "huge": 10**30,
    "half": 2.9,
}


def test_what_stands_where() -> None:
    """Of the right kind, or what stands for nothing."""
    assert (text_at(FOUND, "text"), text_at(FOUND, "number"), text_at(FOUND, "deep", "text")) == ("x", "", "")
    assert value_at(FOUND, "deep", "list", "a") is None
    assert objects_at(FOUND, "deep", "list") == [{"a": 1}, {"b": 3}]
    assert objects_at(FOUND, "text") == []
    numbers = [number_at(FOUND, name) for name in ("number", "odd", "text", "negative", "huge", "half", "none")]
    assert numbers == [7, 0, 0, 0, MAX_NUMBER, 2, 0]
    assert [usd_at({"usd": usd}, "usd") for usd in (0, 1.5, -1, True, "1", 1e9, None)] == [0.0, 1.5, *[None] * 5]


@given(st.floats() | st.integers())
def test_no_number_is_more_than_can_be_stored(value: float) -> None:
    """Infinity and what is no number among them."""
    assert 0 <= number_at({"a": value}, "a") <= MAX_NUMBER
    usd = usd_at({"a": value}, "a")
    assert usd is None or 0 <= usd < 1e9


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"path": "b", "command": "make\ttest"}, "make test"),
        ({"file_path": "a.py", "content": "x" * 900}, "a.py"),
        ({"pattern": "x" * 900}, "x" * 199 + "…"),
        ({"command": ["make"]}, ""),
        ({}, ""),
    ],
)
def test_what_a_tool_was_used_on(given_: Event, said: str) -> None:
    """In one line that fits on a screen."""
    assert main_argument(given_) == said


@pytest.mark.usefixtures("programs_on_path")
def test_codex_is_given_no_settings_that_an_earlier_round_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks in its home would be trusted unseen; a link in their place is taken away and leads nowhere."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    home, outside = tmp_path / "home", tmp_path / "outside.toml"
    outside.write_text("mine")
    (home / ".codex" / "hooks").mkdir(parents=True)
    (home / ".codex" / "hooks.json").write_text("{}")
    (home / ".codex" / "config.toml").symlink_to(outside)
    Codex().launch(RoundRequest(prompt="p", tree=tmp_path, home=home, hook="ask"))
    assert not [each for each in SETTINGS_FILES if (home / each).is_symlink() or (home / each).exists()]
    assert outside.read_text() == "mine"
