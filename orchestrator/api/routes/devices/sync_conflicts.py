"""The routes of sync conflicts: what did two devices set at once, and which value stands?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.routes.devices.sync import now_ms, tell_of_sync
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.ledger_answers import redacted
from orchestrator.api.web.problems import Problem
from orchestrator.workflow.sync_conflicts import list_sync_conflicts, settle


class SyncConflictMember(BaseModel):
    """One of the values that were set at once."""

    op: str = Field(description="The operation's key")
    hlc: str
    device: str
    value: Any = None


class SyncConflictBody(BaseModel):
    """What several devices set from the same base. `standing` is the operation whose value stands now."""

    id: str
    entity: str
    field: str
    base: str
    open: bool
    resolved_by: str
    standing: str
    members: list[SyncConflictMember]


class SyncConflictList(BaseModel):
    """Conflicts by their names."""

    items: list[SyncConflictBody]


class SyncConflictQuery(BaseModel):
    """Which conflicts."""

    all: bool = Field(False, description="Those that are settled, too")


class SyncConflictChoice(BaseModel):
    """A person's word: whose value stands, or another value."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(max_length=400)
    take: str = Field("", max_length=100, description="The key of the operation whose value shall stand")
    value: Any = Field(None, description="Another value; only without `take`")

    @model_validator(mode="after")
    def _one(self) -> SyncConflictChoice:
        if bool(self.take) == ("value" in self.model_fields_set):
            raise ValueError("say either `take` or `value`")
        return self


CHOICE_RESPONSES: Any = {200: SyncConflictBody, 409: Problem}


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("sync conflicts", __name__)

    @routes.get("/sync/conflicts", summary="What devices set at once", responses={200: SyncConflictList})
    @needs("sync")
    def listing(query: SyncConflictQuery) -> Response:
        found = list_sync_conflicts(current_stores().sync_ops, settled=query.all)
        return jsonify(redacted({"items": [each.json() for each in found]}))

    @routes.put("/sync/conflicts", summary="Settles a conflict, once", responses=CHOICE_RESPONSES)
    @needs("sync")
    def choose(body: SyncConflictChoice) -> Response:
        """The decision is an operation like any other: every device and node hears of it."""
        ops = current_stores().sync_ops
        settle(ops, body.id, now=now_ms(), take=body.take, value=body.value)
        tell_of_sync()
        found = list_sync_conflicts(ops, settled=True)
        return jsonify(redacted(next(each for each in found if each.ident == body.id).json()))

    return routes
