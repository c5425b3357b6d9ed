"""What was used on this node, in tokens, cached tokens, seconds and money?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.devices import stores
from orchestrator.api.gate import needs
from orchestrator.api.house import House, house


class Totals(BaseModel):
    """Sums. `unpriced` runs have no known cost."""

    runs: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    seconds: float
    cost_usd: float
    unpriced: int


class Used(BaseModel):
    """By project ("" is none), and by mission or conversation."""

    days: int
    projects: dict[str, Totals]
    missions: dict[str, Totals]


class Span(BaseModel):
    """How far back."""

    days: int = Field(30, ge=1, le=3660)


def blueprint(_: House) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("usage", __name__)

    @routes.get("/api/v1/usage", summary="What was used on this node", responses={200: Used})
    @needs("ops", "chat", "missions")
    def usage(query: Span) -> Response:
        since, book = house().now() - timedelta(days=query.days), stores().usage
        projects, missions = book.by_project(since=since), book.by_mission(since=since)
        told = {"projects": projects, "missions": missions}
        return jsonify(
            {"days": query.days}
            | {name: {key: asdict(sums) for key, sums in each.items()} for name, each in told.items()}
        )

    return routes
