"""What stands at a place of a transcript that a citation names, with what is around it?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handoff.secrets.redact import redact
from orchestrator.core.errors import NotFound
from orchestrator.core.ports.transcripts import EventKind, TranscriptEvent, TranscriptRef, TranscriptSource
from orchestrator.workflow.past.session_entry import Citation


@dataclass(frozen=True, kw_only=True)
class PlaceLine:
    """An event at the place, or near it, without secrets."""

    line: int
    kind: str
    when: str
    text: str
    cited: bool


@dataclass(frozen=True, kw_only=True)
class TranscriptPlace:
    """A place, and the file that has it."""

    path: str
    lines: tuple[PlaceLine, ...]


def open_place(sources: Iterable[TranscriptSource], at: Citation, *, around: int = 2) -> TranscriptPlace:
    """The cited events with so many before and behind. Raises NotFound where this machine does not have them."""
    source, ref = _found(sources, at)
    before: deque[TranscriptEvent] = deque(maxlen=around)
    lines: list[PlaceLine] = []
    behind = 0
    try:
        for event in _said(source, ref):
            if event.line < at.line:
                before.append(event)
            elif event.line == at.line:
                lines.append(_line(event, cited=True))
            elif behind < around:
                behind += 1
                lines.append(_line(event, cited=False))
            else:
                break
    except OSError as error:
        raise NotFound(f"{ref.path} cannot be read: {error.strerror or error}") from error
    if not any(one.cited for one in lines):
        raise NotFound(f"{ref.path} has nothing at {at.line} that somebody said or did")
    return TranscriptPlace(path=str(ref.path), lines=(*(_line(each, cited=False) for each in before), *lines))


def _found(sources: Iterable[TranscriptSource], at: Citation) -> tuple[TranscriptSource, TranscriptRef]:
    for source in sources:
        if source.name == at.program:
            for ref in source.find().refs:
                if ref.session == at.session:
                    return source, ref
    raise NotFound(f"this machine has no transcript {at.program}:{at.session}; programs delete theirs after a while")


def _said(source: TranscriptSource, ref: TranscriptRef) -> Iterator[TranscriptEvent]:
    return (event for event in source.read(ref, lambda line, why: None) if event.kind is not EventKind.FACT)


def _line(event: TranscriptEvent, *, cited: bool) -> PlaceLine:
    text = redact(event.text).text
    return PlaceLine(line=event.line, kind=event.kind.value, when=event.when, text=text, cited=cited)
