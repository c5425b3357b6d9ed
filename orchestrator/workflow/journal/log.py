"""The log: how do people write into it, look something up in it, and take it away to train a model on?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handoff.encoding import lossless_text
from handoff.entry import SECTIONS, Entry, parse_log, render_entry
from handoff.log import append_many
from handoff.secrets.redact import redact
from handoff.tiers import Tier, path_of
from handoff.warnings.warning_index import MAX_WARNINGS, SaidWarning
from missions.one_line import one_line
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.session_logs import LogFile
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.workflow.journal.context import SYSTEM_PROMPT
from orchestrator.workflow.journal.known_project import require_project
from orchestrator.workflow.journal.search_index import SearchHit, SearchIndex
from sync.remote import Oid

GIVEN_SECTIONS = ("Starting Context",)
"""What a session was given; the other sections are what it answered."""


@dataclass(frozen=True, kw_only=True)
class WrittenEntry:
    """An entry that is in the journal now."""

    entry_id: str
    path: str
    commit: Oid | None
    redacted: int
    """How many secrets were taken out before it was written."""


@dataclass(frozen=True, kw_only=True)
class ExternalAgent:
    """An agent that is not run by the fleet, at one of its nodes: what it says is written down as a quotation."""

    agent: str
    node: str
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Logbook:
    """The journal as one person reaches it. `ledger` gives the newest state."""

    bus: Transport
    reader: SnapshotReader
    ledger: Callable[[], LedgerSnapshot]
    recollection: SearchIndex

    def add(
        self,
        sections: Mapping[str, str],
        *,
        project: str = "",
        title: str = "",
        mission: str = "",
        by: ExternalAgent | None = None,
    ) -> WrittenEntry:
        """Appends an entry of the person at this machine, or of an outsider. Raises NotFound for an unknown project,
        and WrongSetting."""
        said = [(heading, sections[heading]) for heading in SECTIONS if sections.get(heading, "").strip()]
        if not said:
            raise WrongSetting("TEXT", 'say something, for example: shiftbook log add --decided "use SQLite"')
        now = self.bus.now()
        entry = Entry(
            entry_id=f"{self.bus.name}-{now:%Y-%m-%d-%H%M%S}-{self.bus.nonce()[:4]}",
            when=format_utc(now),
            node=by.node if by else self.bus.name,
            agent=by.agent if by else "person",
            model=by.model if by else "",
            mission=mission,
            title=title,
            sections=tuple(said),
        )
        clean = redact(render_entry(entry, evidence=by is not None))
        written = parse_log(clean.text).entries
        path = path_of(Tier.LOG, project)

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            require_project(ledger, project)
            text = append_many(lossless_text(ledger.read(path) or b""), written)
            files = {path: text.encode("utf-8", "surrogateescape")}
            return LedgerChange(files=files, message=_commit_subject(written[0]))

        commit = commit_change(self.bus, self.reader, draft)
        return WrittenEntry(entry_id=entry.entry_id, path=path, commit=commit, redacted=len(clean.found))

    def search(
        self, query: str, *, project: str | None = None, limit: int = 5, patience: float = math.inf
    ) -> list[SearchHit]:
        """The best matches over all logs, older months included, or over one project's. Raises NotFound.

        The first search reads the journal; `patience` is for how many seconds it may (`SearchIndex.search`).
        """
        ledger = self.ledger()
        if project:
            require_project(ledger, project)
        projects = None if project is None else (project,)
        return self.recollection.search(ledger, query, projects=projects, limit=limit, patience=patience)

    def unsearched(self) -> list[LogFile]:
        """The files that no search looks into yet, the newest first."""
        return self.recollection.unread(self.ledger())

    def warnings(
        self,
        action: str,
        *,
        project: str | None = None,
        said: Sequence[str] = (),
        limit: int = MAX_WARNINGS,
        withdrawn: bool = False,
    ) -> list[SaidWarning]:
        """What is said to somebody who is about to run that command, or to change that path: what all logs warn of, or
        those of a project and of the fleet, without the texts in `said`; `withdrawn` what is not said any more because
        it hurt. Raises NotFound, WrongSetting."""
        ledger = self.ledger()
        if project:
            require_project(ledger, project)
        projects = None if project is None else ("", project)
        return self.recollection.warnings(
            ledger, action, projects=projects, said=said, limit=limit, withdrawn=withdrawn
        )

    def newest(self, *, project: str | None = None, limit: int = 10) -> list[tuple[LogFile, Entry]]:
        """The last entries of all logs, or of one project's, the newest first. Raises NotFound."""
        ledger = self.ledger()
        if project:
            require_project(ledger, project)
        return session_logs.newest(ledger, project, limit)

    def entry(self, ident: str) -> tuple[LogFile, Entry]:
        """One entry by its id or the beginning of it. Raises NotFound, and WrongSetting if several begin so."""
        ledger = self.ledger()
        every = list(session_logs.entries(ledger.store, ledger.tree, begin=ident)) if ident else []
        exact = [found for found in every if found[1].entry_id == ident]
        if len(exact or every) > 1:
            raise WrongSetting("ENTRY", f"{len(every)} entries begin with {ident!r}: type more of it")
        if not every:
            raise NotFound(f"no entry {ident!r}: `shiftbook log tail` and `shiftbook log search` name them")
        return (exact or every)[0]

    def export(self, *, project: str | None = None, since: str = "") -> Iterator[dict[str, Any]]:
        """The journal as a fine-tuning set: one conversation an entry, redacted, with where it comes from.

        `since` is an ISO day; undated entries are left out where one is given. An entry that only says what it was
        given teaches nothing and is left out. Raises NotFound.
        """
        ledger = self.ledger()
        if project:
            require_project(ledger, project)
        finished = {f.mission.name: f for f in ledger.every_archived() if isinstance(f, MissionFile)}
        for file, entry in session_logs.entries(ledger.store, ledger.tree, project):
            if entry.when[:10] < since[:10] or not (answer := _format_sections(entry.sections, given=False)):
                continue
            filed = finished.get(entry.mission)
            asked = [filed.mission.request if filed else entry.title, _format_sections(entry.sections, given=True)]
            question = "\n\n".join(part for part in asked if part) or "Say what was done in this session."
            turns = (("system", SYSTEM_PROMPT), ("user", question), ("assistant", answer))
            source = {"entry": entry.entry_id, "log": file.path, "commit": ledger.tip, "when": entry.when}
            yield {
                "messages": [{"role": role, "content": redact(text).text} for role, text in turns],
                "source": source | {"project": file.project, "mission": entry.mission, "model": entry.model},
            }


def parse_sections(text: str) -> dict[str, str]:
    """What a person typed, by section: `### Decisions` and its like head one; all else is work accomplished."""
    read = parse_log(f"## undated\n\n{text}")
    known = {"", *SECTIONS}
    whole = (
        len(read.entries) == 1
        and not read.trailer.strip()
        and all(name in known for name, _ in read.entries[0].sections)
    )
    if not whole:
        return {"Work Accomplished": text}
    named = {name: read.entries[0].section(name) for name, _ in read.entries[0].sections}
    work = "\n\n".join(part for part in (named.pop("", ""), named.get("Work Accomplished", "")) if part)
    return named | ({"Work Accomplished": work} if work else {})


def _commit_subject(entry: Entry) -> str:
    first = entry.title or next(line for _, body in entry.sections for line in body.splitlines() if line.strip())
    return f"Log: {one_line(first, 60)}"


def _format_sections(sections: Sequence[tuple[str, str]], *, given: bool) -> str:
    """The sections that the session was given, or those that it answered; what it was given needs no headings."""
    said = [(name, body.strip()) for name, body in sections if (name in GIVEN_SECTIONS) == given and body.strip()]
    return "\n\n".join(body if given or not name else f"### {name}\n\n{body}" for name, body in said)
