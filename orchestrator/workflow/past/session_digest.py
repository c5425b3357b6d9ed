"""What is a session, in a digest: what was asked, which files were touched, which commands failed, how did it end?

Nothing but what its events say, each with its line; no model is asked. Of a session that was taken in before only what
stands behind a line counts. Texts are redacted whole and cut then: half of a secret is known as one by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from handoff.secrets.redact import redact
from orchestrator.core.ports.transcripts import EventKind, TranscriptEvent, TranscriptRef

MAX_ASKED, MAX_COMMANDS, MAX_FILES = 20, 40, 60
"""Of each kind so many are named; what is left out is counted."""
MAX_REMEMBERED = 10_000
MAX_CHARS = 2_000
"""Characters of one of them."""
MAX_CONVERSATION_CHARS = 48_000
ENDS = {
    EventKind.SAID: "with an answer",
    EventKind.FAILED: "with an error",
    EventKind.ASKED: "without an answer",
}
"""How a session ended, by what came last."""
BROKEN_OFF = "in the middle of its work"


@dataclass(frozen=True, kw_only=True)
class CitedWords:
    """Words of a session and the line where they stand."""

    line: int
    text: str


@dataclass(kw_only=True)
class SessionDigest:
    """A session, or what of it stands behind a line."""

    ref: TranscriptRef
    whole: bool = False
    """Whether the conversation is kept."""
    asked: list[CitedWords] = field(default_factory=list)
    answer: CitedWords | None = None
    trouble: CitedWords | None = None
    files: dict[str, int] = field(default_factory=dict)
    """Each with the first line that names it."""
    commands: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    """Commands that failed at least once, each with the last line where it was run and failed."""
    models: dict[str, int] = field(default_factory=dict)
    conversation: list[tuple[EventKind, CitedWords]] = field(default_factory=list)
    folder: str = ""
    first: str = ""
    last: str = ""
    end: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    last_line: int = 0
    questions: int = 0
    _calls: dict[str, tuple[str, int]] = field(default_factory=dict)
    _kept_chars: int = 0

    @property
    def says_something(self) -> bool:
        """Whether there is anything to write down."""
        return bool(self.asked or self.answer or self.commands or self.files or self.trouble or self.failed)

    def take(self, event: TranscriptEvent) -> None:
        """One more event."""
        self.folder = event.folder or self.folder
        if event.model and len(self.models) < MAX_REMEMBERED:
            self.models[event.model] = self.models.get(event.model, 0) + 1
        self.tokens_in += event.tokens_in
        self.tokens_out += event.tokens_out
        if event.kind is not EventKind.FACT:
            self.last_line = max(self.last_line, event.line)
            self.first, self.last = self.first or event.when, event.when or self.last
            if event.kind in ENDS or event.call:
                self.end = ENDS.get(event.kind, BROKEN_OFF)
            self._said(event)

    def take_earlier(self, event: TranscriptEvent) -> None:
        """One that an entry has already: where and with which model it was, and what may yet fail."""
        self.folder = event.folder or self.folder
        if event.model and len(self.models) < MAX_REMEMBERED:
            self.models.setdefault(event.model, 0)
        if event.kind is EventKind.COMMAND:
            self._call(event)

    def _said(self, event: TranscriptEvent) -> None:
        match event.kind:
            case EventKind.ASKED:
                self.questions += 1
                if self.whole or len(self.asked) < MAX_ASKED:
                    words = self._words(event)
                    self.asked += [words] if len(self.asked) < MAX_ASKED else []
            case EventKind.SAID:
                self.answer, self.trouble = self._words(event), None
            case EventKind.FAILED:
                self.trouble = self._words(event)
            case EventKind.FILE if event.text and len(self.files) < MAX_REMEMBERED:
                self.files.setdefault(_clean(event.text), event.line)
            case EventKind.COMMAND if event.text:
                text = self._call(event)
                if len(self.commands) < MAX_REMEMBERED:
                    self.commands.setdefault(text, event.line)
            case EventKind.RESULT if event.failed:
                self._failure(event)

    def _words(self, event: TranscriptEvent) -> CitedWords:
        clean = redact(event.text).text
        room = MAX_CONVERSATION_CHARS - self._kept_chars
        if self.whole and room > 0 and event.kind is not EventKind.FAILED:
            self.conversation.append((event.kind, CitedWords(line=event.line, text=clean[:room])))
            self._kept_chars += min(room, len(clean))
        return CitedWords(line=event.line, text=clean[:MAX_CHARS])

    def _call(self, event: TranscriptEvent) -> str:
        """The words of a command, which is remembered by its call."""
        text = _clean(event.text)
        if text and event.call and len(self._calls) < MAX_REMEMBERED:
            self._calls[event.call[:MAX_CHARS]] = (text, event.line)
        return text

    def _failure(self, event: TranscriptEvent) -> None:
        text, line = self._calls.get(event.call[:MAX_CHARS], ("", 0))
        if text:
            self.failed[text] = line


def digest(
    ref: TranscriptRef, events: Iterable[TranscriptEvent], *, after: int = 0, whole: bool = False
) -> SessionDigest:
    """The digest of what stands behind a line, with the conversation where it is wanted `whole`."""
    made = SessionDigest(ref=ref, whole=whole, folder=ref.folder)
    for event in events:
        if event.line > after:
            made.take(event)
        else:
            made.take_earlier(event)
    return made


def _clean(text: str) -> str:
    return redact(text).text[:MAX_CHARS]
