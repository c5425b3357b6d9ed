"""What do workers read of headquarters' state, and how is it put into words? One document that replaces the last one.

Headquarters wins: what a worker has from before counts for nothing beside a newer document, and a device that
headquarters shut out is shut out at the worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from missions.plain_data import read_json
from orchestrator.core.ports.paired_devices import PairedDevice
from orchestrator.core.ports.registrations import MAX_REGISTRATIONS, Registration
from orchestrator.workflow.delegation.registry import registration_row

TTL_SECONDS = 300.0
"""How long a document counts as new."""
MAX_DEVICES_OUT = 10_000
MAX_STATE_BYTES = 4 * 1024 * 1024
"""Of a document: 2,000 nodes have 300 KB."""


class SharedNode(BaseModel):
    """A registered node, as headquarters judges it."""

    model_config = ConfigDict(frozen=True)

    node: str = Field(max_length=100)
    state: str = Field(max_length=20)
    received: str = Field(max_length=40)
    """By headquarters' clock."""
    version: str = Field("", max_length=100)
    works_on: int = Field(0, ge=0, le=1000)


class SharedState(BaseModel):
    """Headquarters' state, for workers to read. What a later version adds is passed over."""

    model_config = ConfigDict(frozen=True)

    hq: str = Field(max_length=100)
    """The node that tells it."""
    as_of: datetime
    """The moment, by headquarters' clock."""
    nodes: tuple[SharedNode, ...] = Field((), max_length=MAX_REGISTRATIONS)
    devices_out: frozenset[str] = Field(frozenset(), max_length=MAX_DEVICES_OUT)
    """Ids of devices that were shut out: an id is made of the device's key, so it is the same at every node."""


def shared_state(
    hq: str, registrations: Iterable[Registration], devices: Iterable[PairedDevice], now: datetime
) -> SharedState:
    """The document as of now. Of those that were shut out the last ones are told."""
    out = sorted((each for each in devices if each.revoked is not None), key=lambda each: str(each.revoked))
    return SharedState(
        hq=hq,
        as_of=now,
        nodes=tuple(_node(registration_row(each, now)) for each in registrations),
        devices_out=frozenset(each.id for each in out[-MAX_DEVICES_OUT:]),
    )


def _node(row: dict[str, Any]) -> SharedNode:
    return SharedNode(
        node=row["node"],
        state=row["state"],
        received=row["received"],
        version=row.get("version", "")[:100],
        works_on=len(row.get("works_on", ())),
    )


def read_shared_state(words: bytes) -> SharedState:
    """What headquarters, or this machine's cache, said. Raises ValueError for anything else."""
    if len(words) > MAX_STATE_BYTES:
        raise ValueError("this is no state of headquarters: it is too large")
    try:
        found = SharedState.model_validate(read_json(words))
    except (ValidationError, RecursionError) as error:
        raise ValueError("this is no state of headquarters") from error
    if found.as_of.tzinfo is None:
        raise ValueError("this is no state of headquarters: its moment has no zone")
    return found.model_copy(update={"as_of": found.as_of.astimezone(UTC)})
