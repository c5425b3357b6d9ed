"""How long does a node wait between two rounds, and what does it look at meanwhile while something runs on it?"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from orchestrator.ledger.transport import SAY, WATCH
from sync.errors import SyncError
from sync.remote import LedgerRemote, Refs

POLL_SECONDS = 1.0
"""Seconds between two looks, while something runs here, at whether anything moved by which people speak to what runs:
what is called off must be dead within five seconds, also where nothing wakes the node. A look brings no object."""
ORDER_REFS = (SAY, WATCH)
"""Below these, and on the ledger's branch, stands what people want of what runs."""


def wait_for_work(
    wake: Event, pause: float, *, busy: Callable[[], bool], remote: LedgerRemote, branch: str, seen: Refs
) -> None:
    """Waits until something wakes the node or its pause (seconds) is over; while it is busy, until an order came.

    `seen` is the last fetch, `branch` the full name of the ledger's.
    """
    if not busy():  # nothing begins while the loop waits: an idle node need not wake before its pause is over
        wake.wait(pause)
        wake.clear()
        return
    left, before = pause, _orders(seen, branch)
    while not wake.wait(min(POLL_SECONDS, left)) and left > POLL_SECONDS:
        left -= POLL_SECONDS
        if busy() and _order_came(remote, before, branch):
            break
    wake.clear()


def _orders(refs: Refs, branch: str) -> Refs:
    return {ref: oid for ref, oid in refs.items() if ref == branch or ref.startswith(ORDER_REFS)}


def _order_came(remote: LedgerRemote, before: Refs, branch: str) -> bool:
    try:
        return _orders(remote.heads(*ORDER_REFS), branch) != before
    except (SyncError, OSError):  # also where no process is to be had
        return False  # the next fetch tells people, and slows down
