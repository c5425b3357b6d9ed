"""What does a program's hook say of a call, and what is answered, so that its model hears the journal's warnings?

The programs with hooks say the same in the same words (JSON on standard input, JSON back). What is added to a call
comes with its result; what refuses it comes instead, with the reason, and counts among the program's own denials: so
the calls that were held back are kept, and taken off those. gemini and qwen pass on what is added only at their hook
after the call: there it is said again. gemini names no call to its hooks, so none of its calls is held back. Whatever
runs in the sandbox may ask here, with any id: so a denial is taken off only if it is of the very call that was asked
about, which the journal warned of, and what was said counts only once the program tells of that call itself.

A program without hooks before its commands has its bash ask, with a command line and nothing else (`bash_lines`); one
without any hooks asks of a file that it has changed. Both are answered by plain text, and nothing is held back there.

A hook that does not run stops no work. That nobody asked is seen by what the program tells that it did.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.ports.action_warner import ActionAdvice, ActionWarner
from orchestrator.execution.hooks.hook_client import BASH_MARK, CODE_WANTED, FILE_MARK
from orchestrator.execution.programs.json_events import call_id, denied_call, object_at, patched_files, text_at
from orchestrator.execution.programs.port import EndedAction, ParsedOutput

BEFORE_EVENTS = frozenset({"PreToolUse", "BeforeTool"})
AFTER_EVENTS = frozenset({"PostToolUse", "AfterTool"})
"""What the programs call their hooks before a call and after it."""
UNNAMED_CALLS = frozenset({"BeforeTool"})
"""Hooks whose program could not tell a call that was held back from one that it refused itself."""
PATH_ARGUMENTS = ("file_path", "notebook_path", "path", "filePath")
CHANGING_TOOLS = frozenset(
    {
        *("Edit", "MultiEdit", "NotebookEdit", "Write", "apply_patch"),
        *("edit", "multiedit", "notebook_edit", "replace", "write", "write_file"),
    }
)
"""Tools that change the file they name; of a tool that only looks nothing is said."""
MAX_HELD_BACK = 1000
"""Calls that are kept, those held back last."""
MAX_ASKED = 1000
"""Actions that are kept as asked about, the last ones."""
MAX_SAID = 64
"""Calls at which something was said that are kept until they are done, the last ones."""


@dataclass(frozen=True, kw_only=True)
class _HeldBackCall:
    """What a call was, as denials name it, and its actions."""

    named: str
    actions: tuple[str, ...]


@dataclass(kw_only=True)
class ToolHooks:
    """Answers the hooks of one run, which works in `tree`. Any thread may ask."""

    warner: ActionWarner
    tree: Path
    of_bash: Callable[[str], str] | None = None
    codes_untold: bool = False
    hooked: bool = False
    """All three as a `Launch` has them."""
    unasked: int = 0
    """How many actions the program tells of that its hook should have asked about, and did not."""
    _held_back: dict[str, _HeldBackCall] = field(default_factory=dict)
    """By the id of the call."""
    _asked: dict[str, None] = field(default_factory=dict)
    _said: dict[tuple[str, ...], str] = field(default_factory=dict)
    """What is to be said after a call, by its id and its actions."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def held_back(self) -> frozenset[str]:
        """The ids of the calls that were refused once."""
        with self._lock:
            return frozenset(self._held_back)

    def answer(self, said: bytes) -> bytes:
        """What the program is answered; nothing where there is nothing to say, or nothing can be read."""
        if said.startswith(BASH_MARK):
            return self._answer_bash(said.removeprefix(BASH_MARK).decode("utf-8", "replace"))
        if said.startswith(FILE_MARK):
            changed = _in_tree(said.removeprefix(FILE_MARK).decode("utf-8", "replace"), self.tree)
            return self._advice((changed,), "", may_refuse=False).text.encode()
        try:
            found = read_json(said.decode("utf-8", "replace"))
        except ValueError:
            return b""
        event = text_at(found, "hook_event_name")
        call = call_id(found, "tool_call_id") or call_id(found, "tool_use_id")
        actions = called_actions(text_at(found, "tool_name"), object_at(found, "tool_input"), self.tree)
        if event in BEFORE_EVENTS:
            return self._before(event, call, actions, denied_call(found))
        return self._after(event, call, actions) if event in AFTER_EVENTS else b""

    def _before(self, event: str, call: str, actions: tuple[str, ...], named: str) -> bytes:
        advice = self._advice(actions, call, may_refuse=event not in UNNAMED_CALLS)
        if not advice.lines:
            return b""
        if advice.refuses:
            with self._lock:
                self._held_back[call] = _HeldBackCall(named=named, actions=actions)
                _keep_last(self._held_back, MAX_HELD_BACK)
            return _hook_output(event, permissionDecision="deny", permissionDecisionReason=advice.text)
        with self._lock:
            self._said[call, *actions] = advice.text
            _keep_last(self._said, MAX_SAID)
        return _hook_output(event, additionalContext=advice.text)  # codex drops it where a decision stands beside it

    def _after(self, event: str, call: str, actions: tuple[str, ...]) -> bytes:
        with self._lock:
            said = self._said.pop((call, *actions), "")
        return _hook_output(event, additionalContext=said) if said else b""

    def _advice(self, actions: tuple[str, ...], call: str, *, may_refuse: bool) -> ActionAdvice:
        """What is said of all actions of one call."""
        every = [self.warner.before(action, call=call, may_refuse=may_refuse) for action in actions]
        with self._lock:
            self._asked.update(dict.fromkeys(actions))
            _keep_last(self._asked, MAX_ASKED)
        lines = tuple(line for one in every for line in one.lines)
        return ActionAdvice(lines=lines, refuses=any(one.refuses for one in every))

    def _answer_bash(self, line: str) -> bytes:
        """The same in the words of a shell: what it prints before it runs the line."""
        command = self.of_bash(line) if self.of_bash else ""
        advice = self.warner.before(command, call="", may_refuse=False)
        wanted = CODE_WANTED if self.codes_untold and (advice.lines or self.warner.heard) else b""
        return wanted + (f"{advice.text}\n".encode() if advice.lines else b"")

    def followed(self, ended: EndedAction) -> None:
        """Hears what the program says that it did. What was held back was not done."""
        names = {ended.action, _in_tree(ended.action, self.tree)}
        self.warner.confirm(names, call=ended.call)
        with self._lock:
            held = self._held_back.get(ended.call) if ended.call else None
            if self.hooked and ended.hooked and ended.ok and names.isdisjoint(self._asked):
                self.unasked += 1
        if held and names.intersection(held.actions):
            return
        action = ended.action if " " in ended.action else _in_tree(ended.action, self.tree)
        if ended.ok is not None:
            self.warner.followed(action, ok=ended.ok)

    def without_held_back(self, told: ParsedOutput) -> ParsedOutput:
        """What a program says, less the denials of calls that were held back once."""
        with self._lock:
            held = dict(self._held_back)
        ours = {what for call, what in told.denied_calls.items() if call in held and held[call].named == what}
        others = {what for call, what in told.denied_calls.items() if call not in held or held[call].named != what}
        return replace(told, denials=tuple(each for each in told.denials if each not in ours - others))


def called_actions(tool: str, given: dict[str, Any], tree: Path) -> tuple[str, ...]:
    """The actions of a call as the journal knows them: its command line, or the files that it changes, as paths in the
    tree."""
    command = text_at(given, "command") or text_at(given, "input") or text_at(given, "patchText")
    if tool == "apply_patch" or "*** Begin Patch" in command[:200]:
        return tuple(_in_tree(path, tree) for path in patched_files(command))
    if command:
        return (command,)
    path = next(_paths(given), "")
    return (_in_tree(path, tree),) if path and tool in CHANGING_TOOLS else ()


def _paths(given: dict[str, Any]) -> Iterator[str]:
    yield from (path for name in PATH_ARGUMENTS if (path := text_at(given, name)))


def _in_tree(path: str, tree: Path) -> str:
    plain = Path(os.path.normpath(path.strip()))
    return str(plain.relative_to(tree) if plain.is_relative_to(tree) else plain)


def _hook_output(event: str, **said: str) -> bytes:
    return json.dumps({"hookSpecificOutput": {"hookEventName": event, **said}}).encode()


def _keep_last(kept: dict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.pop(next(iter(kept)))
