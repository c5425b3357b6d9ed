"""What do Codex' transcripts say?

Read of 0.171.0 and 0.169.0: one file of JSON lines for each thread, below folders of the year, month and day. Commands
and changes are told by `item_completed`; older versions have the model's calls and their outputs alone. What it tells
its model itself stands among the user's messages, as a block in angle brackets. The count of tokens is a running sum.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.adapters.transcripts.json_records import (
    cut,
    joined_texts,
    json_records,
    newest_each,
    plain_session,
    utc_text,
)
from orchestrator.core.foreign_files import PassedOver, find_files
from orchestrator.core.ports.transcripts import (
    EventKind,
    FoundTranscripts,
    TellOdd,
    TranscriptEvent,
    TranscriptRef,
)
from orchestrator.execution.programs.json_events import number_at, object_at, text_at, value_at

HOME_VARIABLE = "CODEX_HOME"
FOLDERS = ("sessions", "archived_sessions")
MAX_DEPTH = 5
_NAME = re.compile(r"rollout-.*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")
_OWN_WORDS = re.compile(r"\s*(?:<[a-z_]+>|<INSTRUCTIONS>|# AGENTS\.md instructions)")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_EXIT = re.compile(r'"exit_code"\s*:\s*(-?\d+)|exited with code (-?\d+)')
SHELL_TOOLS = ("shell", "shell_command", "exec_command", "local_shell", "container.exec")


@dataclass(frozen=True, kw_only=True)
class CodexSessions:
    """The transcripts below a folder."""

    top: Path
    name: str = "codex"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, given: Path | None = None) -> CodexSessions:
        """Where the program keeps them, or in a folder that is named."""
        return cls(top=(given or Path(environ.get(HOME_VARIABLE) or home / ".codex")).absolute())

    def find(self) -> FoundTranscripts:
        """Every transcript."""
        passed: list[PassedOver] = []

        def enter(parts: tuple[str, ...]) -> bool:
            return parts[0] in FOLDERS or parts[0].isdigit()

        found = find_files(
            self.top, lambda parts: bool(_NAME.fullmatch(parts[-1])), passed, depth=MAX_DEPTH, enter=enter
        )
        refs = []
        for each in found:
            named = _NAME.fullmatch(each.parts[-1])
            session = plain_session(named[1] if named else each.path.stem)
            refs.append(
                TranscriptRef(program=self.name, session=session, path=each.path, mark=each.mark, changed=each.changed)
            )
        return FoundTranscripts(refs=newest_each(refs, passed), passed=tuple(passed))

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a line. Raises OSError."""
        reading = _ThreadReading()
        for line, found in json_records(self.top, ref, odd, after=after):
            when = utc_text(value_at(found, "timestamp"))
            fact = TranscriptEvent(line=line, kind=EventKind.FACT, when=when)
            yield from reading.events(text_at(found, "type"), object_at(found, "payload"), fact)


@dataclass
class _ThreadReading:
    """What is known of a thread by the line that is read."""

    folder: str = ""
    model: str = ""
    total: tuple[int, int] = (0, 0)
    calls: set[str] = field(default_factory=set)

    def events(self, kind: str, payload: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        """The events of one record."""
        match kind:
            case "session_meta" | "turn_context":
                yield from self._context(payload, fact)
            case "response_item":
                yield from self._response(payload, fact)
            case "event_msg":
                yield from self._event(payload, fact)

    def _context(self, payload: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        folder, model = text_at(payload, "cwd"), text_at(payload, "model")
        if (folder and folder != self.folder) or (model and model != self.model):
            self.folder, self.model = folder or self.folder, model or self.model
            yield replace(fact, folder=cut(folder), model=cut(model))

    def _response(self, payload: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        match text_at(payload, "type"):
            case "message":
                text, role = joined_texts(payload, "content"), text_at(payload, "role")
                if role == "user" and text and not _OWN_WORDS.match(text):
                    yield replace(fact, kind=EventKind.ASKED, text=text)
                elif role == "assistant" and text:
                    yield replace(fact, kind=EventKind.SAID, text=text)
            case "function_call" | "custom_tool_call" | "local_shell_call":
                yield from self._call(payload, fact)
            case "function_call_output" | "custom_tool_call_output":
                text = joined_texts(payload, "output")
                call = text_at(payload, "call_id")
                failed = call in self.calls and _failed(text)
                yield replace(fact, kind=EventKind.RESULT, text=text, call=call, failed=failed)

    def _call(self, payload: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        tool, call = text_at(payload, "name"), text_at(payload, "call_id")
        given = text_at(payload, "arguments") or text_at(payload, "input")
        if tool in SHELL_TOOLS or text_at(payload, "type") == "local_shell_call":
            self.calls.add(call)
            command = _command(_arguments(given) or object_at(payload, "action"))
            yield replace(fact, kind=EventKind.COMMAND, text=cut(command), call=call)
        elif tool == "apply_patch":
            for path in _PATCHED.findall(given)[:1000]:
                yield replace(fact, kind=EventKind.FILE, text=cut(path.strip()), call=call)
        else:
            yield replace(fact, kind=EventKind.TOOL, text=cut(f"{tool} {given}".strip()), call=call)

    def _event(self, payload: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        match text_at(payload, "type"):
            case "item_completed":
                yield from _item(object_at(payload, "item"), fact)
            case "token_count":
                yield from self._tokens(object_at(payload, "info", "total_token_usage"), fact)
            case "error":
                yield replace(fact, kind=EventKind.FAILED, text=cut(text_at(payload, "message")))
            case "turn_aborted":
                yield replace(fact, kind=EventKind.FAILED, text=cut(f"stopped: {text_at(payload, 'reason')}"))
            case "task_complete" if said := text_at(payload, "error", "message"):
                yield replace(fact, kind=EventKind.FAILED, text=cut(said))

    def _tokens(self, total: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        now = (number_at(total, "input_tokens"), number_at(total, "output_tokens"))
        before, self.total = self.total, now
        more = (max(0, now[0] - before[0]), max(0, now[1] - before[1]))
        if any(more):
            yield replace(fact, tokens_in=more[0], tokens_out=more[1])


def _item(item: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    """A command or a change of files, in the words of newer versions."""
    ident = text_at(item, "id")
    if text_at(item, "type") == "CommandExecution":
        command, output = _command(item), text_at(item, "aggregated_output")
        failed = text_at(item, "status") not in {"completed", ""} or bool(value_at(item, "exit_code"))
        yield replace(fact, kind=EventKind.COMMAND, text=cut(command), call=ident)
        yield replace(fact, kind=EventKind.RESULT, text=cut(output), call=ident, failed=failed)
    elif text_at(item, "type") == "FileChange":
        for path in list(object_at(item, "changes"))[:1000]:
            yield replace(fact, kind=EventKind.FILE, text=cut(path), call=ident)


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = read_json(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _command(found: dict[str, Any]) -> str:
    """A command line, without the shell that runs it."""
    said = value_at(found, "command") or value_at(found, "cmd")
    if isinstance(said, str):
        return said
    words = [word for word in said if isinstance(word, str)] if isinstance(said, list) else []
    if len(words) == 3 and words[1] in {"-c", "-lc"}:
        return words[2]
    return shlex.join(words)


def _failed(output: str) -> bool:
    found = _EXIT.search(output[:2000])
    return found is not None and (found[1] or found[2]) != "0"
