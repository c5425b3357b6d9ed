"""Fleet rows: how are nodes, projects and what is under way told to programs?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from missions.mission import OPEN
from orchestrator.ledger.node_pages import Presence
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.account_status import account_statuses, accounts_of
from orchestrator.workflow.assignment.queue_outlook import queue_outlooks
from orchestrator.workflow.assignment.unserved import UnservedMissions, serves
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.inbox import InboxItem, mission_item, queue_items, read_inbox
from orchestrator.workflow.reading.mission_list import ended_since
from orchestrator.workflow.reading.shared_ledger import LedgerLook
from orchestrator.workflow.reading.status_order import list_order
from orchestrator.workflow.spending.report import read_spending
from orchestrator.workflow.spending.totals import rows_since, sum_totals
from orchestrator.workflow.update_roll import current_rolls

TROUBLE_KINDS = frozenset({"quarantined", "dead", "failed", "ledger", "node", "bus", "queue"})
"""What went wrong; the other kinds wait for a word."""


def node_rows(ledger: LedgerSnapshot, nodes: Sequence[Presence], now: datetime | None = None) -> list[dict[str, Any]]:
    """The nodes, as `fleet --json` prints them. `queue` is how many missions wait that this node could take, `update`
    its part in an update of the fleet that goes on, `accounts` what its agents work with; without `now` nothing
    is said of these."""
    offers = {offer.node: offer for offer in UnservedMissions(ledger).offers}
    waiting = [
        filed.mission
        for name, filed in ledger.open.items()
        if filed.mission.status in OPEN and name not in ledger.claims
    ]
    updating = {step.node: {"to": roll.release} | step.json() for roll in current_rolls(ledger) for step in roll.steps}
    queue = Counter(name for name, offer in offers.items() for mission in waiting if serves(mission, offer))
    accounts = account_statuses(ledger, now) if now is not None else ()
    return [
        {key: value for key, value in asdict(node).items() if key != "windows"}
        | {"workload": len(node.works_on), "queue": queue[node.name], "update": updating.get(node.name)}
        | {"accounts": accounts_of(accounts, node.name)}
        for node in nodes
    ]


def account_page(ledger: LedgerSnapshot, now: datetime) -> dict[str, Any]:
    """The accounts with their windows, and where the queue will stand still, as `fleet accounts --json` prints it."""
    return {
        "mode": ledger.charter.quotas.mode,
        "accounts": [each.json() for each in account_statuses(ledger, now)],
        "outlooks": [each.json() for each in queue_outlooks(ledger, now)],
    }


def project_rows(ledger: LedgerSnapshot) -> list[dict[str, Any]]:
    """The projects, as `project list --json` prints them."""
    return [{"name": name} | part.model_dump() for name, part in sorted(ledger.charter.projects.items())]


def now_page(
    fleet: Fleet, look: LedgerLook, questions: Iterable[InboxItem] = (), bus_trouble: Iterable[InboxItem] = ()
) -> dict[str, Any]:
    """What runs, what waits for a person, what went wrong, and what today has cost (UTC)."""
    ledger, nodes = look.ledger, fleet.nodes()
    views = sorted(look.views, key=list_order)
    items = (
        *_ledger_trouble(fleet, look),
        *_silent_nodes(nodes),
        *bus_trouble,
        *_standing_queues(ledger, fleet.now()),
        *read_inbox(ledger, views, (*questions, *queue_items(ledger, fleet.trust))).items,
        *(mission_item(view) for view in views if view.status == "failed"),
    )
    return {
        "running": [view.json() for view in views if view.status == "running"],
        "waiting": [item.json() for item in items if item.kind not in TROUBLE_KINDS],
        "trouble": [item.json() for item in items if item.kind in TROUBLE_KINDS],
        "queued": sum(view.status in OPEN for view in views),
        "today": today(fleet, ledger),
        "nodes": node_rows(ledger, nodes, fleet.now()),
        "tip": ledger.tip,
    }


def today(fleet: Fleet, ledger: LedgerSnapshot) -> dict[str, float]:
    """What nodes say that they spent today (UTC), and how many missions ended."""
    midnight = fleet.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = midnight.date()
    whole = sum_totals(rows_since(read_spending(ledger, day)[0], day))
    ended = ended_since(ledger, midnight)
    return {"cost_usd": whole.cost_usd, "tokens": whole.tokens_in + whole.tokens_out, "missions": ended}


def _ledger_trouble(fleet: Fleet, look: LedgerLook) -> Iterator[InboxItem]:
    """That what is shown is old, and what on the branch is not followed."""
    if look.offline:
        title, step = "The ledger cannot be reached", "what is shown is what was last seen; it is tried again"
        yield InboxItem(kind="ledger", name="offline", title=title, says=look.offline, step=step)
    for alarm in look.ledger.alarms:
        title, step = "A rule on the branch is not followed", "`shiftbook audit` says whose commit that is"
        yield InboxItem(kind="ledger", name="alarm", title=title, says=alarm, step=step)


def _standing_queues(ledger: LedgerSnapshot, now: datetime) -> Iterator[InboxItem]:
    """Missions that stand still, or will, because every account that could do them is used up."""
    for outlook in queue_outlooks(ledger, now):
        title = "The queue stands still" if outlook.begins <= now else "The queue will stand still"
        step = "`shiftbook fleet accounts` shows the windows; a list of agents would let others go on"
        yield InboxItem(kind="queue", name=outlook.missions[0], title=title, says=outlook.says, step=step)


def _silent_nodes(nodes: Sequence[Presence]) -> Iterator[InboxItem]:
    """Nodes that may be dead, with what they still hold."""
    for node in nodes:
        if node.silent:
            held = f"it still holds {', '.join(node.works_on)}" if node.works_on else "it holds nothing"
            title, step = f"{node.name} is {node.state}", f"look at {node.name}; its work is taken over after a lease"
            yield InboxItem(kind="node", name=node.name, title=title, says=held, step=step, when=node.moved)
