"""The capabilities' route: what can the node that is asked do, and what not and why?"""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from missions.selection import NodeCapabilities
from orchestrator import __version__
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import AppServices, app_services
from orchestrator.api.web.ledger_answers import changing_answer, shared_ledger
from orchestrator.policy.node_report import report_json
from orchestrator.workflow.assignment.unserved import announced_offer


class PermissionRow(BaseModel):
    """A row of the table of roles. `why` says which role or setting forbids it."""

    what: str
    allowed: bool
    why: str


class DivisionRow(BaseModel):
    """A division, with its persona."""

    division: str
    name: str
    voice: str
    tasks: list[str]


class NodeReport(BaseModel):
    """What this node can do."""

    node: str
    role: str
    version: str
    announced: bool = Field(description="Whether agents and tasks are what the node found and wrote on its page")
    may: list[PermissionRow]
    capabilities: list[str]
    agents: list[str]
    answering: list[str] = Field(description="Agents that change no files here: there is no sandbox")
    weak: list[str] = Field(description="Agents whose model is not up to code")
    tasks: list[str]
    divisions: list[DivisionRow]


def blueprint(_: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("capabilities", __name__, url_prefix="/api/v1/factory")

    @routes.get("/capabilities", summary="What this node can do, and what not", responses={200: NodeReport})
    @needs(*READERS)
    def capabilities() -> Response:
        return changing_answer(_own_report())

    return routes


def _own_report() -> dict[str, Any]:
    settings = app_services().settings
    offer = NodeCapabilities(node=settings.node, role=settings.role.value, capabilities=settings.capabilities)
    announced = None
    if settings.ledger:
        announced = announced_offer(shared_ledger().look().ledger, settings.node)
    return report_json(settings.policy, announced or offer, __version__, announced=announced is not None)
