"""How long does a node sleep, and what does it look at meanwhile while something runs on it?"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from sync.errors import SyncError
from sync.remote import Oid, Remote

LOOKS = 1.0
"""Seconds between two looks, while something runs here, at whether the ledger's branch moved: what is called off must
be dead within five seconds, also where nothing wakes the node. A look asks for one ref and brings no object."""


def rest(wake: Event, pause: float, *, busy: Callable[[], bool], remote: Remote, tip: Oid) -> None:
    """Waits until something wakes the node or its pause (seconds) is over; while it is busy, until the branch moves."""
    left = pause
    while not wake.wait(min(LOOKS, left)) and left > LOOKS:
        left -= LOOKS
        if busy() and _moved(remote, tip):
            break
    wake.clear()


def _moved(remote: Remote, tip: Oid) -> bool:
    try:
        return remote.tip() != tip
    except SyncError:
        return False  # the next fetch tells people, and slows down
