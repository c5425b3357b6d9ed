"""The heartbeat's route: what does HEARTBEAT.md ask nodes to look at, what was found, what waits, what may it cost?"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import changing_answer, shared_ledger
from orchestrator.workflow.heartbeat.overview import heartbeat_overview


class HeartbeatLine(BaseModel):
    """A line as it is understood. `next` and `looked` are times; null: never due, not looked at yet."""

    line: int = Field(description="Its number in HEARTBEAT.md")
    id: str
    text: str
    cadence: str
    cron: str
    who: str
    probe: str
    numbers: dict[str, float]
    mission: str | None
    project: str | None
    budget_usd: float | None
    next: datetime | None
    looked: datetime | None


class HeartbeatFinding(BaseModel):
    """What was found and still stands. `told`: whether people were told, as far as the day's budget let."""

    says: str
    subject: str
    by: str
    since: datetime
    told: bool
    line: str = Field(description="The `id` of its line")


class HeartbeatMission(BaseModel):
    """A mission that followed from a line and is not over."""

    mission: str
    title: str
    status: str
    line: str = Field(description="The `id` of its line")


class HeartbeatSpent(BaseModel):
    """What the fleet spent today on it."""

    notices: int
    missions: int
    usd: float


class HeartbeatBudget(HeartbeatSpent):
    """What it may spend in a day, and `mission_usd` for each mission."""

    mission_usd: float


class HeartbeatOverview(BaseModel):
    """All of it. `active`: whether nodes look now; `every_minutes` 0: there are no turns."""

    signed_by: str | None
    active: bool
    every_minutes: int
    lines: list[HeartbeatLine]
    findings: list[HeartbeatFinding]
    waiting: list[HeartbeatMission]
    problems: list[str]
    today: HeartbeatSpent
    budget: HeartbeatBudget


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("heartbeat", __name__)

    @routes.get(
        "/api/v1/heartbeat",
        summary="What HEARTBEAT.md asks for, what was found, what waits, and its budget, as `heartbeat list --json`",
        responses={200: HeartbeatOverview},
    )
    @needs(*READERS)
    def heartbeat() -> Response:
        with shared_ledger().reading() as (fleet, look):
            ledger = look.ledger
            now = app_services().now()
            told = heartbeat_overview(ledger, lambda commit: fleet.trust.signer(ledger, commit), now)
        return changing_answer(HeartbeatOverview.model_validate(told).model_dump(mode="json"))

    return routes
