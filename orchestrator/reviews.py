"""How does the review of a session log become one commit, whoever else is writing at that moment?

Where the last review stopped stands in the briefing itself, as the commit that it had read: what is new is what the
logs hold now and did not hold then. So a review that is killed leaves nothing behind, of two at once the second finds
nothing to do, and a person's edit that comes in between is what the changes are worked out on anew. There is no other
state: a deleted mark is found again in the last review's commit message.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from handoff.briefing import Add, apply, parse
from handoff.entry import Entry
from handoff.errors import ProposalUnreadable
from handoff.facts import Dropped
from handoff.proposal import counts, read_page, remarks, render_page, said
from handoff.review import Proposal, Wording, review
from handoff.tiers import Tier, path_of
from orchestrator import logs
from orchestrator.bus import Bus
from orchestrator.errors import NotFound, OrchestratorError
from orchestrator.journal import utc
from orchestrator.landing import Draft, land
from orchestrator.ledger import Ledger, Reader
from orchestrator.ports import Project
from sync.errors import ObjectMissing
from sync.objects import read_commit
from sync.remote import Oid

TRAILER = "Reviewed:"
_MARK = re.compile(
    r"<!-- shiftbook: reviewed (?P<at>[0-9a-f]{40}); (?P<when>[^;]*Z); (?P<entries>\d+) read, (?P<changes>\d+) changes -->"
    r"(?:\r?\n)*"
)
_TITLE = re.compile(r"\A\ufeff?(?:[ \t]*\r?\n)*#[ \t][^\n]*\n(?:\r?\n)*")


class BadProposal(OrchestratorError):
    """A proposal that a person edited cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a review stopped: the ledger's commit that it had read, when, how much, and what came of it."""

    at: Oid
    when: str
    entries: int
    changes: int


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What one review made of one project's log. `briefing` is the text with the changes in it."""

    project: str
    entries: tuple[str, ...]
    proposal: Proposal
    briefing: str
    awaits: bool
    """Whether a person must accept it (`review.approve` in fleet.toml)."""
    commit: Oid | None = None

    @property
    def says(self) -> str:
        """The outcome in a line."""
        if not self.entries:
            return f"{self.project}: no new entry"
        read = f"{len(self.entries)} {'entry' if len(self.entries) == 1 else 'entries'}"
        wait = "; it waits for you in " + proposal_path(self.project) if self.awaits else ""
        return f"{self.project}: {read} read, {counts(self.proposal)}{wait}"

    @property
    def lines(self) -> list[str]:
        """Every change and every remark, one line each."""
        return [said(delta) for delta in self.proposal.deltas] + list(remarks(self.proposal))


