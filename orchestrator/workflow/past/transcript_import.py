"""How do transcripts of other programs come into the journal: once, redacted, as quotations?

The ledger says what it has: an entry's id names the last line of its session that it covers. Importing again adds
nothing; a session that has grown gets a following entry about the rest. Entries go to the files of their days, so that
old sessions do not push new ones out of what a fresh instance is given. What they say is somebody else's words: they
stand as quotations, state nothing and warn of nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from handoff.encoding import decode
from handoff.entry import Entry, parse_log, render_entry
from handoff.secrets.redact import redact
from orchestrator.core.foreign_files import PassedOver
from orchestrator.core.ports.transcripts import FoundTranscripts, TranscriptRef, TranscriptSource
from orchestrator.ledger import session_logs
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.workflow.past.session_digest import SessionDigest, digest
from orchestrator.workflow.past.session_entry import Citation, session_entry
from sync.remote import Oid

CHUNK_BYTES = 64 * 1024
"""So much is added to a day's file at once: adding reads all of it."""
MAX_ODD = 1_000
UNDATED_DAY = "1970-01-01"


@dataclass(frozen=True, kw_only=True)
class OddLine:
    """A line of a transcript that was passed over."""

    place: str
    line: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionCounts:
    """What a person is told of a session that comes in."""

    asked: int
    commands: int
    failed: int
    files: int
    ended: str
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, kw_only=True)
class SessionDraft:
    """An entry that is to be written, of one session."""

    entry: Entry
    project: str
    session: str
    before: int
    """The last line that an earlier entry covers; 0 where there is none."""
    redacted: int
    counts: SessionCounts

    @property
    def grown(self) -> bool:
        """Whether an earlier entry has the session's beginning."""
        return self.before > 0

    def json(self) -> dict[str, Any]:
        """As programs are told of it."""
        return {
            "entry": self.entry.entry_id,
            "project": self.project,
            "session": self.session,
            "when": self.entry.when,
            "title": self.entry.title,
            "model": self.entry.model,
            "grown": self.grown,
            **asdict(self.counts),
            "redacted": self.redacted,
        }


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What an import comes to, before anything is written."""

    program: str
    drafts: tuple[SessionDraft, ...]
    found: int
    known: int
    """Sessions of which the journal has all."""
    older: int
    """Sessions that ended before the day that was named."""
    empty: int
    odd: tuple[OddLine, ...]
    passed: tuple[PassedOver, ...]


@dataclass(frozen=True, kw_only=True)
class TranscriptImport:
    """The journal as transcripts come into it. `projects` says whose a folder is, "" for the fleet's own log."""

    bus: Transport
    reader: SnapshotReader
    ledger: Callable[[], LedgerSnapshot]
    node: str
    home: Path
    projects: Callable[[LedgerSnapshot, str], str]

    def plan(
        self,
        source: TranscriptSource,
        *,
        since: str = "",
        project: str | None = None,
        raw: bool = False,
        tell: Callable[[int, int], None] = lambda done, of: None,
    ) -> ImportPlan:
        """Reads what is there; nothing is written. `since` is an ISO day; `tell` hears how far it is."""
        ledger = self.ledger()
        covered = covered_sessions(ledger)
        found = source.find()
        counts, odd, drafts = defaultdict[str, int](int), list[OddLine](), list[SessionDraft]()
        refs = sorted((ref for ref in found.refs if not ref.part_of), key=lambda ref: (ref.changed, ref.session))
        for place, ref in enumerate(refs):
            tell(place, len(refs))
            before = covered.get((ref.program, ref.session), 0)
            made = _digest(source, ref, before, odd, whole=raw)
            if not made.says_something:
                counts["known" if before else "empty"] += 1
                continue
            entry = session_entry(made, node=self.node, home=self.home, raw=raw)
            if entry.when[:10] < since[:10]:
                counts["older"] += 1
                continue
            whose = self.projects(ledger, made.folder) if project is None else project
            clean, secrets = _written(entry)
            drafts.append(
                SessionDraft(
                    entry=clean,
                    project=whose,
                    session=ref.session,
                    before=before,
                    redacted=secrets,
                    counts=_counts(made),
                )
            )
        return _plan(source.name, found, len(refs), drafts, counts, odd)

    def write(self, plan: ImportPlan) -> Oid | None:
        """Writes the entries that the newest ledger still lacks, in one commit; None where it lacks none.

        Of a session that another import has taken further meanwhile nothing is: what is left comes with the next one.
        """

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            covered = covered_sessions(ledger)
            fresh = [
                one
                for one in plan.drafts
                if (at := Citation.read(one.entry.entry_id)) and covered.get((at.program, at.session), 0) == one.before
            ]
            if not fresh:
                return None
            message = f"Log: {len(fresh)} session{'s' * (len(fresh) != 1)} of {plan.program}"
            return LedgerChange(files=_day_files(ledger, fresh), message=message)

        return commit_change(self.bus, self.reader, draft)


