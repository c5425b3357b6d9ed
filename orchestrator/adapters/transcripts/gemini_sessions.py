"""What do Gemini CLI's transcripts say?

Read of 0.61.0: one file of JSON lines for each session, in a folder that is called after the project's. It writes a
message anew, under the same id, when its tool has run, and the whole history again when a session is resumed: each
message counts where it stood first. A command that failed counts as a success there; its exit code stands in the
output. When the model's API fails it takes the question out of its own history again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.adapters.transcripts.json_records import (
    cut,
    joined_texts,
    json_records,
    newest_each,
    plain_session,
    used_tool,
    utc_text,
)
from orchestrator.core.foreign_files import ForeignFile, PassedOver, find_files, open_foreign, real_folder
from orchestrator.core.ports.transcripts import (
    EventKind,
    FoundTranscripts,
    TellOdd,
    TranscriptEvent,
    TranscriptRef,
)
from orchestrator.execution.programs.json_events import (
    number_at,
    object_at,
    objects_at,
    text_at,
    value_at,
)

HOME_VARIABLE = "GEMINI_CLI_HOME"
ROOT_FILE = ".project_root"
CHATS = "chats"
MAX_DEPTH = 4
FILE_TOOLS = ("edit", "replace", "write_file")
MAX_MESSAGES = 100_000
_OWN_WORDS = "<session_context>"
_EXIT = re.compile(r"^Exit Code: (-?\d+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class GeminiSessions:
    """The transcripts below a folder."""

    top: Path
    name: str = "gemini"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, given: Path | None = None) -> GeminiSessions:
        """Where the program keeps them, or in a folder that is named."""
        own = Path(environ.get(HOME_VARIABLE) or home) / ".gemini" / "tmp"
        top = real_folder(given or own)
        return cls(top=top.parent if top.name == CHATS else top)

    def find(self) -> FoundTranscripts:
        """Every transcript."""
        passed: list[PassedOver] = []
        found = find_files(self.top, lambda parts: parts[-1].endswith(".jsonl"), passed, depth=MAX_DEPTH)
        chats = [each for each in found if CHATS in each.parts[:-1] or len(each.parts) == 1]
        roots: dict[tuple[str, ...], str] = {}
        refs = newest_each((self._ref(each, roots) for each in chats), passed)
        return FoundTranscripts(refs=refs, passed=tuple(passed))

    def _ref(self, file: ForeignFile, roots: dict[tuple[str, ...], str]) -> TranscriptRef:
        project = file.parts[: file.parts.index(CHATS)] if CHATS in file.parts else ()
        if project not in roots:
            roots[project] = self._root(project)
        return TranscriptRef(
            program=self.name,
            session=plain_session(".".join((*_project_name(file.path), file.path.stem))),
            path=file.path,
            mark=file.mark,
            changed=file.changed,
            folder=roots[project],
        )

    def _root(self, project: tuple[str, ...]) -> str:
        """The folder of a project, as the program notes it beside its sessions."""
        try:
            with open_foreign(self.top, (*project, ROOT_FILE)) as file:
                return file.read(4096).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a line. Raises OSError."""
        reading = _MessageReading()
        for line, found in json_records(self.top, ref, odd):
            changed = objects_at(found, "$set", "messages")
            for message in changed if changed else [found]:
                for event in reading.events(message, line):
                    if line > after:
                        yield event


def _project_name(path: Path) -> tuple[str, ...]:
    """What the project's folder is called there, from wherever one begins to look."""
    return next(((above.parent.name,) for above in path.parents[:2] if above.name == CHATS), ())


@dataclass
class _MessageReading:
    """What was read of a session's messages."""

    told: set[str] = field(default_factory=set)
    folder: str = ""

    def _first(self, ident: str) -> bool:
        """Whether something is met for the first time."""
        if not ident or ident in self.told or len(self.told) >= MAX_MESSAGES:
            return False
        self.told.add(ident)
        return True

    def events(self, message: dict[str, Any], line: int) -> Iterator[TranscriptEvent]:
        """What is new in a message."""
        ident, kind = text_at(message, "id"), text_at(message, "type")
        fact = TranscriptEvent(line=line, kind=EventKind.FACT, when=utc_text(value_at(message, "timestamp")))
        text = joined_texts(message, "content")
        if kind == "user":
            if text and not text.startswith(_OWN_WORDS) and self._first(ident):
                yield replace(fact, kind=EventKind.ASKED, text=text)
        elif kind == "gemini":
            if self._first(f"{ident} tokens"):
                taken, given = number_at(message, "tokens", "input"), number_at(message, "tokens", "output")
                yield replace(fact, tokens_in=taken, tokens_out=given, model=cut(text_at(message, "model")))
            if text and self._first(ident):
                yield replace(fact, kind=EventKind.SAID, text=text)
            for call in objects_at(message, "toolCalls"):
                if self._first(f"call {text_at(call, 'id')}"):
                    yield from _call(call, fact)
        elif kind in {"error", "warning"} and text and self._first(ident):
            yield replace(fact, kind=EventKind.FAILED if kind == "error" else EventKind.SAID, text=text)


def _call(call: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    tool, given, ident = text_at(call, "name"), object_at(call, "args"), text_at(call, "id")
    outputs = [text_at(part, "functionResponse", "response", "output") for part in objects_at(call, "result")]
    outputs += [text_at(part, "functionResponse", "response", "error") for part in objects_at(call, "result")]
    output = cut("\n".join(part for part in outputs if part))
    code = _EXIT.search(output[-4000:]) if tool == "run_shell_command" else None
    failed = text_at(call, "status") in {"error", "cancelled"} or (code is not None and code[1] != "0")
    if tool == "run_shell_command":
        yield replace(fact, kind=EventKind.COMMAND, text=cut(text_at(given, "command")), call=ident)
    elif tool in FILE_TOOLS:
        yield replace(fact, kind=EventKind.FILE, text=cut(text_at(given, "file_path")), call=ident)
    else:
        yield replace(fact, kind=EventKind.TOOL, text=used_tool(tool, given), call=ident)
    if output or failed:
        yield replace(fact, kind=EventKind.RESULT, text=output, call=ident, failed=failed)
