"""Was an envelope filed already, over whichever way it came? The commit that brought a mission says under which key.

So a program that is not sure whether Redis took its mission may hand it to headquarters over HTTP, and the other way
round: it is one mission.
"""

from __future__ import annotations

import hashlib

from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from sync.objects import load_commit

TRAILER = "Delegated"


def key_digest(key: str) -> str:
    """An idempotency key as it is kept."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def trailer_line(mission: str, key: str) -> str:
    """The line of a commit's message that says it."""
    return f"{TRAILER}: {mission} {key_digest(key)}"


def is_there(ledger: LedgerSnapshot, mission: str) -> bool:
    """Whether the ledger has a mission of that name, in whatever state."""
    broken = any(bad.name == mission for bad in ledger.quarantined)
    return broken or mission in ledger.open or ledger.archived(mission) is not None


def is_filed_under(ledger: LedgerSnapshot, mission: str, key: str) -> bool:
    """Whether the mission of that name came under this very key."""
    wanted = trailer_line(mission, key)
    history = ledger.store.history(ledger.tip, f"{MISSIONS}/{mission}.md")
    return any(wanted in load_commit(ledger.store, commit).message.splitlines() for commit in history)
