"""Which node tells people, so that no two tell the same?

The one that `notify.by` names. Without a name: of those nodes whose page says that they can (they have
SHIFTBOOK_NOTIFY), the first in the fleet's order of precedence. Every node reads the same pages, so
all agree; a speaker that is down stays the speaker, and tells what happened when it is back. Only that it is down is
told by the next one in line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.turn_order import acting_order
from sync.signatures import read_signers

TELLING = "tell people"
"""The thing for which the nodes have an order."""


def notifier_order(ledger: LedgerSnapshot, me: str = "") -> tuple[str, ...]:
    """The nodes that can tell people, the one whose turn it is first. `me` (if given) can, whatever the pages say."""
    pages = announced_nodes(ledger)
    able = {name for name in fleet_nodes(ledger, pages) if pages[name].notifies} | ({me} if me else set())
    ordered = acting_order(TELLING, {name: pages[name].role if name in pages else "" for name in able})
    by = ledger.charter.notify.by
    return (by, *(name for name in ordered if name != by)) if by else ordered


def fleet_nodes(ledger: LedgerSnapshot, names: Collection[str]) -> set[str]:
    """Those of `names` that are nodes of this fleet; all of them in a fleet without signatures."""
    listed = {each.name for each in read_signers(ledger.signers).values() if "node" in each.roles}
    return set(names) & listed if ledger.signers.strip() else set(names)


def is_first_alive(order: tuple[str, ...], me: str, silent: Mapping[str, object]) -> bool:
    """Whether `me` is the first in line of those that are not silent."""
    return next((name for name in order if name not in silent), "") == me