@dataclass(frozen=True, kw_only=True)
class Reviews:
    """Reviews the logs of one ledger. `paths` lists a project's files, or nothing where they are not at hand."""

    bus: Bus
    reader: Reader
    paths: Callable[[Project], Collection[str]] = lambda _: ()
    wording: Wording | None = None
    remembered: dict[str, str] = field(default_factory=dict)
    """The model's words, so that a lost race does not ask for them again."""

    def run(self, project: str = "", *, dry_run: bool = False) -> list[Reviewed]:
        """Reviews one project or all, and lands what comes of it in one commit. Raises NotFound and SyncError."""
        made: list[Reviewed] = []

        def draft(ledger: Ledger) -> Draft | None:
            made[:] = [self._reviewed(ledger, name) for name in _chosen(ledger, project)]
            fresh = [one for one in made if one.entries]
            files = {path: text.encode() for one in fresh for path, text in self._files(ledger, one).items()}
            return Draft(files=files, message=_message(fresh, ledger.tip)) if fresh and not dry_run else None

        commit = land(self.bus, self.reader, draft)
        return [replace(one, commit=commit if one.entries else None) for one in made]

    def settle(self, project: str, *, accept: bool) -> Reviewed:
        """Takes what is ticked in a project's proposal, or nothing of it. Raises NotFound and BadProposal."""
        made: list[Reviewed] = []

        def draft(ledger: Ledger) -> Draft:
            path, target = proposal_path(project), path_of(Tier.BRIEFING, project)
            text = ledger.text(path)
            if not text:
                raise NotFound(f"no review of {project or 'the fleet'} waits: there is no {path}")
            try:
                page = read_page(text)
            except ProposalUnreadable as error:
                raise BadProposal(f"{path}: {error}") from error
            wanted = page.wanted if accept else ()
            proposal = replace(NOTHING, deltas=wanted)
            one = Reviewed(
                project=project,
                entries=tuple(dict.fromkeys(cite for delta in wanted for cite in delta.cites)),
                proposal=proposal,
                briefing=apply(without_mark(ledger.text(target)), wanted),
                awaits=False,
            )
            made[:] = [one]
            mark = Position(at=page.upto or ledger.tip, when=utc(self.bus.now()), entries=0, changes=len(wanted))
            files = {target: with_mark(one.briefing, mark).encode(), path: None}
            return Draft(files=files, message=_message([one], mark.at))

        commit = land(self.bus, self.reader, draft)
        return replace(made[0], commit=commit)

    def _reviewed(self, ledger: Ledger, name: str) -> Reviewed:
        fresh = unread(ledger, name)
        text = without_mark(ledger.text(path_of(Tier.BRIEFING, name))) or f"# Briefing: {name}\n"
        if not fresh:
            return Reviewed(project=name, entries=(), proposal=NOTHING, briefing=text, awaits=False)
        project = ledger.charter.project(name) if name in ledger.charter.projects else None
        known = self.paths(project) if project else ()
        proposal = review(fresh, text, known_paths=known, wording=self._wording())
        proposal = _without_old_news(ledger, name, text, proposal)
        return Reviewed(
            project=name,
            entries=tuple(entry.entry_id for entry in fresh),
            proposal=proposal,
            briefing=apply(text, proposal.deltas),
            awaits=ledger.charter.review.approve,
        )

    def _wording(self) -> Wording | None:
        return self._words if self.wording is not None else None

    def _words(self, text: str) -> str:
        if text not in self.remembered and self.wording is not None:
            self.remembered[text] = self.wording(text)
        return self.remembered[text]

    def _files(self, ledger: Ledger, one: Reviewed) -> Mapping[str, str]:
        """What the review writes: the briefing, or a proposal that keeps the ticks of the one it replaces."""
        if not one.awaits:
            mark = Position(
                at=ledger.tip,
                when=utc(self.bus.now()),
                entries=len(one.entries),
                changes=len(one.proposal.deltas),
            )
            return {path_of(Tier.BRIEFING, one.project): with_mark(one.briefing, mark)}
        path = proposal_path(one.project)
        try:
            before = read_page(ledger.text(path))
        except ProposalUnreadable:
            before = read_page("")
        # The commit that the entries stand in, not the newest one: the page stays the same while nothing new is read.
        upto = _last_log_commit(ledger, one.project)
        page = render_page(
            one.proposal, name=one.project, upto=upto, entries=one.entries, unwanted=before.unwanted
        )
        return {path: page}


NOTHING = Proposal(
    deltas=(), repeated_blockers=(), reversed_decisions=(), untaken_steps=(), stale=(), dropped_with_reason=()
)


def proposal_path(project: str) -> str:
    """Where a review waits for a person."""
    return f"projects/{project}/REVIEW_PROPOSAL.md"


def position(ledger: Ledger, project: str) -> Position | None:
    """Where the last review of a project stopped; None before the first."""
    path = path_of(Tier.BRIEFING, project)
    found = _MARK.search(ledger.text(path))
    if found:
        return Position(at=found["at"], when=found["when"], entries=int(found["entries"]), changes=int(found["changes"]))
    for oid in ledger.store.history(ledger.tip, path):
        message = read_commit(ledger.store.get(oid)).message
        if told := re.search(rf"^{TRAILER} {re.escape(project)} ([0-9a-f]{{40}})$", message, re.MULTILINE):
            return Position(at=told[1], when="", entries=0, changes=0)
    return None


