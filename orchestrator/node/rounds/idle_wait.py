"""How long does a node wait between two rounds, and what does it look at meanwhile while something runs on it?"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from sync.errors import SyncError
from sync.remote import LedgerRemote, Oid

POLL_SECONDS = 1.0
"""Seconds between two looks, while something runs here, at whether the ledger's branch moved: what is called off must
be dead within five seconds, also where nothing wakes the node. A look asks for one ref and brings no object."""


def wait_for_work(wake: Event, pause: float, *, busy: Callable[[], bool], remote: LedgerRemote, tip: Oid) -> None:
    """Waits until something wakes the node or its pause (seconds) is over; while it is busy, until the branch moves."""
    left = pause
    while not wake.wait(min(POLL_SECONDS, left)) and left > POLL_SECONDS:
        left -= POLL_SECONDS
        if busy() and _branch_moved(remote, tip):
            break
    wake.clear()


def _branch_moved(remote: LedgerRemote, tip: Oid) -> bool:
    try:
        return remote.tip() != tip
    except (SyncError, OSError):  # also where no process is to be had
        return False  # the next fetch tells people, and slows down
