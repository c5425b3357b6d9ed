"""How does somebody who may steer the fleet get a token for an hour? `POST /api/v1/ops-tokens`, at headquarters."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.core.errors import Refused


class OpsToken(BaseModel):
    """A token with the scope ops."""

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN`; it is not kept here")
    expires: datetime
    scopes: list[str] = ["ops"]


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("tokens", __name__, url_prefix="/api/v1")

    @routes.post("/ops-tokens", summary="A token that may steer the fleet for one hour", responses={201: OpsToken})
    @needs("ops")
    def issue() -> tuple[Response, int]:
        door = app_services().door
        if door.ops is None:
            raise Refused("only headquarters issues ops tokens (FACTORY_ROLE=HEADQUARTERS)")
        token, expires = door.ops.issue(caller())
        return jsonify(OpsToken(token=token, expires=expires).model_dump(mode="json")), 201

    return routes
