"""The capabilities' route: what can the node that is asked do, and what not and why?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import changing_answer, shared_ledger
from orchestrator.workflow.reading.own_report import own_report


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


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("capabilities", __name__, url_prefix="/api/v1/factory")

    @routes.get("/capabilities", summary="What this node can do, and what not", responses={200: NodeReport})
    @needs(*READERS)
    def capabilities() -> Response:
        settings = app_services().settings
        return changing_answer(own_report(settings, shared_ledger().look().ledger if settings.ledger else None))

    return routes
