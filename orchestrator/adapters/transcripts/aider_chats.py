"""What do aider's chat histories say?

Read of 0.86.2: one Markdown file in each work tree, to which every chat is appended: a heading of level 1 with the time
of this machine, level 4 for what the person typed, quoted lines for what the program says, all else is the model's. It
tells no exit codes and has no ids; a chat is called after its time and its file, and its lines are counted from its
heading: whoever takes older chats out of the file moves no place of a later one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters.transcripts.json_records import cut
from orchestrator.core.foreign_files import (
    MAX_FOLDERS,
    ForeignFile,
    LineState,
    PassedOver,
    bounded_lines,
    find_files,
    is_file,
    open_foreign,
    real_folder,
)
from orchestrator.core.ports.transcripts import (
    MAX_EVENT_CHARS,
    MAX_TRANSCRIPTS,
    EventKind,
    FoundTranscripts,
    TellOdd,
    TranscriptEvent,
    TranscriptRef,
)

HISTORY_VARIABLE = "AIDER_CHAT_HISTORY_FILE"
HISTORY_FILE = ".aider.chat.history.md"
MAX_DEPTH = 5
MAX_LINE_BYTES = 256 * 1024
TOO_LONG = f"the line is longer than {MAX_LINE_BYTES // 1024} KiB"
PASSED_FOLDERS = frozenset(
    {"node_modules", "__pycache__", "site-packages", "vendor", "target", "dist", "build", "venv"}
)
_BEGIN = re.compile(rb"# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*")
_TOKENS = re.compile(r"Tokens: ([\d.]{1,12})(k|M)? sent,.*?([\d.]{1,12})(k|M)? received")
_MODEL = re.compile(r"(?:Main model|Model): (\S+) with ")
_APPLIED = re.compile(r"Applied edit to (.+)")
_RUN = re.compile(r"/(?:run|test|git) (.+)|!(.+)")
_RUNNING = re.compile(r"Running (.+)")
_ERROR = re.compile(r"litellm\.\w*(?:Error|Exception)\b.*|The API provider .* (?:error|unavailable|overloaded).*")
MAX_OWN_CHARS = 200
"""Characters of a line by which what the program says is told apart."""
_THOUSANDS = {"": 1, "k": 1_000, "M": 1_000_000}


@dataclass(frozen=True, kw_only=True)
class AiderChats:
    """The histories below a folder; or in one file, relative to whichever folder it names."""

    top: Path
    file: str = HISTORY_FILE
    depth: int = MAX_DEPTH
    most_folders: int = MAX_FOLDERS
    name: str = "aider"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, given: Path | None = None) -> AiderChats:
        """In the trees below the home folder, which is where the program keeps them, or below a named one."""
        if given is not None and is_file(given):
            return cls(top=real_folder(given.parent), file=given.name)
        if given is None and (said := environ.get(HISTORY_VARIABLE)):
            return cls(top=real_folder(Path(said).parent), file=Path(said).name)
        return cls(top=real_folder(given or home))

    def find(self) -> FoundTranscripts:
        """Every chat of every history."""
        passed: list[PassedOver] = []

        def enter(parts: tuple[str, ...]) -> bool:
            return not parts[-1].startswith(".") and parts[-1] not in PASSED_FOLDERS

        found = find_files(
            self.top,
            lambda parts: parts[-1] == self.file,
            passed,
            depth=self.depth,
            most_folders=self.most_folders,
            enter=enter,
        )
        refs: list[TranscriptRef] = []
        for each in found:
            try:
                refs += self._chats(each)
            except OSError as error:
                passed.append(PassedOver(place=str(each.path), why=error.strerror or str(error)))
        return FoundTranscripts(refs=tuple(refs[:MAX_TRANSCRIPTS]), passed=tuple(passed))

    def _chats(self, file: ForeignFile) -> Iterator[TranscriptRef]:
        """The chats of a history, each with the place where it begins."""
        begins: list[tuple[int, str]] = []
        offset = 0
        with open_foreign(self.top, file.parts) as lines:
            for _, data, _ in bounded_lines(lines, MAX_LINE_BYTES):
                if (head := _BEGIN.fullmatch(data)) and len(begins) < MAX_TRANSCRIPTS:
                    begins.append((offset, head[1].decode()))
                offset = lines.tell() if not data else offset + len(data)
        tree = hashlib.sha256(str(file.path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
        ends = [*(place for place, _ in begins[1:]), *([offset] if begins else [])]
        seen: dict[str, int] = {}
        for (place, when), end in zip(begins, ends, strict=True):
            word = f"{when[:10]}-{when[11:].replace(':', '')}-{tree}"
            seen[word] = seen.get(word, 0) + 1
            yield TranscriptRef(
                program=self.name,
                session=word if seen[word] == 1 else f"{word}.{seen[word]}",
                path=file.path,
                mark=f"{end - place}:{place}",
                changed=file.changed if end == offset else _local_seconds(when),
                folder=str(file.path.parent),
            )

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a line, which is counted from the chat's heading. Raises OSError."""
        _, place = map(int, ref.mark.split(":"))
        with open_foreign(self.top, ref.path.relative_to(self.top).parts) as file:
            file.seek(place)
            blocks, when = _Blocks(), ""
            for line, data, state in bounded_lines(file, MAX_LINE_BYTES):
                head = _BEGIN.fullmatch(data)
                fact = TranscriptEvent(line=line, kind=EventKind.FACT, when=when)
                if state is LineState.UNFINISHED:
                    return  # nor is what it belongs to whole
                if head and line > 1:
                    break
                if head:
                    begun = _local_seconds(head[1].decode())
                    when = f"{datetime.fromtimestamp(begun, UTC):%Y-%m-%dT%H:%M:%SZ}" if begun else ""
                    yield from _behind(after, [replace(fact, when=when, folder=ref.folder)])
                elif state is LineState.TOO_LONG:
                    odd(line, TOO_LONG)
                else:
                    yield from _behind(after, blocks.take(data.decode("utf-8", "replace").rstrip("\r\n"), fact))
            yield from _behind(after, blocks.end())


