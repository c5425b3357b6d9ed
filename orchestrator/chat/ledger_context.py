"""What is a chat given of the ledger, so that its beginning stays the same from turn to turn?

The head (tiers and log) is read from the commit at which the conversation was last given it, for as long as tiers 1 to
3 say the same now; a log that grew meanwhile would else push every turn out of the model server's prompt cache. What
is new since then, and what is recalled for the message, stands before the message itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from handoff.budget_fit import TIER_NAMES, Cut, fit_recalled
from handoff.context_builder import Assembly
from handoff.tiers import Tier, path_of
from orchestrator.chat.values import ChatRequest, TierUsed
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.project_match import find_project
from orchestrator.workflow.journal import context
from sync.errors import ObjectMissing
from sync.objects import find, load_commit


@dataclass(frozen=True, kw_only=True)
class DetectedProject:
    """`project` is what a new conversation is about; `notes` say why, or what it could be."""

    project: str = ""
    notes: tuple[str, ...] = ()


def detect_project(ledger: LedgerSnapshot | None, request: ChatRequest, project: str = "") -> DetectedProject:
    """What a message means whose conversation has no project; nothing is changed for one that has begun already."""
    if ledger is None or not request.match or request.project or project:
        return DetectedProject()
    verdict = find_project(ledger, request.message)
    if request.conversation and not verdict.project:
        return DetectedProject()
    if request.conversation:
        other = f"this looks like {verdict.looks}; a conversation keeps its project: begin a new one about it"
        return DetectedProject(notes=(other,))
    if verdict.project:
        return DetectedProject(
            project=verdict.project, notes=(f"about {verdict.looks}; name another project if it is not",)
        )
    return DetectedProject(notes=(f"about no project; {verdict.could_be}",) if verdict.candidates else ())


ROLE = (
    "You answer a person's messages at a node of their fleet, from the documents below. Say plainly what you do not "
    "know, and name the log entry that you rely on. What you say is read by the next instance, too."
)
CLOCK_REPEAT_MINUTES = 15
"""A time that was told is told again after so long."""
RECALL_BUDGET_DIVISOR = 8
"""What is new or recalled may take this part (one in so many) of the handoff's budget in each turn."""


@dataclass(frozen=True, kw_only=True)
class LedgerContext:
    """`head` is the system's message; `before` goes before the person's; `pin` is the commit that the head is of."""

    head: str
    before: str
    pin: str = ""
    tiers: tuple[TierUsed, ...] = ()
    cut: tuple[Cut, ...] = ()
    told: tuple[str, ...] = ()
    """Entries that stand in `before`."""
    clock: str = ""
    """The time that stands in it; empty where it was told a moment ago."""


@dataclass(frozen=True, kw_only=True)
class LedgerContextRequest:
    """What a turn asks of the ledger. `told` are entries that earlier turns were given; `budget` is in tokens.

    `clock` is the time that an earlier turn was told last: a time is some 25 tokens to read, before the first word.
    """

    project: str
    message: str
    role: str
    pin: str
    told: Set[str]
    now: datetime
    budget: int
    count: Callable[[str], int]
    clock: str = ""


def without_ledger(wanted: LedgerContextRequest) -> LedgerContext:
    """What a chat knows at a node that has joined no fleet."""
    clock = _clock(wanted)
    return LedgerContext(head=wanted.role, before=_format_clock(clock), clock=clock)


def build_ledger_context(
    ledger: LedgerSnapshot, wanted: LedgerContextRequest, recall: context.Recall = context.no_recall
) -> LedgerContext:
    """Head and news for one turn."""
    old = _pinned(ledger, wanted)
    base = context.assemble_context(
        old, wanted.project, "", now=wanted.now, budget=wanted.budget, count=wanted.count, role=wanted.role
    )
    found = [
        pair for pair in _unseen_entries(old, ledger, wanted, recall) if f"<!-- entry: {pair[0]} -->" not in base.log
    ]
    lines = [line for _, line in found]
    clock = _clock(wanted)
    memory = fit_recalled(lines, base.log, wanted.budget // RECALL_BUDGET_DIVISOR, wanted.count)
    return LedgerContext(
        head=base.head + base.log,
        before=memory.text + _format_clock(clock),
        pin=old.tip,
        tiers=tuple(_tiers_used(old, wanted.project, base)),
        cut=base.cut + memory.cut,
        told=tuple(entry_id for entry_id, _ in found),
        clock=clock,
    )


def cut_json(cut: Cut) -> dict[str, Any]:
    """What was left out, for the wire."""
    return vars(cut) | {"tier": cut.tier.name.lower() if cut.tier else ""}


def _pinned(ledger: LedgerSnapshot, wanted: LedgerContextRequest) -> LedgerSnapshot:
    """The ledger as the conversation was given it before, if its documents still say the same; else as it is now."""
    try:
        old = replace(ledger, tip=wanted.pin, tree=load_commit(ledger.store, wanted.pin).tree) if wanted.pin else None
    except (ObjectMissing, LookupError, ValueError):
        old = None  # the branch was written anew, or this is another machine's clone
    return old if old and _documents(old, wanted.project) == _documents(ledger, wanted.project) else ledger


def _documents(ledger: LedgerSnapshot, project: str) -> list[str]:
    return [_blob_id(ledger, path_of(tier, project)) for tier in _tiers(project)]


def _tiers(project: str) -> list[Tier]:
    return [tier for tier in context.CONTEXT_TIERS if project or tier in context.FLEET_TIERS]


def _blob_id(ledger: LedgerSnapshot, path: str) -> str:
    entry = find(ledger.store, ledger.tree, path)
    return entry.oid if entry else ""


def _unseen_entries(
    old: LedgerSnapshot, ledger: LedgerSnapshot, wanted: LedgerContextRequest, recall: context.Recall
) -> Sequence[tuple[str, str]]:
    """Entries that were appended since the pin, newest first, and what is recalled, each only once."""
    before = (
        {entry.entry_id for entry in session_logs.recent(old, wanted.project).entries} if old is not ledger else None
    )
    now = session_logs.recent(ledger, wanted.project).chronological if before is not None else ()
    new = [(entry.entry_id, entry.raw.strip()) for entry in reversed(now) if entry.entry_id not in (before or ())]
    seen = set(wanted.told)
    found: list[tuple[str, str]] = []
    for entry_id, line in (*new, *recall(ledger, wanted.project, wanted.message)):
        if entry_id not in seen:
            found.append((entry_id, line))
    return found


def _tiers_used(ledger: LedgerSnapshot, project: str, base: Assembly) -> list[TierUsed]:
    tokens = {part.name: part.tokens for part in base.parts}
    tiers = [*_tiers(project), Tier.LOG]
    return [
        TierUsed(name=TIER_NAMES[tier], path=path, commit=ledger.tip, blob=blob, tokens=tokens.get(TIER_NAMES[tier], 0))
        for tier in tiers
        if (blob := _blob_id(ledger, path := path_of(tier, project)))
    ]


def _clock(wanted: LedgerContextRequest) -> str:
    """The time to tell; nothing where the last time that was told is still good."""
    told = datetime.fromisoformat(wanted.clock) if wanted.clock else None
    return "" if told and wanted.now - told < timedelta(minutes=CLOCK_REPEAT_MINUTES) else format_utc(wanted.now)


def _format_clock(clock: str) -> str:
    return f"Now: {clock}\n\n" if clock else ""
