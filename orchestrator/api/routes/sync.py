"""How do devices hand over what they did offline, and get what others did?

Operations are kept as they come, each once by its id; a cursor says where a device goes on. What they mean together is
the devices' matter, and later the operation log's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.routes.devices import ID, stores
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import House
from orchestrator.core.ports.storage import SyncOp

PUSHED = 1000
"""Operations of one push."""


class Op(BaseModel):
    """One operation. `hlc` is its hybrid logical timestamp, as text that sorts."""

    model_config = ConfigDict(extra="forbid")
    op_id: str = Field(min_length=1, max_length=100)
    hlc: str = Field(min_length=1, max_length=100)
    kind: str = Field(min_length=1, max_length=100)
    body: dict[str, Any]


class Push(BaseModel):
    """What a device hands over."""

    model_config = ConfigDict(extra="forbid")
    device_id: str = Field(pattern=ID)
    ops: list[Op] = Field(max_length=PUSHED)


class Taken(BaseModel):
    """What became of each, by `op_id`; `refused` ids belong to operations that say something else."""

    accepted: list[str]
    duplicates: list[str]
    refused: list[str]


class Kept(Op):
    """An operation with the device that it came from."""

    device: str


class Pulled(BaseModel):
    """Operations in the order in which this node took them; go on from `cursor`, at once if there is `more`."""

    ops: list[Kept]
    cursor: str
    more: bool


class Since(BaseModel):
    """Where to go on; empty: from the beginning."""

    after: str = Field("", max_length=200)
    limit: int = Field(500, ge=1, le=PUSHED)


def blueprint(_: House) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("sync", __name__)

    @routes.post("/sync/push", summary="Takes a device's operations", responses={200: Taken})
    @needs("sync")
    def push(body: Push) -> Response:
        """All or none are stored; pushing again changes nothing."""
        ops = [SyncOp(**op.model_dump()) for op in body.ops]
        made = stores().sync_ops.push(body.device_id, ops)
        return jsonify({name: list(ids) for name, ids in asdict(made).items()})

    @routes.get("/sync/pull", summary="Operations of all devices after a cursor", responses={200: Pulled})
    @needs("sync")
    def pull(query: Since) -> Response:
        found = stores().sync_ops.pull(query.after, query.limit)
        return jsonify({"ops": [asdict(op) for op in found.ops], "cursor": found.cursor, "more": found.more})

    return routes
