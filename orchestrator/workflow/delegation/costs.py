"""What did each node cost? The fleet's costs, node by node, as their pages tell it and as they registered it last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.core.ports.usage import Spend
from orchestrator.workflow.reading.paging import read_cursor, write_cursor
from orchestrator.workflow.spending import totals


def cost_page(
    rows: Iterable[Spend],
    registered: Iterable[Mapping[str, Any]],
    *,
    node: str = "",
    project: str | None = None,
    after: str = "",
    limit: int = 50,
) -> dict[str, Any]:
    """A page of nodes by name, with the totals of all that is wanted; "" as `project` asks for what belongs to none.

    `today_usd` is what a node registered last: newer than its page, and null where it does not register.
    """
    begun = read_cursor(after, (str,))
    told = {row["node"]: row for row in registered if not node or row["node"] == node}
    wanted = [row for row in rows if (not node or row.node == node) and (project is None or row.project == project)]
    by_node = totals.totals_by(wanted, "node")
    names = sorted(by_node.keys() | (told.keys() if project is None else set()))
    behind = [name for name in names if begun is None or (name,) > begun]
    nothing = totals.sum_totals([])
    items = [
        {"node": name, **vars(by_node.get(name, nothing))}
        | {"today_usd": told.get(name, {}).get("today_usd"), "reported": told.get(name, {}).get("received")}
        for name in behind[:limit]
    ]
    return {
        "items": items,
        "next": write_cursor((items[-1]["node"],)) if len(behind) > limit else None,
        "total": vars(totals.sum_totals(wanted)),
    }
