"""The conflicts' routes: what could merges not keep, and which value stands?"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Literal

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.json_body import NullsAreUnset
from orchestrator.api.web.ledger_answers import ledger_answer, ledger_moved, redacted, shared_ledger
from orchestrator.core.errors import WrongSetting


class ConflictPath(BaseModel):
    """A conflict's name."""

    ident: str = Field(min_length=1, max_length=200)


class ConflictDecision(NullsAreUnset):
    """Which value stands: the one that was kept, the other one, or `text`."""

    model_config = ConfigDict(extra="forbid")
    value: Literal["kept", "lost", "text"]
    text: str | None = Field(None, max_length=200_000)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("conflicts", __name__, url_prefix="/api/v1/conflicts")

    @routes.get("", summary="Values that a merge did not keep, as `conflicts list --json`")
    @needs(*READERS)
    def listing() -> Response:
        with shared_ledger().reading() as (fleet, look):
            resolution = fleet.resolution
        return ledger_answer(look.ledger.tip, lambda: [asdict(one) | {"says": one.says} for one in resolution.every()])

    @routes.put("/<ident>", summary="Decides a conflict, signed by this node's person")
    @needs("missions")
    def decide(path: ConflictPath, body: ConflictDecision) -> Response:
        if (body.value == "text") != (body.text is not None):
            raise WrongSetting("text", "it belongs to the value text, and to no other")
        fleet = app_services().fleet()
        try:
            door = fleet.resolution
            if body.value == "kept":
                one = door.keep(path.ident)
            else:
                one = door.put(path.ident, lambda dispute: dispute.lost if body.value == "lost" else body.text)
        finally:
            fleet.bus.remote.close()
        ledger_moved()
        return jsonify(redacted(asdict(one)))

    return routes
