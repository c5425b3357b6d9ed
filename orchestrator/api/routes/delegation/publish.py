"""The publishing route: how does a program hand headquarters a mission as an envelope, once?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from missions import document
from missions.mission import Quarantined
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import ledger_moved, redacted
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from orchestrator.workflow.delegation.envelope import DelegationEnvelope, mission_text
from orchestrator.workflow.delegation.filed_envelope import is_filed_under, trailer_line
from orchestrator.workflow.delegation.history import delegation_row
from orchestrator.workflow.mission_filing import MissionFiling, MissionRequest, RequestLocks

_LOCKS = RequestLocks()


class DelegatedMission(BaseModel):
    """Where a delegated mission stands. `status` is SUCCESS or FAILED once it ended; null before."""

    job_id: str
    status: str | None
    result: dict[str, Any] | None
    error: str
    state: str
    title: str
    task: str
    project: str | None
    node: str | None
    agent: str | None
    answered_by: str | None
    attempt: int
    started: str | None
    finished: str | None
    cost_usd: float | None


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("publish", __name__, url_prefix="/api/v1/delegation")

    @routes.post("/publish", summary="Files an envelope as a mission, once", responses={202: DelegatedMission})
    @needs("missions", headquarters=True)
    def publish(body: DelegationEnvelope) -> tuple[Response, int]:
        """Signed by this node's person, who must have the right; the caller is named in the commit."""
        text, who, services = mission_text(body), caller(), app_services()
        opened = services.fleet()
        marks = services.stores.marks if services.stores else None
        filing = MissionFiling(fleet=lambda: opened, marks=marks, locks=_LOCKS)
        wanted = MissionRequest(
            text=text,
            name=body.mission,
            by=who.name,
            key=body.key,
            caller=f"publish {who.key}",
            trailer=trailer_line(body.mission, body.key),
        )
        try:
            view = opened.mission(_filed_over_redis(opened.ledger(), body) or filing.file(wanted)).view
        finally:
            opened.bus.remote.close()
        ledger_moved()
        return jsonify(redacted(delegation_row(view.json()))), 202

    return routes


def _filed_over_redis(ledger: LedgerSnapshot, envelope: DelegationEnvelope) -> str:
    """The mission's name where this very envelope is in the ledger already, under its key: over the other way, or
    before this machine's database was made anew; empty where it is not."""
    name = envelope.mission
    filed = ledger.open.get(name) or ledger.archived(name)
    asked = document.read(f"{MISSIONS}/{name}.md", mission_text(envelope).encode())
    if filed is None or isinstance(asked, Quarantined) or asked.body != filed.mission.body:
        return ""  # another content under the same key is refused
    return name if is_filed_under(ledger, name, envelope.key) else ""