def _behind(after: int, events: Iterator[TranscriptEvent] | list[TranscriptEvent]) -> Iterator[TranscriptEvent]:
    return (event for event in events if event.line > after)


@dataclass
class _Blocks:
    """Lines that belong together: what a person typed, or what the model said."""

    event: TranscriptEvent | None = None
    lines: list[str] = field(default_factory=list)
    chars: int = 0

    def take(self, text: str, fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        """One more line."""
        if text.startswith("#### "):
            yield from self._add(text[5:].strip(), EventKind.ASKED, fact)
        elif text.startswith("> "):
            yield from self.end()
            yield from _program_line(text[2:].strip(), fact)
        elif text.strip() or (self.event is not None and self.event.kind is EventKind.SAID):
            yield from self._add(text, EventKind.SAID, fact)
        else:
            yield from self.end()

    def _add(self, text: str, kind: EventKind, fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
        if self.event is None or self.event.kind is not kind:
            yield from self.end()
            self.event = replace(fact, kind=kind)
        if self.chars < MAX_EVENT_CHARS:
            self.lines.append(text)
            self.chars += len(text) + 1

    def end(self) -> Iterator[TranscriptEvent]:
        """What was gathered."""
        found, text = self.event, cut("\n".join(self.lines)).strip()
        self.event, self.lines, self.chars = None, [], 0
        if found is None or not text:
            return
        run = _RUN.fullmatch(text) if found.kind is EventKind.ASKED else None
        yield replace(found, kind=EventKind.COMMAND, text=run[1] or run[2]) if run else replace(found, text=text)


def _program_line(text: str, fact: TranscriptEvent) -> Iterator[TranscriptEvent]:
    """What the program says: most of it is of no use to anybody later."""
    head = text[:MAX_OWN_CHARS]
    if used := _TOKENS.match(head):
        yield replace(fact, tokens_in=_count(used[1], used[2]), tokens_out=_count(used[3], used[4]))
    elif model := _MODEL.match(head):
        yield replace(fact, model=model[1])
    elif applied := _APPLIED.fullmatch(text):
        yield replace(fact, kind=EventKind.FILE, text=cut(applied[1]))
    elif _ERROR.match(head):
        yield replace(fact, kind=EventKind.FAILED, text=cut(text))
    elif ran := _RUNNING.fullmatch(text):
        yield replace(fact, kind=EventKind.COMMAND, text=cut(ran[1]))
    elif text.startswith("Commit "):
        yield replace(fact, kind=EventKind.TOOL, text=cut(text))


def _count(number: str, thousands: str | None) -> int:
    try:
        return int(float(number) * _THOUSANDS[thousands or ""])
    except (ValueError, OverflowError):
        return 0


def _local_seconds(when: str) -> float:
    """A time of this machine as seconds since 1970; 0 where there was none."""
    try:
        return max(0.0, datetime.fromisoformat(when).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0
