"""Which missions were delegated, to whom, and what became of them? The history, and who has how much to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.ledger.node_pages import Presence
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.delegation.envelope import result_of
from orchestrator.workflow.reading.fleet_rows import node_rows
from orchestrator.workflow.reading.mission_list import MissionFilter, mission_page
from orchestrator.workflow.reading.paging import read_cursor, write_cursor
from orchestrator.workflow.reading.shared_ledger import LedgerLook

FACTS = ("title", "task", "project", "node", "agent", "answered_by", "attempt", "started", "finished", "cost_usd")
"""What the history says of a mission besides its result."""


def delegation_row(view: Mapping[str, Any]) -> dict[str, Any]:
    """A mission of the history: its result as an envelope, where it stands, and the facts."""
    return result_of(view) | {"state": str(view["status"])} | {key: view[key] for key in FACTS}


def history_page(look: LedgerLook, wanted: MissionFilter, *, after: str = "", limit: int = 50) -> dict[str, Any]:
    """A page of it: what is open first, then what is finished, the newest first. Raises WrongSetting."""
    page = mission_page(look, wanted, after=after, limit=limit)
    return page | {"items": [delegation_row(view) for view in page["items"]]}


def workload_page(
    ledger: LedgerSnapshot,
    nodes: Sequence[Presence],
    registered: Iterable[Mapping[str, Any]],
    *,
    states: frozenset[str] = frozenset(),
    after: str = "",
    limit: int = 50,
) -> dict[str, Any]:
    """Each node by name: what it works on, how many missions wait that it could take, and how busy it said it was.

    `states` are those of the nodes' beats that are wanted; none: all. `registered` are headquarters' registrations.
    """
    begun = read_cursor(after, (str,))
    told = {row["node"]: row for row in registered}
    rows = [
        {
            "node": row["name"],
            "role": row["role"],
            "state": row["state"],
            "running": row["workload"],
            "works_on": list(row["works_on"]),
            "queue": row["queue"],
            "slots": told.get(row["name"], {}).get("slots"),
            "load": told.get(row["name"], {}).get("load"),
            "cores": told.get(row["name"], {}).get("cores"),
            "registration": told.get(row["name"], {}).get("state"),
        }
        for row in node_rows(ledger, nodes)
        if (begun is None or (row["name"],) > begun) and (not states or row["state"] in states)
    ]
    shown = rows[:limit]
    more = len(rows) > limit
    return {"items": shown, "next": write_cursor((shown[-1]["node"],)) if more else None, "tip": ledger.tip}
