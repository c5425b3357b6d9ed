"""What do Claude Code's transcripts say?

Read of 2.1.332 and 2.1.197: one file of JSON lines for each session, below a folder that is called after the project's
path. It repeats a message's id over several lines, each with what is new in it and the whole count of tokens. A
session that another one began lies in a folder beside it. Lines of other types (requests, snapshots) are its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
from orchestrator.core.foreign_files import PassedOver, find_files
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

CONFIG_VARIABLE = "CLAUDE_CONFIG_DIR"
FILE_TOOLS = ("Edit", "MultiEdit", "NotebookEdit", "Write")
MAX_DEPTH = 4
TOKENS_IN = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
MAX_COUNTED = 100_000
"""Messages whose tokens are counted apart."""


@dataclass(frozen=True, kw_only=True)
class ClaudeSessions:
    """The transcripts below a folder."""

    top: Path
    name: str = "claude"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, given: Path | None = None) -> ClaudeSessions:
        """Where the program keeps them, or in a folder that is named."""
        own = Path(environ.get(CONFIG_VARIABLE) or home / ".claude")
        return cls(top=(given or own / "projects").absolute())

    def find(self) -> FoundTranscripts:
        """Every transcript."""
        passed: list[PassedOver] = []
        refs = []
        for each in find_files(self.top, lambda parts: parts[-1].endswith(".jsonl"), passed, depth=MAX_DEPTH):
            session = each.path.stem
            owner = next((above.parent.name for above in each.path.parents[:2] if above.name == "subagents"), "")
            refs.append(
                TranscriptRef(
                    program=self.name,
                    session=plain_session(f"{owner}.{session}" if owner else session),
                    path=each.path,
                    mark=each.mark,
                    changed=each.changed,
                    part_of=plain_session(owner) if owner else "",
                )
            )
        return FoundTranscripts(refs=newest_each(refs, passed), passed=tuple(passed))

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a line. Raises OSError."""
        counted: dict[str, tuple[int, int]] = {}
        folder = ""
        for line, found in json_records(self.top, ref, odd, after=after):
            fact = TranscriptEvent(line=line, kind=EventKind.FACT, when=utc_text(value_at(found, "timestamp")))
            here = text_at(found, "cwd")
            if here and here != folder:
                folder = here
                yield replace(fact, folder=cut(here))
            match text_at(found, "type"):
                case "user":
                    yield from _user(found, fact)
                case "assistant":
                    yield from _assistant(found, fact)
                    yield from _tokens(object_at(found, "message"), fact, counted)


def _user(found: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    if value_at(found, "isMeta") is True:
        return
    said = value_at(found, "message", "content")
    parts = objects_at(found, "message", "content")
    for part in parts:
        if text_at(part, "type") == "tool_result":
            failed = value_at(part, "is_error") is True
            text, call = joined_texts(part, "content"), text_at(part, "tool_use_id")
            yield replace(fact, kind=EventKind.RESULT, text=text, call=call, failed=failed)
    text = said if isinstance(said, str) else "\n".join(text_at(p, "text") for p in parts if text_at(p, "text"))
    if text:
        summary = value_at(found, "isCompactSummary") is True
        yield replace(fact, kind=EventKind.SAID if summary else EventKind.ASKED, text=cut(text))


def _assistant(found: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    broken = value_at(found, "isApiErrorMessage") is True
    for part in objects_at(found, "message", "content"):
        match text_at(part, "type"):
            case "text":
                yield replace(
                    fact, kind=EventKind.FAILED if broken else EventKind.SAID, text=cut(text_at(part, "text"))
                )
            case "tool_use":
                yield _call(part, fact)


def _call(part: dict[str, Any], fact: TranscriptEvent) -> TranscriptEvent:
    tool, given, call = text_at(part, "name"), object_at(part, "input"), text_at(part, "id")
    if tool == "Bash":
        return replace(fact, kind=EventKind.COMMAND, text=cut(text_at(given, "command")), call=call)
    if tool in FILE_TOOLS:
        path = text_at(given, "file_path") or text_at(given, "notebook_path")
        return replace(fact, kind=EventKind.FILE, text=cut(path), call=call)
    return replace(fact, kind=EventKind.TOOL, text=used_tool(tool, given), call=call)


def _tokens(
    message: dict[str, Any], fact: TranscriptEvent, counted: dict[str, tuple[int, int]]
) -> Iterator[TranscriptEvent]:
    """What a message took that was not counted yet."""
    used, ident = object_at(message, "usage"), text_at(message, "id")
    taken, given = sum(number_at(used, name) for name in TOKENS_IN), number_at(used, "output_tokens")
    before = counted.get(ident, (0, 0))
    model = text_at(message, "model")
    model = "" if model.startswith("<") else model
    if ident and (ident in counted or len(counted) < MAX_COUNTED):
        counted[ident] = (max(taken, before[0]), max(given, before[1]))
    more = replace(fact, model=model, tokens_in=max(0, taken - before[0]), tokens_out=max(0, given - before[1]))
    if more.model or more.tokens_in or more.tokens_out:
        yield more
