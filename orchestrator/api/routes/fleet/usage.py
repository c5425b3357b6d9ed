"""The usage routes: what was used on this node, in tokens, cached tokens, seconds and money?"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import redacted
from orchestrator.workflow.spending import totals
from orchestrator.workflow.spending.group_keys import GROUP_KEYS


class UsageFigures(BaseModel):
    """Sums. `unpriced` runs have no known cost."""

    runs: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    seconds: float
    cost_usd: float
    unpriced: int


class NodeUsage(BaseModel):
    """By project ("" is none), by mission or conversation, and by more. Days are those of UTC."""

    days: int
    projects: dict[str, UsageFigures]
    missions: dict[str, UsageFigures]
    by_day: dict[str, UsageFigures]
    by_node: dict[str, UsageFigures]
    by_agent: dict[str, UsageFigures]
    by_model: dict[str, UsageFigures]


class SpendingOutlook(BaseModel):
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


class FleetUsage(BaseModel):
    """What the whole fleet spent since a day, as its nodes' pages tell it. `remarks`: what is missing in it."""

    since: date
    total: UsageFigures
    by_day: dict[str, UsageFigures]
    by_node: dict[str, UsageFigures]
    by_project: dict[str, UsageFigures]
    by_agent: dict[str, UsageFigures]
    by_model: dict[str, UsageFigures]
    forecasts: list[SpendingOutlook]
    remarks: list[str]


class NodeUsageQuery(BaseModel):
    """How far back."""

    days: int = Field(30, ge=1, le=3660)


class FleetUsageQuery(BaseModel):
    """From which day on; this month where none is given."""

    since: date | None = None


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("usage", __name__)

    @routes.get("/api/v1/usage", summary="What was used on this node", responses={200: NodeUsage})
    @needs(*READERS, "chat")
    def usage(query: NodeUsageQuery) -> Response:
        since, book = app_services().now() - timedelta(days=query.days), current_stores().usage
        told = {"projects": book.by_project(since=since), "missions": book.by_mission(since=since)}
        rows = book.spent(since=since)
        told |= {f"by_{key}": totals.totals_by(rows, key) for key in ("day", "node", "agent", "model")}
        return jsonify(redacted({"days": query.days} | {name: totals.totals_json(each) for name, each in told.items()}))

    @routes.get(
        "/api/v1/usage/fleet", summary="What the fleet spent, and where that leads", responses={200: FleetUsage}
    )
    @needs(*READERS)
    def fleet(query: FleetUsageQuery) -> Response:
        fleet = app_services().fleet()
        try:
            account = fleet.accounts.since(query.since)
        finally:
            fleet.bus.remote.close()
        told = FleetUsage(
            since=account.since,
            total=UsageFigures(**vars(totals.sum_totals(account.rows))),
            **{f"by_{key}": totals.totals_json(totals.totals_by(account.rows, key)) for key in GROUP_KEYS},  # type: ignore[arg-type]
            forecasts=[SpendingOutlook(**vars(each) | {"says": list(each.says)}) for each in account.forecasts],
            remarks=list(account.remarks),
        )
        return jsonify(redacted(told.model_dump(mode="json")))

    return routes