def covered_sessions(ledger: LedgerSnapshot) -> dict[tuple[str, str], int]:
    """Of each session that the journal has: the last line that an entry covers."""
    covered: dict[tuple[str, str], int] = {}
    for _, entry in session_logs.entries(ledger.store, ledger.tree):
        if at := Citation.read(entry.entry_id):
            key = (at.program, at.session)
            covered[key] = max(covered.get(key, 0), at.line)
    return covered


def _digest(
    source: TranscriptSource, ref: TranscriptRef, before: int, odd: list[OddLine], *, whole: bool
) -> SessionDigest:
    def tell_odd(line: int, why: str) -> None:
        if len(odd) < MAX_ODD:
            odd.append(OddLine(place=str(ref.path), line=line, why=why))

    try:
        return digest(ref, source.read(ref, tell_odd), after=before, whole=whole)
    except OSError as error:
        tell_odd(0, error.strerror or str(error))
        return SessionDigest(ref=ref)


def _written(entry: Entry) -> tuple[Entry, int]:
    """The entry as it is written, without secrets, and how many those were. Its words are a quotation.

    Texts were redacted whole before they were cut; here each line is by itself, so that nothing that begins in one
    citation and ends in another takes out what stands between.
    """

    def clean(text: str) -> str:
        return "\n".join(redact(line).text for line in text.split("\n"))

    sections = tuple((name, clean(text)) for name, text in entry.sections)
    made = replace(entry, title=clean(entry.title), model=clean(entry.model), sections=sections)
    text = render_entry(made, evidence=True)
    return parse_log(text).entries[0], text.count("[redacted:")


def _counts(made: SessionDigest) -> SessionCounts:
    return SessionCounts(
        asked=made.questions,
        commands=len(made.commands),
        failed=len(made.failed),
        files=len(made.files),
        ended=made.end,
        tokens_in=made.tokens_in,
        tokens_out=made.tokens_out,
    )


def _plan(
    program: str,
    found: FoundTranscripts,
    refs: int,
    drafts: list[SessionDraft],
    counts: Mapping[str, int],
    odd: list[OddLine],
) -> ImportPlan:
    return ImportPlan(
        program=program,
        drafts=tuple(drafts),
        found=refs,
        known=counts["known"],
        older=counts["older"],
        empty=counts["empty"],
        odd=tuple(odd),
        passed=found.passed,
    )


def _day_files(ledger: LedgerSnapshot, drafts: Iterable[SessionDraft]) -> dict[str, bytes | None]:
    """The files of the days with the entries added, oldest first."""
    files: dict[str, bytes | None] = {}
    days = defaultdict[tuple[str, str], list[str]](list)
    for one in sorted(drafts, key=lambda each: (each.entry.when, each.entry.entry_id)):
        days[one.project, one.entry.when[:10] or UNDATED_DAY].append(one.entry.raw.rstrip("\n") + "\n")
    for (project, day), texts in days.items():
        for chunk in _chunks(texts):
            path = session_logs.day_path(ledger, project, day, files)
            there = decode(files.get(path) or ledger.read(path) or b"")[0]
            files[path] = session_logs.with_entries(there, chunk).encode()
    return files


def _chunks(texts: list[str]) -> Iterable[str]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        if chunk and size + len(text) > CHUNK_BYTES:
            yield "\n".join(chunk)
            chunk, size = [], 0
        chunk.append(text)
        size += len(text)
    if chunk:
        yield "\n".join(chunk)
