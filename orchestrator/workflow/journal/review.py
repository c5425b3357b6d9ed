"""How does the review of a session log become one commit, whoever else is writing at that moment?

Where the last review stopped stands in the briefing itself, as the commit that it had read: what is new is what the
logs hold now and did not hold then. So a review that is killed leaves nothing behind, of two at once the second finds
nothing to do, and a person's edit that comes in between is what the changes are worked out on anew. There is no other
state: a deleted mark is found again in the last review's commit message.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from handoff.briefing import Add, apply, parse
from handoff.errors import ProposalUnreadable
from handoff.facts import Dropped
from handoff.proposal import counts, read_page, remarks, render_page, said
from handoff.review import Proposal, Wording, review
from handoff.tiers import Tier, path_of
from orchestrator.core.errors import NotFound, OrchestratorError
from orchestrator.core.ports.agent import Project
from orchestrator.ledger import session_logs
from orchestrator.ledger.publish import Draft, land
from orchestrator.ledger.result_report import utc
from orchestrator.ledger.snapshot import Ledger, Reader
from orchestrator.ledger.transport import Bus
from orchestrator.workflow.journal.review_cursor import (
    TRAILER,
    Position,
    proposal_path,
    reviewable,
    unread,
    with_mark,
    without_mark,
)
from sync.remote import Oid


class BadProposal(OrchestratorError):
    """A proposal that a person edited cannot be read."""


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
            files = {path: data for one in fresh for path, data in self._files(ledger, one).items()}
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
            if not page.upto:
                raise BadProposal(f"{path}: the line “shiftbook: proposal up to …” is gone; run the review again")
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
            mark = Position(at=page.upto, when=utc(self.bus.now()), entries=len(one.entries), changes=len(wanted))
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
        asks = self._words if self.wording is not None and ledger.charter.review.words == "model" else None
        proposal = review(fresh, text, known_paths=known, wording=asks)
        proposal = _without_old_news(ledger, name, text, proposal)
        return Reviewed(
            project=name,
            entries=tuple(entry.entry_id for entry in fresh),
            proposal=proposal,
            briefing=apply(text, proposal.deltas),
            awaits=ledger.charter.review.approve and bool(proposal.deltas),
        )

    def _words(self, text: str) -> str:
        if text not in self.remembered and self.wording is not None:
            self.remembered[text] = self.wording(text)
        return self.remembered[text]

    def _files(self, ledger: Ledger, one: Reviewed) -> Mapping[str, bytes | None]:
        """What the review writes: the briefing, or a proposal that keeps the ticks of the one it replaces."""
        path = proposal_path(one.project)
        if not one.awaits:
            mark = Position(
                at=ledger.tip,
                when=utc(self.bus.now()),
                entries=len(one.entries),
                changes=len(one.proposal.deltas),
            )
            return {path_of(Tier.BRIEFING, one.project): with_mark(one.briefing, mark).encode(), path: None}
        try:
            before = read_page(ledger.text(path))
        except ProposalUnreadable:
            before = read_page("")
        # The commit that the entries stand in, not the newest one: the page stays the same while nothing new is read.
        upto = _last_log_commit(ledger, one.project)
        page = render_page(one.proposal, name=one.project, upto=upto, entries=one.entries, unwanted=before.unwanted)
        return {path: page.encode()}


NOTHING = Proposal(
    deltas=(), repeated_blockers=(), reversed_decisions=(), untaken_steps=(), stale=(), dropped_with_reason=()
)


def _chosen(ledger: Ledger, project: str) -> list[str]:
    known = reviewable(ledger)
    if project and project not in known:
        raise NotFound(f"{project} has no log to review; logs are there for {', '.join(known) or 'no project yet'}")
    return [project] if project else known


def _without_old_news(ledger: Ledger, project: str, briefing: str, proposal: Proposal) -> Proposal:
    """Drops changes whose entries came in late and are older than what the item rests on already."""
    when = {entry.entry_id: entry.when for _, entry in session_logs.entries(ledger.store, ledger.tree, project)}
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
    return "\n\n".join(
        [*blocks, "\n".join(sources), "\n".join(f"{TRAILER} {one.project} {upto}" for one in fresh if not one.awaits)]
    ).rstrip()
