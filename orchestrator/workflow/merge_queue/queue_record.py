"""Who tests a project's merge queue right now, and why does it stand still? The queue's record.

`refs/shiftbook/queue/<project>` points to a signed commit without parents that holds `queue.json`. A node moves it by
compare-and-swap before it tests, for each tree that it tests, and when it is done: of two that want to begin one wins,
and one that was taken for dead hears of it. Nothing is safe because of it: what lands is decided by the project's own
server. The queue itself is the ledger's branch (`queue_order`).
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


@dataclass(frozen=True, kw_only=True)
class QueueRecord:
    """What a node says of a queue. `node` tests the default branch at `base` with the missions `testing`, one after
    the other, since `since`; an empty one: nobody tests. `trouble` is why the queue stands still, in one line.
    """

    node: str = ""
    base: str = ""
    testing: tuple[str, ...] = ()
    since: str = ""
    trouble: str = ""

    def print(self) -> bytes:
        """As it is stored: sorted JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_queue_record(data: bytes) -> QueueRecord:
    """What `print` made. Raises ValueError for anything else."""
    found = read_json(data)
    if not isinstance(found, dict):
        raise ValueError("it is no record of a queue")  # noqa: TRY004 - whoever reads it hears of one error
    words: dict[str, Any] = {key: found.get(key, "") for key in ("node", "base", "since", "trouble")}
    testing = found.get("testing", [])
    if not isinstance(testing, list) or not all(isinstance(each, str) for each in (*words.values(), *testing)):
        raise ValueError("a field of it is not of its kind")
    return QueueRecord(
        **{key: printable(value)[:MAX_TROUBLE_CHARS] for key, value in words.items()},
        testing=tuple(printable(name) for name in testing),
    )


def queue_record(ledger: LedgerSnapshot, trust: Trust, project: str) -> tuple[QueueRecord, Oid | None]:
    """A queue's record, and where its ref stands. What no node of the fleet has signed counts as none."""
    oid = ledger.refs.get(QUEUE + project)
    if oid is None:
        return QueueRecord(), None
    try:
        if ledger.signers.strip():
            by = trust.signer(ledger, oid)
            if by is None or "node" not in by.roles:
                return QueueRecord(), oid
        entry = find(ledger.store, load_commit(ledger.store, oid).tree, QUEUE_FILE)
        return (read_queue_record(ledger.store.get(entry.oid, MAX_RECORD_BYTES)) if entry else QueueRecord()), oid
    except (SyncError, LookupError, ValueError):  # whoever may push may have put anything there
        return QueueRecord(), oid


def begun(node: str, base: str, testing: tuple[str, ...], now: datetime, *, trouble: str = "") -> QueueRecord:
    """The record of a node that tests."""
    return QueueRecord(node=node, base=base, testing=testing, since=format_utc(now), trouble=trouble)
