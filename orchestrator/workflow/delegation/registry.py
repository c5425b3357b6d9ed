"""Which nodes are registered with headquarters, and how is each by now?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.registrations import Registration
from orchestrator.ledger.node_pages import OFFLINE_AFTER, STALE_AFTER
from orchestrator.workflow.delegation.node_status import read_status
from orchestrator.workflow.reading.paging import read_cursor, write_cursor

STATES = ("live", "stale", "offline")


def registration_state(received: datetime, now: datetime) -> str:
    """live, stale after 5 minutes of silence, offline after 15; both moments are headquarters' own."""
    silent = now - received
    return "live" if silent < STALE_AFTER else "stale" if silent < OFFLINE_AFTER else "offline"


def registration_row(one: Registration, now: datetime) -> dict[str, Any]:
    """A registration as plain data. A report that this version cannot read any more shows what is known of it."""
    try:
        told = read_status(one.report).model_dump(mode="json")
    except WrongSetting:
        told = {"node": one.node, "number": one.number}
    return told | {
        "state": registration_state(one.received, now),
        "first": one.first.isoformat(),
        "received": one.received.isoformat(),
        "silent_seconds": max(0.0, round((now - one.received).total_seconds(), 3)),
    }


def registration_page(
    every: Iterable[Registration], now: datetime, *, states: Collection[str] = (), after: str = "", limit: int = 50
) -> dict[str, Any]:
    """A page of them by name; `states` are those that are wanted (none: all). Raises WrongSetting for other words."""
    wrong = sorted(set(states) - set(STATES))
    if wrong:
        raise WrongSetting("state", f"one of {', '.join(STATES)}")
    begun = read_cursor(after, (str,))
    rows = [registration_row(one, now) for one in every if begun is None or (one.node,) > begun]
    wanted = [row for row in rows if not states or row["state"] in states]
    shown = wanted[:limit]
    return {"items": shown, "next": write_cursor((shown[-1]["node"],)) if len(wanted) > limit else None, "tip": ""}
