"""The inbox: what in the ledger waits for a person, and what is the next step of each?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.forge_feedback import NEEDS_YOU
from orchestrator.workflow.journal.review_status import proposals_waiting
from orchestrator.workflow.mission_view import MissionView

WAITING_STATES = ("review", "untrusted", "quarantined", "dead", "parked")
"""States in which a mission goes no further without a person; what can be settled soonest stands first."""
UNDER_WAY = ("running", "queued", "failed")
MAX_SAID_CHARS = 200
"""Characters of what a chat asks that are shown."""


@dataclass(frozen=True, kw_only=True)
class InboxItem:
    """One thing that waits. `kind` is a mission's state, `pull request`, `merge queue`, `conflict`, `digest` or
    `question`; `when` is since when."""

    kind: str
    name: str
    title: str
    says: str
    step: str
    when: datetime | None = None

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"when": self.when.isoformat() if self.when else ""}


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """All that waits, and how many missions need nobody, by state."""

    items: Sequence[InboxItem]
    under_way: Mapping[str, int]


def question_item(ident: str, act: str, arguments: Mapping[str, object]) -> InboxItem:
    """What a chat asks: whether it may use a tool."""
    from handoff.secrets.excerpts import redacted_line  # its formats take long to load, and few inboxes have a question

    words = redacted_line(" ".join(f"{name}={value!r}" for name, value in arguments.items()), MAX_SAID_CHARS)
    step = "answer it where that chat runs"
    return InboxItem(kind="question", name=ident, title=f"A chat asks to use {act}", says=words, step=step)


def read_inbox(ledger: LedgerSnapshot, views: Iterable[MissionView], questions: Iterable[InboxItem] = ()) -> Inbox:
    """What waits, the missions by their state and then the longest first. `questions` are those of running chats, and
    what else stands before them."""
    every = list(views)
    waiting = [view for view in every if view.status in WAITING_STATES]
    waiting.sort(key=lambda view: (WAITING_STATES.index(view.status), _since(view), view.name))
    states = Counter(str(view.status) for view in every)
    return Inbox(
        items=(
            *questions,
            *map(mission_item, waiting),
            *map(pull_item, filter(_is_stuck, every)),
            *_conflicts(ledger),
            *_proposals(ledger),
        ),
        under_way={state: states[state] for state in UNDER_WAY if states[state]},
    )


def _since(view: MissionView) -> float:
    when = view.finished or view.started
    return when.timestamp() if when else 0.0


def mission_item(view: MissionView) -> InboxItem:
    """A mission as something that is told to a person."""
    where = f"line {view.line}: " if view.line else ""
    return InboxItem(
        kind=str(view.status),
        name=view.name,
        title=view.title,
        says=f"{where}{view.reason}",
        step=view.hint,
        when=view.finished or view.started,
    )


def _is_stuck(view: MissionView) -> bool:
    """Whether a pull request goes no further without a person, or cannot even be opened."""
    return view.status not in WAITING_STATES and (view.reason or "").startswith(NEEDS_YOU)


def pull_item(view: MissionView) -> InboxItem:
    """A pull request that a person must look at."""
    step = f"merge or close {view.pull_request}" if view.pull_request else "mend that, then it goes on by itself"
    says = (view.reason or "").removeprefix(NEEDS_YOU)
    return InboxItem(
        kind="pull request", name=view.name, title=view.title, says=says, step=step, when=view.decided or view.finished
    )


def queue_items(ledger: LedgerSnapshot, trust: Trust) -> Iterator[InboxItem]:
    """Merge queues that stand still until a person has mended something, each in one line."""
    if not any(part.merge_queue for part in ledger.charter.projects.values()):
        return
    from orchestrator.workflow.merge_queue.queue_order import queues
    from orchestrator.workflow.queue_hold.queue_record import queue_record

    for project in queues(ledger):
        trouble = queue_record(ledger, trust, project)[0].trouble
        if trouble:
            title, step = f"The merge queue of {project} stands still", f"`shiftbook project queue {project}`"
            yield InboxItem(kind="merge queue", name=project, title=title, says=trouble, step=step)


def _conflicts(ledger: LedgerSnapshot) -> Iterator[InboxItem]:
    if not ledger.has_conflicts:
        return
    from orchestrator.ledger.conflicts import list_conflicts

    for one in list_conflicts(ledger.store, ledger.tree):
        step = f"`shiftbook conflicts show {one.ident}`, then resolve"
        yield InboxItem(
            kind="conflict", name=one.ident, title=f"{one.mission} was changed twice", says=one.says, step=step
        )


def _proposals(ledger: LedgerSnapshot) -> Iterator[InboxItem]:
    for project, path in proposals_waiting(ledger):
        step = f"tick in {path} what is true, then `shiftbook digest accept --project {project}`"
        name = project or "fleet"
        yield InboxItem(kind="digest", name=name, title=f"Changes to the briefing of {name}", says=path, step=step)
