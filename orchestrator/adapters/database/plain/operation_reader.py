"""What did devices and nodes say, and how far is it held here? Operations are read here; the table is `OperationRow`.

A server looks for news of them when it starts, on most nodes in vain: `operations`, which writes them, is loaded when
somebody says something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mobile_bridge.device_quota import DeviceQuota
from mobile_bridge.operations import NODE_MARK, Draft, Operation, read_operations

from orchestrator.adapters.database.plain.column_values import clamp_integer, read_text
from orchestrator.adapters.database.plain.statements import RunStatement, Transactions
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.sync_ops import PAGE_BYTES, OperationWriter, SyncPullResult, SyncPushResult, SyncStanding

GENERATION_FACT = "generation"
EPOCH_CHARACTERS = 12
"""Characters of the epoch that are part of the node's own name as a device: a restored node is another one."""

GENERATION = "SELECT value FROM store_facts WHERE name = :name"
NEWEST = "SELECT coalesce(max(arrival), 0) FROM operations"
SIZES = "SELECT arrival, size FROM operations WHERE arrival > :since ORDER BY arrival LIMIT :most"
PAGE = "SELECT arrival, op FROM operations WHERE arrival > :since AND arrival <= :last ORDER BY arrival"
LAST = "SELECT op FROM operations WHERE device = :device ORDER BY seq DESC LIMIT 1"
OF_ENTITY = "SELECT op FROM operations WHERE entity = :entity ORDER BY arrival"
DISPUTED = """
SELECT o.op FROM operations o WHERE o.register IS NOT NULL AND o.entity IN (SELECT entity FROM operations
  WHERE register IS NOT NULL GROUP BY entity, register HAVING count(*) > 1) ORDER BY o.arrival"""


@dataclass(frozen=True, kw_only=True)
class SqlSyncOps:
    """stores.SyncOps in a database."""

    database: Transactions
    node: str
    writer: OperationWriter

    def push(
        self,
        ops: Sequence[Operation],
        *,
        now: int,
        quota: DeviceQuota | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> SyncPushResult:
        """Takes the operations that are new. Raises OperationRefused."""
        return self.writer.push(ops, now=now, quota=quota, marks=marks)

    def write(self, drafts: Iterable[Draft], *, now: int) -> tuple[Operation, ...]:
        """Says something as this node."""
        return self.writer.write(drafts, now=now)

    def pull(self, after: str = "", limit: int = 500, most_bytes: int = PAGE_BYTES) -> SyncPullResult:
        """What came after a cursor."""
        epoch, place = _parse_cursor(after)
        limit = max(1, clamp_integer(limit))
        with self.database.reading() as sql:
            now = _generation(sql)
            since = place if epoch == now and place <= sql(NEWEST)[0][0] else 0  # beyond it: the file was put back
            sizes = sql(SIZES, since=since, most=limit + 1)
            end = _fitting([*sizes[:limit]], most_bytes)
            rows = sql(PAGE, since=since, last=end) if sizes else ()
        measured = [(arrival, len(text.encode())) for arrival, text in rows]  # older rows have their characters as size
        last = _fitting(measured, most_bytes) or since
        texts = tuple(text for arrival, text in rows if arrival <= last)
        return SyncPullResult(texts=texts, cursor=f"{now}.{last}", more=len(sizes) > len(texts))

    def standing(self, devices: Iterable[str] = ()) -> SyncStanding:
        """This database's epoch, and how far it holds these devices."""
        with self.database.reading() as sql:
            epoch = _generation(sql)
            held = {each: _last(sql, each) for each in devices}
        return SyncStanding(epoch=epoch, own=own_name(self.node, epoch), held=held)

    def of(self, entity: str) -> tuple[Operation, ...]:
        """Every operation of one entity."""
        with self.database.reading() as sql:
            return tuple(read_operations(text for (text,) in sql(OF_ENTITY, entity=entity)))

    def disputed(self) -> tuple[Operation, ...]:
        """Every operation of the registers that two set from the same base."""
        with self.database.reading() as sql:
            return tuple(read_operations(text for (text,) in sql(DISPUTED)))


def _fitting(sizes: Sequence[tuple[int, int]], most_bytes: int) -> int:
    """The last arrival of those that fit together, each with its comma, and of the first in any case; 0 for none."""
    last, room = 0, most_bytes
    for arrival, size in sizes:
        room -= size + 1
        if room < 0 and last:
            break
        last = arrival
    return last


def own_name(node: str, epoch: str) -> str:
    """As which device a node speaks."""
    return f"{NODE_MARK}{node[:64]}~{epoch[:EPOCH_CHARACTERS]}"


def _generation(sql: RunStatement) -> str:
    return "".join(read_text(value) for (value,) in sql(GENERATION, name=GENERATION_FACT))


def _last(sql: RunStatement, device: str) -> int:
    """The number of the last operation held of a device."""
    return next((op.seq for op in read_operations(text for (text,) in sql(LAST, device=device))), 0)


def _parse_cursor(text: str) -> tuple[str, int]:
    if not text:
        return "", 0
    epoch, _, place = text.partition(".")
    if not (place.isascii() and place.isdecimal() and len(place) < 19):
        raise WrongSetting("after", "the cursor of an earlier pull, or nothing")
    return epoch, int(place)
