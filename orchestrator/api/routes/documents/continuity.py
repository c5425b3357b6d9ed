"""The route of continuity: what do the fleet's real missions say about it, by months?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import ledger_answer, shared_ledger
from orchestrator.workflow.continuity.month_overview import continuity_overview


class ContinuityQuery(BaseModel):
    """Which month is measured. Without one: the one that runs."""

    month: str = Field("", pattern=r"^(20\d\d-(0[1-9]|1[0-2]))?$", description="Such as 2026-11")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("continuity", __name__)

    @routes.get("/api/v1/continuity", summary="A month's measures, the months before, items that hurt")
    @needs(*READERS)
    def continuity(query: ContinuityQuery) -> Response:
        ledger, month = shared_ledger().look().ledger, query.month or f"{app_services().now():%Y-%m}"
        return ledger_answer(f"{ledger.tip} {month}", lambda: continuity_overview(ledger, month))

    return routes
