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

from handoff.briefing import Add, Delta, Resolve, apply, parse
from handoff.errors import ProposalUnreadable
from handoff.facts import DroppedChange
from handoff.marks.model_mark import PROPOSED, ModelMark, person_name
from handoff.marks.person_marks import without_unsigned
from handoff.mined.proposed_values import with_replacements
from handoff.proposal import describe_counts, describe_delta, read_page, remarks, render_page
from handoff.review import BriefingProposal, Reword, review
from handoff.tiers import Tier, path_of
from missions.mission import Status
from orchestrator.core.errors import NotFound, OrchestratorError
from orchestrator.core.ports.agent import Project
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.confirmed_text import confirmed_text
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.continuity.given_items import harmful_in
from orchestrator.workflow.journal.review_cursor import (
    REVIEWED_TRAILER,
    ReviewCursor,
    projects_with_log,
    proposal_path,
    unread_entries,
    with_cursor,
    without_cursor,
)
from sync.remote import Oid


class BadProposal(OrchestratorError):
    """A proposal that a person edited cannot be read."""


@dataclass(frozen=True, kw_only=True)
class ReviewResult:
    """What one review made of one project's log. `briefing` is the text with the changes in it."""

    project: str
    entries: tuple[str, ...]
    proposal: BriefingProposal
    briefing: str
    needs_acceptance: bool
    """Whether a person must accept it (`review.approve` in fleet.toml)."""
    commit: Oid | None = None

    @property
    def says(self) -> str:
        """The outcome in a line."""
        if not self.entries:
            return f"{self.project}: no new entry"
        read = f"{len(self.entries)} {'entry' if len(self.entries) == 1 else 'entries'}"
        wait = "; it waits for you in " + proposal_path(self.project) if self.needs_acceptance else ""
        return f"{self.project}: {read} read, {describe_counts(self.proposal)}{wait}"

    @property
    def lines(self) -> list[str]:
        """Every change and every remark, one line each."""
        return [describe_delta(delta) for delta in self.proposal.deltas] + list(remarks(self.proposal))


@dataclass(frozen=True, kw_only=True)
class Reviews:
    """Reviews the logs of one ledger. `paths` lists a project's files, or nothing where they are not at hand."""

    bus: Transport
    reader: SnapshotReader
    paths: Callable[[Project], Collection[str]] = lambda _: ()
    wording: Reword | None = None
    trust: Trust | None = None
    """Says whose word it is that takes a proposal; without it nobody's who may confirm what a model proposed."""
    remembered: dict[str, str] = field(default_factory=dict)
    """The model's words, so that a lost race does not ask for them again."""

    def run(self, project: str = "", *, dry_run: bool = False) -> list[ReviewResult]:
        """Reviews one project or all, and lands what comes of it in one commit. Raises NotFound and SyncError."""
        made: list[ReviewResult] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            made[:] = [self._reviewed(ledger, name) for name in _projects_to_review(ledger, project)]
            fresh = [one for one in made if one.entries]
            files = {path: data for one in fresh for path, data in self._files(ledger, one).items()}
            return (
                LedgerChange(files=files, message=_commit_message(fresh, ledger.tip)) if fresh and not dry_run else None
            )

        commit = commit_change(self.bus, self.reader, draft)
        return [replace(one, commit=commit if one.entries else None) for one in made]

    def settle(self, project: str, *, accept: bool) -> ReviewResult:
        """Takes what is ticked in a project's proposal, or nothing of it; what a model proposed is confirmed by that.
        Raises NotFound and BadProposal."""
        made: list[ReviewResult] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
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
            by = self.trust.person(ledger, self.bus.key, self.bus.name) if self.trust else ""
            briefing = without_cursor(ledger.text(target))
            taken = [_confirmed(delta, by) for delta in page.wanted] if accept else []
            wanted = tuple(with_replacements(taken, parse(briefing)))
            proposal = replace(EMPTY_PROPOSAL, deltas=wanted)
            one = ReviewResult(
                project=project,
                entries=tuple(dict.fromkeys(cite for delta in wanted for cite in delta.cites)),
                proposal=proposal,
                briefing=apply(briefing, wanted),
                needs_acceptance=False,
            )
            made[:] = [one]
            mark = ReviewCursor(
                at=page.upto, when=format_utc(self.bus.now()), entries=len(one.entries), changes=len(wanted)
            )
            files = {target: with_cursor(one.briefing, mark).encode(), path: None}
            return LedgerChange(files=files, message=_commit_message([one], mark.at))

        commit = commit_change(self.bus, self.reader, draft)
        return replace(made[0], commit=commit)

    def _reviewed(self, ledger: LedgerSnapshot, name: str) -> ReviewResult:
        fresh = unread_entries(ledger, name)
        path = path_of(Tier.BRIEFING, name)
        text = without_cursor(confirmed_text(ledger, path)) or f"# Briefing: {name}\n"
        if not fresh:
            return ReviewResult(
                project=name, entries=(), proposal=EMPTY_PROPOSAL, briefing=text, needs_acceptance=False
            )
        project = ledger.charter.project(name) if name in ledger.charter.projects else None
        known = self.paths(project) if project else ()
        asks = self._words if self.wording is not None and ledger.charter.review.words == "model" else None
        cited = {cite for item in parse(text) for cite in item.cites}
        proposal = review(
            fresh,
            text,
            known_paths=known,
            wording=asks,
            earlier={
                entry.entry_id: entry
                for _, entry in session_logs.entries(ledger.store, ledger.tree, name)
                if entry.entry_id in cited
            },
            accepted=lambda mission: _is_accepted(ledger, mission),
        )
        proposal = _drop_outdated(ledger, name, text, proposal)
        proposal = replace(proposal, harmful=tuple(harmful_in(ledger, name)))
        return ReviewResult(
            project=name,
            entries=tuple(entry.entry_id for entry in fresh),
            proposal=proposal,
            briefing=apply(text, proposal.deltas),
            needs_acceptance=ledger.charter.review.approve and bool(proposal.deltas),
        )

    def _words(self, text: str) -> str:
        if text not in self.remembered and self.wording is not None:
            self.remembered[text] = self.wording(text)
        return self.remembered[text]

    def _files(self, ledger: LedgerSnapshot, one: ReviewResult) -> Mapping[str, bytes | None]:
        """What the review writes: the briefing, or a proposal that keeps the ticks of the one it replaces."""
        path = proposal_path(one.project)
        if not one.needs_acceptance:
            mark = ReviewCursor(
                at=ledger.tip,
                when=format_utc(self.bus.now()),
                entries=len(one.entries),
                changes=len(one.proposal.deltas),
            )
            briefing = with_cursor(without_unsigned(one.briefing), mark)
            return {path_of(Tier.BRIEFING, one.project): briefing.encode(), path: None}
        try:
            before = read_page(ledger.text(path))
        except ProposalUnreadable:
            before = read_page("")
        # The commit that the entries stand in, not the newest one: the page stays the same while nothing new is read.
        upto = _last_log_commit(ledger, one.project)
        page = render_page(one.proposal, name=one.project, upto=upto, entries=one.entries, unwanted=before.unwanted)
        return {path: page.encode()}


