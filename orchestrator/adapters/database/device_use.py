"""What has each device handed in? Counted beside its operations, in the transaction that takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mobile_bridge.device_quota import DeviceQuota, DeviceUse
from mobile_bridge.operations import Operation, owner_of
from sqlalchemy.orm import Session

from missions.plain_data import read_json
from orchestrator.adapters.database.engine import Database
from orchestrator.adapters.database.outbox_and_marks import FactRow

USE_PREFIX = "use of device "
"""What the name of a device's count begins with among the facts."""
KEPT = "SELECT coalesce(sum(size), 0) FROM operations WHERE device = ? OR (device > ? AND device < ?)"
"""Of a device and of its stores."""


def charge_devices(
    database: Database, session: Session, new: Sequence[tuple[Operation, str]], quota: DeviceQuota, now: int
) -> None:
    """Counts operations that are about to be stored. Raises OperationRefused: then nothing of them may be."""
    owners: dict[str, tuple[int, int]] = {}
    for op, text in new:
        many, size = owners.get(owner_of(op.device), (0, 0))
        owners[owner_of(op.device)] = many + 1, size + byte_size(text)
    for owner, (many, size) in owners.items():
        row = session.get(FactRow, USE_PREFIX + owner)
        before = _read(row.value) if row else DeviceUse(total_bytes=_kept(database, session, owner))
        said = json.dumps(asdict(before.charged(quota, now, operations=many, size=size)))
        if row:
            row.value = said
        else:
            session.add(FactRow(name=USE_PREFIX + owner, value=said))


def byte_size(text: str) -> int:
    """How many bytes a text has as it is kept and sent."""
    return len(text) if text.isascii() else len(text.encode())


def _read(text: str) -> DeviceUse:
    found: dict[str, Any] = read_json(text)
    return DeviceUse(**found)


def _kept(database: Database, session: Session, owner: str) -> int:
    """The bytes of a device that was never counted: it may have been here before there was a count."""
    sql = KEPT if database.is_sqlite else KEPT.replace("?", "%s")
    found = session.connection().exec_driver_sql(sql, (owner, f"{owner}~", f"{owner}\x7f")).fetchall()
    return int(found[0][0])
