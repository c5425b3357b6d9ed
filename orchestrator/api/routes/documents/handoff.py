"""The handoff's route: what do the four tiers say, now or at any commit, and whence does each item come?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.ledger_answers import ledger_answer, shared_ledger
from orchestrator.workflow.reading.handoff_page import handoff_page


class HandoffQuery(BaseModel):
    """Whose handoff, and when. Without a commit: now."""

    project: str = Field("", max_length=100, description="Empty: the fleet's own")
    commit: str = Field("", max_length=40, description="40 hexadecimal digits of a commit of the branch")


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("handoff", __name__)

    @routes.get("/api/v1/handoff", summary="The four tiers with their items and citations")
    @needs(*READERS)
    def handoff(query: HandoffQuery) -> Response:
        ledger = shared_ledger().look().ledger
        return ledger_answer(ledger.tip, lambda: handoff_page(ledger, query.project, query.commit))

    return routes
