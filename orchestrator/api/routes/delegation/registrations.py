"""The registrations' routes: how do nodes tell headquarters that they are there, and who is?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import LedgerPage, Page, changing_answer, shared_ledger
from orchestrator.api.web.problems import Problem, problem
from orchestrator.core.errors import OutdatedReport, Refused
from orchestrator.workflow.delegation.node_status import MAX_REPORT_CHARS, NodeStatus, read_status, require_signed
from orchestrator.workflow.delegation.registry import registration_page

INTERVAL_SECONDS = 60


class NodeReportBody(BaseModel):
    """A node's report as it signed it, and that signature."""

    model_config = ConfigDict(extra="forbid")
    report: str = Field(min_length=2, max_length=MAX_REPORT_CHARS, description="JSON, exactly as it was signed")
    signature: str = Field(
        "", max_length=8192, description="SSH signature by the node's key; see in the documents, docs/roles.md"
    )


class Registered(BaseModel):
    """What headquarters noted."""

    node: str
    number: int
    received: str
    every_seconds: int


class OutdatedNumber(Problem):
    """The report is not the newest of its node."""

    last: int = Field(0, description="The number of the newest one")


class RegistrationQuery(Page):
    """Which registrations are wanted."""

    state: str = Field("", max_length=40, description="live, stale, offline; several parted by commas")


def _require_signed(status: NodeStatus, body: NodeReportBody) -> None:
    """By keys that were looked up in the last minute: fifty nodes report in it. One that they do not know may have been
    let in since. Raises Refused."""
    seen = shared_ledger().look(max_age=INTERVAL_SECONDS).ledger.signers
    try:
        require_signed(seen, status, body.report, body.signature)
    except Refused:
        newest = shared_ledger().look().ledger.signers
        if newest == seen:
            raise
        require_signed(newest, status, body.report, body.signature)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("registrations", __name__, url_prefix="/api/v1/factory/registrations")

    @routes.post("", summary="A node says how it is", responses={200: Registered, 409: OutdatedNumber})
    @needs("missions", "ops", headquarters=True, body_bytes=64 * 1024)
    def register(body: NodeReportBody) -> Response:
        status = read_status(body.report)
        _require_signed(status, body)
        try:
            noted = current_stores().registrations.put(status.node, status.number, body.report, app_services().now())
        except OutdatedReport as error:
            answer = problem(409, "Not the newest report", str(error))
            answer.set_data(jsonify({**(answer.get_json() or {}), "last": error.last}).get_data())
            return answer
        told = Registered(
            node=noted.node,
            number=noted.number,
            received=noted.received.isoformat(),
            every_seconds=INTERVAL_SECONDS,
        )
        return jsonify(told.model_dump())

    @routes.get("", summary="The registered nodes, page by page", responses={200: LedgerPage})
    @needs(*READERS, headquarters=True)
    def listing(query: RegistrationQuery) -> Response:
        states = {word.strip() for word in query.state.split(",") if word.strip()}
        every, now = current_stores().registrations.every(), app_services().now()
        page: dict[str, Any] = registration_page(every, now, states=states, after=query.after, limit=query.limit)
        return changing_answer(page)

    return routes
