"""The sync routes: how do devices hand over what they did offline, and get what others did?

Operations are kept as they come, each once by its id; a cursor says where a device goes on. What they mean together is
the devices' matter, and later the operation log's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.auth.tokens import DEVICE_ID_PATTERN
from orchestrator.api.routes.devices.state import current_stores, require_own_device
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import AppServices
from orchestrator.core.ports.sync_ops import SyncOp

MAX_PUSHED_OPS = 1000
"""Operations of one push."""


class SyncOpBody(BaseModel):
    """One operation. `hlc` is its hybrid logical timestamp, as text that sorts."""

    model_config = ConfigDict(extra="forbid")
    op_id: str = Field(min_length=1, max_length=100)
    hlc: str = Field(min_length=1, max_length=100)
    kind: str = Field(min_length=1, max_length=100)
    body: dict[str, Any]


class SyncPush(BaseModel):
    """What a device hands over."""

    model_config = ConfigDict(extra="forbid")
    device_id: str = Field(pattern=DEVICE_ID_PATTERN)
    ops: list[SyncOpBody] = Field(max_length=MAX_PUSHED_OPS)


class SyncPushAnswer(BaseModel):
    """What became of each, by `op_id`; `refused` ids belong to operations that say something else."""

    accepted: list[str]
    duplicates: list[str]
    refused: list[str]


class SyncOpOfDevice(SyncOpBody):
    """An operation with the device that it came from."""

    device: str


class SyncPullPage(BaseModel):
    """Operations in the order in which this node took them; go on from `cursor`, at once if there is `more`."""

    ops: list[SyncOpOfDevice]
    cursor: str
    more: bool


class SyncPullQuery(BaseModel):
    """Where to go on; empty: from the beginning."""

    after: str = Field("", max_length=200)
    limit: int = Field(500, ge=1, le=MAX_PUSHED_OPS)


def blueprint(_: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("sync", __name__)

    @routes.post("/sync/push", summary="Takes a device's operations", responses={200: SyncPushAnswer})
    @needs("sync")
    def push(body: SyncPush) -> Response:
        """All or none are stored; pushing again changes nothing."""
        require_own_device(body.device_id, writes=True)
        ops = [SyncOp(**op.model_dump()) for op in body.ops]
        made = current_stores().sync_ops.push(body.device_id, ops)
        return jsonify({name: list(ids) for name, ids in asdict(made).items()})

    @routes.get("/sync/pull", summary="Operations of all devices after a cursor", responses={200: SyncPullPage})
    @needs("sync")
    def pull(query: SyncPullQuery) -> Response:
        found = current_stores().sync_ops.pull(query.after, query.limit)
        return jsonify({"ops": [asdict(op) for op in found.ops], "cursor": found.cursor, "more": found.more})

    return routes
