"""The operations' routes: what was delegated, who has how much to do, and what does it cost?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.routes.delegation.publish import DelegatedMission
from orchestrator.api.routes.fleet.usage import UsageFigures
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import LedgerPage, Page, changing_answer, ledger_answer, shared_ledger
from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.delegation.costs import cost_page
from orchestrator.workflow.delegation.history import delegation_row, history_page, workload_page
from orchestrator.workflow.delegation.registry import registration_row
from orchestrator.workflow.reading.mission_list import MissionFilter
from orchestrator.workflow.reading.status_order import STATUS_ORDER

NODE_STATES = ("live", "stale", "offline", "stopped", "unknown")


class HistoryQuery(Page):
    """Which missions: by states (parted by commas), node, project (empty: of none) and words."""

    state: str = Field("", max_length=200)
    node: str = Field("", max_length=100)
    project: str | None = Field(None, max_length=200)
    q: str = Field("", max_length=200)


class WorkloadQuery(Page):
    """Which nodes: by the states of their beats, parted by commas."""

    state: str = Field("", max_length=100)


class CostQuery(Page):
    """Since which day (UTC; this month where none is given), of which node and project (empty: of none)."""

    since: date | None = None
    node: str = Field("", max_length=100)
    project: str | None = Field(None, max_length=200)


class JobPath(BaseModel):
    """A mission's `job_id`."""

    job_id: str = Field(min_length=1, max_length=200)


class CostSummary(BaseModel):
    """A page of nodes with what they cost, and the total of all that is wanted."""

    since: date
    items: list[dict[str, Any]]
    next: str | None
    total: UsageFigures
    remarks: list[str]


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("operations", __name__, url_prefix="/api/v1/ops")

    @routes.get("/delegation/history", summary="What was delegated, page by page", responses={200: LedgerPage})
    @needs(*READERS)
    def history(query: HistoryQuery) -> Response:
        wanted = MissionFilter(
            states=_words(query.state, STATUS_ORDER),
            node=query.node,
            project=query.project,
            text=query.q,
            archived=True,
        )
        look = shared_ledger().look()
        return ledger_answer(look.version, lambda: history_page(look, wanted, after=query.after, limit=query.limit))

    @routes.get("/delegation/workload", summary="Who has how much to do", responses={200: LedgerPage})
    @needs(*READERS)
    def workload(query: WorkloadQuery) -> Response:
        states = _words(query.state, NODE_STATES)
        with shared_ledger().reading() as (fleet, look):
            nodes = fleet.nodes()
        page = workload_page(look.ledger, nodes, _registered(), states=states, after=query.after, limit=query.limit)
        return changing_answer(page)

    @routes.get("/delegation/<job_id>", summary="One delegated mission", responses={200: DelegatedMission})
    @needs(*READERS)
    def one(path: JobPath) -> Response:
        with shared_ledger().reading() as (fleet, _look):
            view = fleet.mission(path.job_id).view
        return changing_answer(delegation_row(view.json()))

    @routes.get("/fleet/cost-summary", summary="What each node cost", responses={200: CostSummary})
    @needs(*READERS)
    def costs(query: CostQuery) -> Response:
        with shared_ledger().reading() as (fleet, _look):
            account = fleet.accounts.since(query.since)
        page = cost_page(
            account.rows,
            _registered(),
            node=query.node,
            project=query.project,
            after=query.after,
            limit=query.limit,
        )
        return changing_answer({"since": account.since.isoformat(), **page, "remarks": list(account.remarks)})

    return routes


def _words(text: str, known: tuple[str, ...]) -> frozenset[str]:
    """The words of a filter. Raises WrongSetting for one that nothing can be."""
    found = frozenset(word.strip() for word in text.split(",") if word.strip())
    if found - set(known):
        raise WrongSetting("state", f"one or more of {', '.join(known)}")
    return found


def _registered() -> Iterator[dict[str, Any]]:
    """What nodes registered; nothing at a node that keeps no registrations."""
    services = app_services()
    if services.stores is not None and services.settings.policy.publishes:
        for each in services.stores.registrations.every():
            yield registration_row(each, services.now())
