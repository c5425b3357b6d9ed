"""What does a program's hook say of a call, and what is answered, so that its model hears the journal's warnings?

claude and codex say the same in the same words (JSON on standard input, JSON back). What is added to a call comes with
its result; what refuses it comes instead, with the reason, and counts among the program's own denials: so the calls
that were held back are kept, and taken off those. Whatever runs in the sandbox may ask here, with any id: so a denial
is taken off only if it is of the very call that was asked about, which the journal warned of, and what was said counts
only once the program tells of that call itself.

A program without hooks has its bash ask, with a command line and nothing else (`bash_lines`): it is answered by plain
text, and nothing is held back there.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.ports.action_warner import ActionAdvice, ActionWarner
from orchestrator.execution.hooks.hook_client import BASH_MARK, CODE_WANTED
from orchestrator.execution.programs.json_events import call_id, denied_call, object_at, text_at
from orchestrator.execution.programs.port import EndedAction, ParsedOutput

PATH_ARGUMENTS = ("file_path", "notebook_path", "path")
CHANGING_TOOLS = frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write", "apply_patch"})
"""Tools that change the file they name; of a tool that only looks nothing is said."""
MAX_PATCHED_FILES = 20
MAX_HELD_BACK = 1000
"""Calls that are kept, those held back last."""
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)


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
    """Both as a `Launch` has them."""
    _held_back: dict[str, _HeldBackCall] = field(default_factory=dict)
    """By the id of the call."""
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
        try:
            found = read_json(said.decode("utf-8", "replace"))
        except ValueError:
            return b""
        if not isinstance(found, dict) or text_at(found, "hook_event_name") != "PreToolUse":
            return b""
        call = call_id(found, "tool_use_id")
        actions = called_actions(text_at(found, "tool_name"), object_at(found, "tool_input"), self.tree)
        advice = _joined([self.warner.before(action, call=call) for action in actions])
        if not advice.lines:
            return b""
        if advice.refuses:
            with self._lock:
                self._held_back[call] = _HeldBackCall(named=denied_call(found), actions=actions)
                while len(self._held_back) > MAX_HELD_BACK:
                    self._held_back.pop(next(iter(self._held_back)))
            way = {"permissionDecision": "deny", "permissionDecisionReason": advice.text}
        else:
            way = {"additionalContext": advice.text}  # codex drops it where a decision stands beside it
        return json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", **way}}).encode()

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
    command = text_at(given, "command") or text_at(given, "input")
    if tool == "apply_patch" or "*** Begin Patch" in command[:200]:
        return tuple(_in_tree(path, tree) for path in _PATCHED.findall(command)[:MAX_PATCHED_FILES])
    if command:
        return (command,)
    path = next(_paths(given), "")
    return (_in_tree(path, tree),) if path and tool in CHANGING_TOOLS else ()


def _paths(given: dict[str, Any]) -> Iterator[str]:
    yield from (path for name in PATH_ARGUMENTS if (path := text_at(given, name)))


def _in_tree(path: str, tree: Path) -> str:
    plain = Path(os.path.normpath(path.strip()))
    return str(plain.relative_to(tree) if plain.is_relative_to(tree) else plain)


def _joined(every: list[ActionAdvice]) -> ActionAdvice:
    """What is said of all actions of one call."""
    lines = tuple(line for one in every for line in one.lines)
    return ActionAdvice(lines=lines, refuses=any(one.refuses for one in every))
