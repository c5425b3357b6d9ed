"""Who tests a project's merge queue right now, and why does it stand still? The queue's record.

`refs/shiftbook/queue/<project>` points to a signed commit without parents that holds `queue.json`. A node moves it by
compare-and-swap before it tests, for each tree that it tests, before it pushes, and when it is done: of two that want
to begin one wins, and one that was taken for dead hears of it. A person who takes a result out moves it, too, to a
child that says the same, by the push that brings their word: so either that word is there before a node says that it
pushes, and the node sees it, or the person sees that it came too late. Where a tree lands is decided by the project's
own server. The queue itself is the ledger's branch (`queue_order`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from missions.one_line import printable
from missions.plain_data import read_json
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import QUEUE
from orchestrator.policy.authorization import Trust
from sync.errors import SyncError
from sync.objects import find, load_commit
from sync.remote import Oid

QUEUE_FILE = "queue.json"
MAX_RECORD_BYTES = 64 * 1024
MAX_TROUBLE_CHARS = 600
MAX_WITHDRAWALS = 1000
"""Words of people that are looked through for the node's below them."""


@dataclass(frozen=True, kw_only=True)
class QueueRecord:
    """What a node says of a queue. `node` tests the default branch at `base` with the missions `testing`, one after
    the other, since `since`; an empty one: nobody tests. `landing` are those that it pushes at this moment, or did:
    they are its own until it says what became of them. `trouble` is why the queue stands still, in one line.
    """

    node: str = ""
    base: str = ""
    testing: tuple[str, ...] = ()
    since: str = ""
    trouble: str = ""
    landing: tuple[str, ...] = ()

    def print(self) -> bytes:
        """As it is stored: sorted JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_queue_record(data: bytes) -> QueueRecord:
    """What `print` made. Raises ValueError for anything else."""
    found = read_json(data)
    if not isinstance(found, dict):
        raise ValueError("it is no record of a queue")  # noqa: TRY004 - whoever reads it hears of one error
    words: dict[str, Any] = {key: found.get(key, "") for key in ("node", "base", "since", "trouble")}
    lists: dict[str, Any] = {key: found.get(key, []) for key in ("testing", "landing")}
    if not all(isinstance(value, str) for value in words.values()) or not all(map(_is_names, lists.values())):
        raise ValueError("a field of it is not of its kind")
    told: dict[str, Any] = {key: printable(value)[:MAX_TROUBLE_CHARS] for key, value in words.items()}
    return QueueRecord(**told | {key: tuple(map(printable, names)) for key, names in lists.items()})


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def queue_record(ledger: LedgerSnapshot, trust: Trust, project: str) -> tuple[QueueRecord, Oid | None]:
    """A queue's record, and where its ref stands: the last that a node of the fleet has signed, under what people put
    upon it; none where no node has.
    """
    oid = ledger.refs.get(QUEUE + project)
    try:
        said = _said_by_node(ledger, trust, oid) if oid else None
        entry = find(ledger.store, load_commit(ledger.store, said).tree, QUEUE_FILE) if said else None
        return (read_queue_record(ledger.store.get(entry.oid, MAX_RECORD_BYTES)) if entry else QueueRecord()), oid
    except (SyncError, LookupError, ValueError):  # whoever may push may have put anything there
        return QueueRecord(), oid


def _said_by_node(ledger: LedgerSnapshot, trust: Trust, oid: Oid) -> Oid | None:
    if not ledger.signers.strip():
        return oid
    said: Oid | None = oid
    for _ in range(MAX_WITHDRAWALS):
        by = trust.signer(ledger, said) if said else None
        if said is None or (by is not None and "node" in by.roles):
            return said
        said = next(iter(load_commit(ledger.store, said).parents), None)
    return None


def begun(node: str, base: str, testing: tuple[str, ...], now: datetime, *, trouble: str = "") -> QueueRecord:
    """The record of a node that tests."""
    return QueueRecord(node=node, base=base, testing=testing, since=format_utc(now), trouble=trouble)
