"""An overview of the suppliers: which are there, how do their feeds stand, what did each tell today? As plain data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestrator.core.ports.stores import Cursors
from orchestrator.core.ports.suppliers.signals import Signals
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.feeds.feed_marks import PREFIX
from orchestrator.workflow.feeds.feed_state import read_state
from orchestrator.workflow.signals.intake import LIES


def supplier_rows(
    suppliers: Mapping[str, SupplierPart], secrets: Mapping[str, str], signals: Signals, marks: Cursors, now: datetime
) -> list[dict[str, Any]]:
    """Each supplier that the ledger or this node knows. No secret is told, only whether there is one."""
    since = now - timedelta(days=1)
    rows = []
    for name in sorted(suppliers.keys() | secrets.keys()):
        part = suppliers.get(name, SupplierPart())
        row: dict[str, Any] = {
            "supplier": name,
            "signs": name in secrets,
            "feed": part.feed or None,
            "rules": len(part.rules),
            "events_today": signals.count(name, since=since),
            "refused_today": signals.count(name, since=since, verdicts=LIES),
            "missions_today": signals.missions_since(name, since),
            "missions_per_day": part.missions_per_day,
        }
        if part.feed:
            state = read_state(marks.get(PREFIX + name), part.feed)
            row |= {
                "read": state.read.isoformat() if state.read else None,
                "due": state.due.isoformat() if state.due else None,
                "failures": state.failures,
                "why": state.why,
                "entries": len(state.known),
            }
        rows.append(row)
    return rows
