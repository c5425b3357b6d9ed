"""How does a session that another program wrote down become a journal entry, with a citation behind each word?

A citation, `claude:SESSION:LINE`, opens by `shiftbook log open`. An entry's id is the citation of the last line that it
covers: so the ledger itself says how far a session was taken in, on whichever machine that was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from handoff.entry import Entry
from missions.one_line import one_line, printable
from orchestrator.core.ports.transcripts import EventKind, TranscriptRef
from orchestrator.core.time_text import format_utc
from orchestrator.workflow.past.session_digest import MAX_COMMANDS, MAX_FILES, CitedWords, SessionDigest

MAX_TITLE_CHARS, MAX_WORDS_CHARS, MAX_ANSWER_CHARS = 100, 300, 600
PROGRAMS = ("claude", "codex", "gemini", "opencode", "aider")
_CITATION = re.compile(rf"({'|'.join(PROGRAMS)}):([A-Za-z0-9][A-Za-z0-9._-]{{0,79}}):(\d{{1,9}})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A place in a transcript."""

    program: str
    session: str
    line: int

    @classmethod
    def read(cls, text: str) -> Citation | None:
        """The place that a text names; None where it is no citation."""
        found = _CITATION.fullmatch(text.strip().strip("[]"))
        return cls(program=found[1], session=found[2], line=int(found[3])) if found else None

    def __str__(self) -> str:
        return f"{self.program}:{self.session}:{self.line}"


def cite(ref: TranscriptRef, line: int) -> Citation:
    """The place of a line of a transcript."""
    return Citation(program=ref.program, session=ref.session, line=line)


def session_entry(made: SessionDigest, *, node: str, home: Path, raw: bool = False) -> Entry:
    """The entry, whose places are not redacted yet. With `raw` what was said stands there, as a digest keeps it."""
    ref = made.ref
    sections = [
        ("Starting Context", "\n".join(_asked(made))),
        ("Work Accomplished", "\n".join(_done(made, home))),
        ("Code Changes", "\n".join(_files(made, home))),
        ("Blockers", "\n".join(_troubles(made))),
        *([("Conversation", _conversation(made))] if raw else []),
    ]
    title = one_line(_plain(made.asked[0].text), MAX_TITLE_CHARS) if made.asked else f"A session of {ref.program}"
    return Entry(
        entry_id=str(cite(ref, made.last_line)),
        when=made.last or _time_of(ref),
        node=node,
        agent=ref.program,
        model=one_line(_plain(max(made.models, key=lambda name: made.models[name], default="")), 80),
        title=title,
        sections=tuple((name, text) for name, text in sections if text.strip()),
    )


def shown_path(path: str, home: Path, folder: str = "") -> str:
    """A path as the fleet sees it: relative to the project's folder, else to the home folder."""
    pure = PurePosixPath(path)
    for base, prefix in ((folder, ""), (str(home), "~/")):
        if base and base != "/" and pure.is_relative_to(base) and ".." not in pure.parts:
            return prefix + str(pure.relative_to(base))
    return path


def _asked(made: SessionDigest) -> list[str]:
    lines = [f"- {_words(one, made, MAX_WORDS_CHARS)}" for one in made.asked]
    return lines + _more(made.questions - len(made.asked), "questions")


def _done(made: SessionDigest, home: Path) -> list[str]:
    ref = made.ref
    lines = [f"- {_words(made.answer, made, MAX_ANSWER_CHARS)}"] if made.answer else []
    for text, line in list(made.commands.items())[:MAX_COMMANDS]:
        how = "ran, and failed at least once" if text in made.failed else "ran"
        lines.append(f"- {how}: `{_code(text)}` [{cite(ref, line)}]")
    lines += _more(len(made.commands) - MAX_COMMANDS, "commands")
    facts = [f"It ended {made.end}"] if made.end else []
    if made.tokens_in or made.tokens_out:
        facts.append(f"{made.tokens_in:,} tokens in, {made.tokens_out:,} out")
    where = shown_path(str(ref.path), home)
    return [*lines, f"- {'; '.join([*facts, f'transcript: `{_code(where)}`'])}"]


def _files(made: SessionDigest, home: Path) -> list[str]:
    shown = [
        f"- `{_code(shown_path(path, home, made.folder))}` [{cite(made.ref, line)}]"
        for path, line in list(made.files.items())[:MAX_FILES]
    ]
    return shown + _more(len(made.files) - MAX_FILES, "files")


def _troubles(made: SessionDigest) -> list[str]:
    lines = [f"- {_words(made.trouble, made, MAX_WORDS_CHARS)}"] if made.trouble else []
    failed = list(made.failed.items())
    lines += [f"- `{_code(text)}` failed [{cite(made.ref, line)}]" for text, line in failed[:MAX_COMMANDS]]
    return lines + _more(len(failed) - MAX_COMMANDS, "failures")


def _conversation(made: SessionDigest) -> str:
    who = {EventKind.ASKED: "asked", EventKind.SAID: "said"}
    return "\n\n".join(
        f"{who[kind]} [{cite(made.ref, one.line)}]:\n{_lines(one.text)}" for kind, one in made.conversation
    )


def _words(one: CitedWords, made: SessionDigest, limit: int) -> str:
    return f"{one_line(_plain(one.text), limit)} [{cite(made.ref, one.line)}]"


def _more(count: int, of: str) -> list[str]:
    return [f"- and {count:,} more {of}"] if count > 0 else []


def _plain(text: str) -> str:
    """Words without what moves a cursor or turns the reading direction."""
    return printable(text)


def _lines(text: str) -> str:
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.splitlines())


def _code(text: str) -> str:
    """A command or a path in backticks."""
    return one_line(_plain(text).replace("`", "'"), MAX_WORDS_CHARS)


def _time_of(ref: TranscriptRef) -> str:
    try:
        return format_utc(datetime.fromtimestamp(ref.changed, UTC))
    except (ValueError, OverflowError, OSError):
        return ""
