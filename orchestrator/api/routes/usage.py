"""What was used on this node, in tokens, cached tokens, seconds and money?"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.routes.devices import stores
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import House, house
from orchestrator.workflow.spending import totals


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
    """By project ("" is none), by mission or conversation, and by more. Days are those of UTC."""

    days: int
    projects: dict[str, Totals]
    missions: dict[str, Totals]
    by_day: dict[str, Totals]
    by_node: dict[str, Totals]
    by_agent: dict[str, Totals]
    by_model: dict[str, Totals]


class Outlook(BaseModel):
    """Where spending leads, for a project or ("") the whole fleet. Null: too little is known, or there is no budget."""

    what: str
    today_usd: float
    month_usd: float
    budget_usd: float | None
    reached: datetime | None
    month_end_usd: float | None
    days: int
    runs: int
    unpriced: int
    says: list[str]


class Spent(BaseModel):
    """What the whole fleet spent since a day, as its nodes' pages tell it. `remarks`: what is missing in it."""

    since: date
    total: Totals
    by_day: dict[str, Totals]
    by_node: dict[str, Totals]
    by_project: dict[str, Totals]
    by_agent: dict[str, Totals]
    by_model: dict[str, Totals]
    forecasts: list[Outlook]
    remarks: list[str]


class Span(BaseModel):
    """How far back."""

    days: int = Field(30, ge=1, le=3660)


class FirstDay(BaseModel):
    """From which day on; this month where none is given."""

    since: date | None = None


def blueprint(_: House) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("usage", __name__)

    @routes.get("/api/v1/usage", summary="What was used on this node", responses={200: Used})
    @needs("ops", "chat", "missions")
    def usage(query: Span) -> Response:
        since, book = house().now() - timedelta(days=query.days), stores().usage
        told = {"projects": book.by_project(since=since), "missions": book.by_mission(since=since)}
        rows = book.spent(since=since)
        told |= {f"by_{key}": totals.by(rows, key) for key in ("day", "node", "agent", "model")}
        return jsonify({"days": query.days} | {name: totals.json(each) for name, each in told.items()})

    @routes.get("/api/v1/usage/fleet", summary="What the fleet spent, and where that leads", responses={200: Spent})
    @needs("ops", "missions")
    def fleet(query: FirstDay) -> Response:
        fleet = house().fleet()
        account = fleet.accounts.since(query.since)
        told = Spent(
            since=account.since,
            total=Totals(**vars(totals.total(account.rows))),
            **{f"by_{key}": totals.json(totals.by(account.rows, key)) for key in totals.BY},  # type: ignore[arg-type]
            forecasts=[Outlook(**vars(each) | {"says": list(each.says)}) for each in account.forecasts],
            remarks=list(account.remarks),
        )
        return jsonify(told.model_dump(mode="json"))

    return routes
