"""What do OpenCode's sessions say?

Read of 1.18.33: an SQLite database with a row for each session, message and part. A session's parts are its lines, in
the order in which they were made. Rows that are larger than a line may be are told and passed over in the database
itself, so that none is loaded; it is opened for reading only, and functions of its schema do not run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.adapters.transcripts.json_records import (
    cut,
    json_object,
    newest_each,
    plain_session,
    used_tool,
    utc_text,
)
from orchestrator.core.foreign_files import MAX_LINE_BYTES, PassedOver, is_ours
from orchestrator.core.ports.transcripts import (
    MAX_TRANSCRIPTS,
    EventKind,
    FoundTranscripts,
    TellOdd,
    TranscriptEvent,
    TranscriptRef,
)
from orchestrator.execution.programs.json_events import number_at, object_at, text_at, value_at

DATA_VARIABLE, DATABASE_VARIABLE = "XDG_DATA_HOME", "OPENCODE_DB"
DATABASE = "opencode.db"
FILE_TOOLS = ("edit", "multiedit", "patch", "write")
MAX_STEPS = 200_000_000
"""Steps of the database's machine that one question may take: some seconds."""
_SESSIONS = """
SELECT s.id, s.directory, s.parent_id, s.time_updated,
       (SELECT count(*) FROM part p WHERE p.session_id = s.id),
       (SELECT coalesce(max(p.time_updated), 0) FROM part p WHERE p.session_id = s.id)
FROM session s ORDER BY s.time_updated DESC LIMIT ?
"""
_PARTS = """
SELECT p.time_created, CASE WHEN length(CAST(p.data AS BLOB)) <= ?1 THEN p.data END,
       m.id, CASE WHEN length(CAST(m.data AS BLOB)) <= ?1 THEN m.data END
FROM part p JOIN message m ON m.id = p.message_id
WHERE p.session_id = ?2 ORDER BY p.time_created, p.id LIMIT 1000000
"""
_LAST_MESSAGE = "SELECT message_id FROM part WHERE session_id = ? ORDER BY time_created DESC, id DESC LIMIT 1"
_ERRORS = """
SELECT time_updated, CASE WHEN length(CAST(data AS BLOB)) <= ?1 THEN data END FROM message
WHERE session_id = ?2 AND data LIKE '%"error"%' ORDER BY time_created DESC LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class OpenCodeSessions:
    """The sessions in the databases of a folder, or in one file."""

    top: Path
    name: str = "opencode"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, given: Path | None = None) -> OpenCodeSessions:
        """Where the program keeps them, or in a folder or a file that is named."""
        data = Path(environ.get(DATA_VARIABLE) or home / ".local" / "share") / "opencode"
        said = environ.get(DATABASE_VARIABLE, "")
        return cls(top=(given or data / (said if said != ":memory:" else "")).absolute())

    def find(self) -> FoundTranscripts:
        """Every session of every database there."""
        refs: list[TranscriptRef] = []
        passed: list[PassedOver] = []
        try:
            files = sorted(self.top.glob("opencode*.db")) if self.top.is_dir() else [self.top][: self.top.exists()]
        except OSError as error:
            passed.append(PassedOver(place=str(self.top), why=error.strerror or str(error)))
            files = []
        for path in files:
            if not is_ours(path):
                passed.append(PassedOver(place=str(path), why="is a link, or no plain file of yours"))
                continue
            try:
                refs += self._sessions(path)
            except (sqlite3.Error, ValueError, TypeError) as error:
                passed.append(PassedOver(place=str(path), why=f"cannot be read: {error}"))
        return FoundTranscripts(refs=newest_each(refs, passed), passed=tuple(passed))

    def _sessions(self, path: Path) -> Iterator[TranscriptRef]:
        with closing(_opened(path)) as conn:
            for ident, folder, parent, updated, parts, touched in conn.execute(_SESSIONS, (MAX_TRANSCRIPTS,)):
                yield TranscriptRef(
                    program=self.name,
                    session=plain_session(str(ident)),
                    path=path,
                    mark=f"{int(parts)}:{int(touched)}:{ident}",
                    changed=int(updated) / 1000,
                    folder=cut(str(folder or "")),
                    part_of=plain_session(str(parent)) if parent else "",
                )

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a part. Raises OSError."""
        if not is_ours(ref.path):
            raise FileNotFoundError(f"{ref.path} is gone, or no plain file of yours")
        session = ref.mark.split(":", 2)[2]
        try:
            with closing(_opened(ref.path)) as conn:
                yield from _events(conn, session, ref, odd, after)
        except sqlite3.Error as error:
            odd(0, f"the database cannot be read: {error}")


