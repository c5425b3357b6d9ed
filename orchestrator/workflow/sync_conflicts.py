"""Which sync conflicts are there between devices, and how does a person settle one? For command line and web alike."""

from __future__ import annotations

from typing import Any

from mobile_bridge.errors import OperationRefused
from mobile_bridge.merge import MergedOperations, SyncConflict
from mobile_bridge.operations import check_value

from orchestrator.core.errors import AlreadyDone, NotFound, WrongSetting
from orchestrator.core.ports.sync_ops import SyncOps


def list_sync_conflicts(ops: SyncOps, *, settled: bool = False) -> tuple[SyncConflict, ...]:
    """What devices set at once and nobody has decided; with `settled` what was decided, too."""
    found = MergedOperations.of(ops.disputed()).conflicts()
    return tuple(each for each in found if settled or not each.resolved_by)


def settle(ops: SyncOps, ident: str, *, now: int, take: str = "", value: Any = None) -> SyncConflict:
    """Decides a conflict: the value of the member whose key is `take`, or another one. Returns what was decided on.

    Raises NotFound, AlreadyDone, and WrongSetting where `take` is none of its members.
    """
    one = next((each for each in list_sync_conflicts(ops, settled=True) if each.ident == ident), None)
    if one is None:
        raise NotFound("no such conflict: `shiftbook device conflicts` lists them")
    if one.resolved_by:
        raise AlreadyDone("it is settled already, by {}", one.resolved_by)
    if take:
        chosen = next((each for each in one.members if each.key == take), None)
        if chosen is None:
            raise WrongSetting("take", "one of {}", ", ".join(each.key for each in one.members))
        value = chosen.value
    try:
        check_value(value, "value")
    except OperationRefused as error:
        raise WrongSetting("value", error.says) from error
    ops.write([one.resolution(value)], now=now)
    return one