def unread(ledger: Ledger, project: str) -> list[Entry]:
    """The entries that no review of this project has read, oldest first."""
    last = position(ledger, project)
    known: set[str] = set()
    if last is not None:
        try:
            tree = read_commit(ledger.store.get(last.at)).tree
            known = {entry.entry_id for _, entry in logs.entries(ledger.store, tree, project)}
        except (ObjectMissing, KeyError, ValueError):
            known = set()  # a mark that somebody mistyped: reading all again changes nothing that is there already
    found: dict[str, Entry] = {}
    for file in logs.files(ledger.store, ledger.tree):
        if file.project == project:
            found |= {e.entry_id: e for e in logs.parsed(ledger.store, file).chronological if e.entry_id not in known}
    return list(found.values())


def reviewable(ledger: Ledger) -> list[str]:
    """The projects that have a log."""
    return sorted({file.project for file in logs.files(ledger.store, ledger.tree)} - {""})


def without_mark(text: str) -> str:
    """A briefing without the review's mark."""
    return _MARK.sub("", text)


def with_mark(text: str, mark: Position) -> str:
    """A briefing with the mark below its title, where people seldom edit and a renderer hides it."""
    line_break = "\r\n" if "\r\n" in text else "\n"
    words = (
        f"<!-- shiftbook: reviewed {mark.at}; {mark.when}; {mark.entries} read, {mark.changes} changes -->"
        + line_break * 2
    )
    title = _TITLE.match(text)
    head = title[0].rstrip("\r\n") + line_break * 2 if title else ""
    return head + words + text[title.end() if title else 0 :]


def _chosen(ledger: Ledger, project: str) -> list[str]:
    known = reviewable(ledger)
    if project and project not in known:
        raise NotFound(f"{project} has no log to review; logs are there for {', '.join(known) or 'no project yet'}")
    return [project] if project else known


def _without_old_news(ledger: Ledger, project: str, briefing: str, proposal: Proposal) -> Proposal:
    """Drops changes whose entries came in late and are older than what the item rests on already."""
    when = {entry.entry_id: entry.when for _, entry in logs.entries(ledger.store, ledger.tree, project)}
    cited = {item.item_id: item.cites for item in parse(briefing) if item.item_id}

    def newest(cites: Sequence[str]) -> str:
        return max((when.get(cite, "") for cite in cites), default="")

    kept, old = [], []
    for delta in proposal.deltas:
        rests_on = newest(cited.get(delta.item_id, ()))
        if isinstance(delta, Add) or not newest(delta.cites) or newest(delta.cites) >= rests_on:
            kept.append(delta)
        else:
            words = delta.was if not hasattr(delta, "text") else delta.text
            old.append(Dropped(text=words, cites=delta.cites, reason=f"an entry of {rests_on} says otherwise"))
    return replace(proposal, deltas=tuple(kept), dropped_with_reason=(*proposal.dropped_with_reason, *old))


def _last_log_commit(ledger: Ledger, project: str) -> Oid:
    path = path_of(Tier.LOG, project)
    return next(iter(ledger.store.history(ledger.tip, path)), ledger.tip)


def _message(fresh: Sequence[Reviewed], upto: Oid) -> str:
    """Which entries were read, what was changed, and what a person should look at."""
    ids = list(dict.fromkeys(entry for one in fresh for entry in one.entries))
    names = " and ".join(one.project for one in fresh)
    read = f"{len(ids)} {'entry' if len(ids) == 1 else 'entries'}"
    blocks = [f"Review of {names}: {read}" if len(names) < 50 else f"Review of {len(fresh)} projects: {read}"]
    blocks += ["\n".join([one.says, *(f"- {line}" for line in one.lines)]) for one in fresh]
    sources = textwrap.wrap(f"Sources: {', '.join(ids)}", 100, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join([*blocks, "\n".join(sources), "\n".join(f"{TRAILER} {one.project} {upto}" for one in fresh)])


def entries_of(ledger: Ledger, project: str) -> Iterator[Entry]:
    """All entries of a project's log, as they were appended."""
    return (entry for _, entry in logs.entries(ledger.store, ledger.tree, project))
