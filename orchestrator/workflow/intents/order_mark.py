"""By which mark does a commit tell that it carries an order out, so that no node does the same order again?

A phone gives an order over HTTP, hears no answer, and says it again by sync, perhaps to another node. Both ways name it
by one key; the commit that carries it out ends its line of who asked with a mark of that key.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, islice

from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from sync.objects import load_commit
from sync.remote import Oid

MIN_KEY_CHARACTERS = 20
"""A shorter key may be another caller's, too: it marks nothing. A UUID has 36."""
MAX_COMMITS = 5_000
"""Commits that are looked through: an order comes back within days."""
SUBJECTS = {
    "file": "Mission: ",
    "approve": "Approve ",
    "reject": "Reject ",
    "cancel": "Cancel ",
    "pause": "Pause ",
    "resume": "Resume ",
}
"""What the first line of the commit of each order begins with; the mission's name follows."""


def asked_with_key(by: str, key: str) -> str:
    """Who asked, with the mark of the key under which they did."""
    return f"{by}, {_mark(key)}" if len(key) >= MIN_KEY_CHARACTERS else by


def find_carried_out(ledger: LedgerSnapshot, action: str, mission: str, key: str) -> str:
    """The mission about which an order of this key was carried out; empty if none was, as far as this ledger tells.

    `mission` is empty for one that had no name yet.
    """
    if len(key) < MIN_KEY_CHARACTERS:
        return ""
    for commit in islice(_commits_about(ledger, mission), MAX_COMMITS):
        subject, _, rest = load_commit(ledger.store, commit).message.partition("\n")
        marked = any(line.startswith("Asked-By: ") and line.endswith(f", {_mark(key)}") for line in rest.split("\n"))
        name = subject.removeprefix(SUBJECTS[action])
        if marked and name != subject and mission in ("", name):
            return name
    return ""


def _commits_about(ledger: LedgerSnapshot, mission: str) -> Iterator[Oid]:
    """The newest first: those of its file, where that is called as missions are, else those of all."""
    own = ledger.store.history(ledger.tip, f"{MISSIONS}/{mission}.md") if mission else iter(())
    newest = next(own, None)
    return chain((newest,), own) if newest else ledger.store.history(ledger.tip, MISSIONS)


def _mark(key: str) -> str:
    return f"order {sha256(key.encode()).hexdigest()[:24]}"