def _opened(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
    conn.text_factory = lambda data: data.decode("utf-8", "replace")
    steps = iter(range(MAX_STEPS // 100_000))
    conn.set_progress_handler(lambda: next(steps, None) is None, 100_000)
    conn.execute("PRAGMA trusted_schema = OFF")
    conn.execute("PRAGMA query_only = ON")
    return conn


def _events(
    conn: sqlite3.Connection, session: str, ref: TranscriptRef, odd: TellOdd, after: int
) -> Iterator[TranscriptEvent]:
    messages: dict[str, dict[str, Any]] = {}
    line = 0
    last = next(conn.execute(_LAST_MESSAGE, (session,)), (None,))[0]
    if not after:
        yield TranscriptEvent(line=1, kind=EventKind.FACT, folder=ref.folder)
    for line, (made, data, ident, message) in enumerate(conn.execute(_PARTS, (MAX_LINE_BYTES, session)), 1):
        if line <= after:
            continue
        if data is None or message is None:
            odd(line, f"it is larger than {MAX_LINE_BYTES // 1024 // 1024} MiB")
            continue
        if ident not in messages:
            messages = {ident: json_object(str(message))}
        part = json_object(str(data))
        if not part:
            odd(line, "it is no JSON object")
        if ident == last and text_at(part, "state", "status") in {"pending", "running"}:
            return  # it is written anew when its tool has run, as others beside it may have; before, it was left so
        fact = TranscriptEvent(line=line, kind=EventKind.FACT, when=utc_text(made))
        yield from _part(part, messages[ident], fact)
    for when, data in conn.execute(_ERRORS, (MAX_LINE_BYTES, session)).fetchall() if line > after else ():
        said = json_object(str(data or ""))
        if words := text_at(said, "error", "data", "message") or text_at(said, "error", "name"):
            yield TranscriptEvent(line=line, kind=EventKind.FAILED, when=utc_text(when), text=cut(words))


def _part(part: dict[str, Any], message: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    match text_at(part, "type"):
        case "text" if text := text_at(part, "text"):
            asked = text_at(message, "role") == "user"
            yield replace(fact, kind=EventKind.ASKED if asked else EventKind.SAID, text=cut(text))
        case "tool":
            yield from _tool(part, fact)
        case "step-finish":
            taken = number_at(part, "tokens", "input") + number_at(part, "tokens", "cache", "read")
            taken += number_at(part, "tokens", "cache", "write")
            given = number_at(part, "tokens", "output") + number_at(part, "tokens", "reasoning")
            yield replace(fact, tokens_in=taken, tokens_out=given, model=cut(text_at(message, "modelID")))


def _tool(part: dict[str, Any], fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    tool, call, state = text_at(part, "tool"), text_at(part, "callID"), object_at(part, "state")
    given = object_at(state, "input")
    if tool == "bash":
        yield replace(fact, kind=EventKind.COMMAND, text=cut(text_at(given, "command")), call=call)
    elif tool in FILE_TOOLS:
        yield replace(fact, kind=EventKind.FILE, text=cut(text_at(given, "filePath")), call=call)
    else:
        yield replace(fact, kind=EventKind.TOOL, text=used_tool(tool, given), call=call)
    output = text_at(state, "output") or text_at(state, "error")
    failed = text_at(state, "status") == "error" or bool(value_at(state, "metadata", "exit"))
    if output or failed:
        yield replace(fact, kind=EventKind.RESULT, text=cut(output), call=call, failed=failed)