EMPTY_PROPOSAL = BriefingProposal(
    deltas=(), repeated_blockers=(), reversed_decisions=(), untaken_steps=(), stale=(), dropped_with_reason=()
)


def _projects_to_review(ledger: LedgerSnapshot, project: str) -> list[str]:
    known = projects_with_log(ledger)
    if project and project not in known:
        raise NotFound(f"{project} has no log to review; logs are there for {', '.join(known) or 'no project yet'}")
    return [project] if project else known


def _drop_outdated(ledger: LedgerSnapshot, project: str, briefing: str, proposal: BriefingProposal) -> BriefingProposal:
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
            old.append(DroppedChange(text=words, cites=delta.cites, reason=f"an entry of {rests_on} says otherwise"))
    return replace(proposal, deltas=tuple(kept), dropped_with_reason=(*proposal.dropped_with_reason, *old))


def _is_accepted(ledger: LedgerSnapshot, mission: str) -> bool:
    """Whether a mission ended with a result that was taken, by a person or a rule."""
    filed = ledger.archived(mission)
    return filed is not None and filed.mission.status is Status.DONE


def _confirmed(delta: Delta, by: str) -> Delta:
    """A change that a person takes: what a model proposes in it is confirmed."""
    if isinstance(delta, Resolve) or not by or delta.mark != str(PROPOSED):
        return delta
    return replace(delta, mark=str(ModelMark(confirmed_by=person_name(by))))


def _last_log_commit(ledger: LedgerSnapshot, project: str) -> Oid:
    path = path_of(Tier.LOG, project)
    return next(iter(ledger.store.history(ledger.tip, path)), ledger.tip)


def _commit_message(fresh: Sequence[ReviewResult], upto: Oid) -> str:
    """Which entries were read, what was changed, and what a person should look at."""
    ids = list(dict.fromkeys(entry for one in fresh for entry in one.entries))
    names = " and ".join(one.project for one in fresh)
    read = f"{len(ids)} {'entry' if len(ids) == 1 else 'entries'}"
    blocks = [f"Review of {names}: {read}" if len(names) < 50 else f"Review of {len(fresh)} projects: {read}"]
    blocks += ["\n".join([one.says, *(f"- {line}" for line in one.lines)]) for one in fresh]
    sources = textwrap.wrap(f"Sources: {', '.join(ids)}", 100, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(
        [
            *blocks,
            "\n".join(sources),
            "\n".join(f"{REVIEWED_TRAILER} {one.project} {upto}" for one in fresh if not one.needs_acceptance),
        ]
    ).rstrip()
