"""What may a caller say about a mission that waits or runs? The same orders as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.idempotency import asked_by
from orchestrator.api.web.ledger_answers import ledger_moved, redacted
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_view import MissionView


class MissionPath(BaseModel):
    """A mission."""

    name: str = Field(max_length=100)


class MissionOrderResult(BaseModel):
    """Where a mission stands after the order. A running one still runs, for the moments until its node has heard."""

    name: str
    status: str
    reason: str
    node: str | None
    attempt: int
    kept_on: str


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("orders", __name__)

    @routes.put(
        "/api/v1/missions/<name>/cancellation", summary="Calls a mission off", responses={200: MissionOrderResult}
    )
    @needs("missions", "ops")
    def cancel(path: MissionPath) -> Response:
        """What runs is dead within five seconds, wherever it runs; what it did is kept."""
        return _carry_out(lambda fleet, by: fleet.cancel(path.name, by=by))

    @routes.put("/api/v1/missions/<name>/pause", summary="Lets a mission rest", responses={200: MissionOrderResult})
    @needs("missions", "ops")
    def pause(path: MissionPath) -> Response:
        """What runs is stopped and keeps its workspace; no attempt is counted."""
        return _carry_out(lambda fleet, by: fleet.pause(path.name, by=by))

    @routes.delete(
        "/api/v1/missions/<name>/pause", summary="Has a parked mission go on", responses={200: MissionOrderResult}
    )
    @needs("missions", "ops")
    def resume(path: MissionPath) -> Response:
        """It goes back into the queue; the node that keeps its workspace takes it, or another after a while."""
        return _carry_out(lambda fleet, by: fleet.resume(path.name, by=by))

    return routes


def _carry_out(order: Callable[[Fleet, str], MissionView]) -> Response:
    fleet = app_services().fleet()
    try:
        view = order(fleet, asked_by(caller().name))
    finally:
        fleet.bus.remote.close()
    ledger_moved()
    return jsonify(redacted({name: getattr(view, name) for name in MissionOrderResult.model_fields}))
