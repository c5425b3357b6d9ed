"""May a node have filed a mission for this time? What holds of all that nodes file because a time has come.

Such a mission is a function of a file that a person signed, and of a time. A node signs its own commits and writes
their times itself, so that what it states is held against what it follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from orchestrator.ledger.archive import mission_bytes
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from sync.objects import EXECUTABLE, FILE, find, load_commit
from sync.remote import Oid
from sync.signatures import Principal

FILING_ROLES = frozenset({"author", "admin"})
"""Who may file missions."""
CLOCKS_DIFFER_SECONDS = 600.0
LATE_SECONDS = 3 * 3600.0
"""So long after its time has passed to the next one a mission may be filed: a node looks, then it pushes."""
YEARS = range(2000, 3000)
"""In no other one is anything due."""
MAX_EARLIER = 200
"""Commits before a mission's that are asked whether its own time can be true; with more beside it, it is not."""
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


def misplaced_reason(
    ledger: LedgerSnapshot, filed: MissionFile, commit: Oid, asks: Sequence[str], signer: Signer
) -> str:
    """Why a mission does not count that came in with `commit`, because of what else the branch has. It follows from the
    files `asks`.

    One that was there before has had its run, or a person called it off. And a node may hang its commit onto any old
    one, at which a file still asked for it, and merge that: so where somebody who may file missions has not merged the
    two, what was said beside it counts as said before it.
    """
    before = load_commit(ledger.store, commit).parents[0]
    beside = _beside(ledger, commit, signer)
    if beside:
        changed = next((path for path in (*asks, filed.path) if _touches(ledger, commit, path, beside)), "")
        if changed:
            return f"{changed} was changed beside commit {commit[:10]}, which does not know of it"
        latest = load_commit(ledger.store, commit).committed + LATE_SECONDS
        late = [each for each in beside if load_commit(ledger.store, each).committed > latest]
        if len(late) > MAX_EARLIER or any(signer(each) is not None for each in late):
            return "its commit was merged beside others that are later than the time that it states"
    if next(iter(ledger.store.history(before, filed.path)), None) is not None:
        return f"{filed.path} was there before: what was filed, or called off, once is not filed again"
    return ""


def _beside(ledger: LedgerSnapshot, commit: Oid, signer: Signer) -> set[Oid]:
    """The branch's commits that neither follow `commit` nor are followed by it, but for those that somebody merged with
    it who may file missions."""
    if _is_followed_in_a_line(ledger, commit):
        return set()
    between, following, found = ledger.store.between(ledger.tip, commit), {commit}, set[Oid]()
    for each, parents in reversed(between.items()):
        others = [parent for parent in parents if parent not in following]
        if len(others) == len(parents):
            continue
        following.add(each)
        if others and not _may_file(signer(each)):
            found |= set(others)
    for each, parents in between.items():  # children come before their parents
        found |= set(parents) if each in found else set()
    return found & between.keys()


def _is_followed_in_a_line(ledger: LedgerSnapshot, commit: Oid) -> bool:
    tip = ledger.tip
    for _ in range(MAX_EARLIER):
        if tip == commit:
            return True
        parents = load_commit(ledger.store, tip).parents
        if len(parents) != 1:
            return False
        tip = parents[0]
    return False


def _touches(ledger: LedgerSnapshot, commit: Oid, path: str, beside: set[Oid]) -> bool:
    return any(each in beside for each in ledger.store.history(ledger.tip, path, since=commit))


def _may_file(by: Principal | None) -> bool:
    return by is not None and bool(by.roles & FILING_ROLES)


def bytes_at(ledger: LedgerSnapshot, commit: Oid, path: str) -> bytes | None:
    """A file as a commit has it; None where there is none, or none that is read."""
    entry = find(ledger.store, load_commit(ledger.store, commit).tree, path)
    plain = entry is not None and entry.mode in (FILE, EXECUTABLE)
    return mission_bytes(ledger.store, entry.oid) if entry and plain else None
