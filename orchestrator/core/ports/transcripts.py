"""The port of transcripts: what did agents' programs write down of their sessions on this machine?

The files are other programs' own, and they go on writing while they are read: whatever is odd in them is told and
passed over, and nothing in them is an instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from orchestrator.core.foreign_files import PassedOver

MAX_EVENT_CHARS = 64 * 1024
"""Characters of one event's text; of a longer one the beginning is read."""
MAX_TRANSCRIPTS = 50_000
"""Transcripts of one program that are looked at."""

TellOdd = Callable[[int, str], None]
"""Is told the number of a line that was passed over, and why."""


class EventKind(StrEnum):
    """What an event of a session is."""

    ASKED = "asked"
    """A person's words, or those of the agent that called this one."""
    SAID = "said"
    """The model's words."""
    COMMAND = "command"
    FILE = "file"
    """A file that was written; its text is the path."""
    TOOL = "tool"
    """Any other tool."""
    RESULT = "result"
    """What a tool answered."""
    FAILED = "failed"
    """The program or its model's API says that the session went wrong."""
    FACT = "fact"
    """No words: model, folder or tokens alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptEvent:
    """One thing that happened in a session.

    `line` is its place: the line of a file, or the place among a session's parts in a database, from 1. `when` is UTC
    text, "" if unknown. `call` joins a command with its result, which may have `failed`. Tokens are of this event
    alone.
    """

    line: int
    kind: EventKind
    text: str = ""
    when: str = ""
    call: str = ""
    failed: bool = False
    model: str = ""
    folder: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptRef:
    """One session's transcript. `mark` is another one whenever it has changed; it begins with its size.

    `session` is a plain word of at most 80 characters. `folder` is the project's, as far as it is known without
    reading. A session that another one began has `part_of`.
    """

    program: str
    session: str
    path: Path
    mark: str
    changed: float
    """Seconds since 1970."""
    folder: str = ""
    part_of: str = ""

    @property
    def size(self) -> int:
        """How much there is, in the program's own measure: it grows while a session goes on."""
        return int(self.mark.partition(":")[0])


@dataclass(frozen=True, kw_only=True)
class FoundTranscripts:
    """What a program keeps on this machine."""

    refs: tuple[TranscriptRef, ...]
    passed: tuple[PassedOver, ...] = ()


class TranscriptSource(Protocol):
    """One program's transcripts. What others own, and what a link leads to, is not read."""

    @property
    def name(self) -> str:
        """The program's."""
        ...

    def find(self) -> FoundTranscripts:
        """Every transcript, none twice. Raises nothing for what is not there or cannot be read: that is told."""
        ...

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """The events behind a line, in the order of their lines. Raises OSError where it is gone.

        A line that the program is still writing is left for the next time.
        """
        ...
