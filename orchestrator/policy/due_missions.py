"""May a node have filed a mission for this time? What holds of all that nodes file because a time has come.

Such a mission is a function of a file that a person signed, and of a time. A node signs its own commits and writes
their times itself, so that what it states is held against what it follows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from orchestrator.ledger.archive import mission_bytes
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.objects import EXECUTABLE, FILE, find, load_commit
from sync.remote import Oid
from sync.signatures import Principal

CLOCKS_DIFFER_SECONDS = 600.0
LATE_SECONDS = 3 * 3600.0
"""So long after its time has passed to the next one a mission may be filed: a node looks, then it pushes."""
YEARS = range(2000, 3000)
"""In no other one is anything due."""
MAX_EARLIER = 200
"""Commits before a mission's that are asked whether its own time can be true."""
NOT_COME = "the time in its name was still to come when it was filed"

Signer = Callable[[Oid], Principal | None]
"""Who signed a commit, if it is somebody listed."""
FindAuthor = Callable[[Oid, str], str]
"""The person, if one who may file missions decided what stands at a path in a commit; else empty."""


def parse_slot(text: str, form: str) -> datetime:
    """The time in a mission's name. One that no calendar has is long past, and nothing was due then."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def is_still_to_come(slot: datetime, committed: int) -> bool:
    """Whether a commit of that time (seconds since 1970) is too early for a mission of `slot`."""
    return slot.timestamp() > committed + CLOCKS_DIFFER_SECONDS


def is_past(following: datetime | None, committed: int) -> bool:
    """Whether it was too late for a mission after whose time `following` was the next."""
    return following is not None and following + timedelta(seconds=LATE_SECONDS) <= datetime.fromtimestamp(
        committed, UTC
    )


def backdated_reason(ledger: LedgerSnapshot, before: Oid, committed: int, signer: Signer) -> str:
    """Why a mission's commit cannot have the time that it states: whoever signs a commit may write any time into it, so
    that each time that ever was could be filed for. Times that nobody listed has signed say nothing."""
    for _ in range(MAX_EARLIER):
        read = load_commit(ledger.store, before)
        if read.committed > committed + LATE_SECONDS and signer(before) is not None:
            return f"its commit states an earlier time than commit {before[:10]}, which it follows"
        if not read.parents:
            break
        before = read.parents[0]
    return ""


def bytes_at(ledger: LedgerSnapshot, commit: Oid, path: str) -> bytes | None:
    """A file as a commit has it; None where there is none, or none that is read."""
    entry = find(ledger.store, load_commit(ledger.store, commit).tree, path)
    plain = entry is not None and entry.mode in (FILE, EXECUTABLE)
    return mission_bytes(ledger.store, entry.oid) if entry and plain else None
