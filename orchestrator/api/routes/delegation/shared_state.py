"""The shared state's route: what may workers read of what headquarters keeps?"""

from __future__ import annotations

from functools import cache

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import changing_answer
from orchestrator.workflow.delegation.shared_state import SharedState, shared_state


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("shared_state", __name__, url_prefix="/api/v1/factory")

    @routes.get("/shared-state", summary="What workers read of headquarters' state", responses={200: SharedState})
    @needs(*READERS, headquarters=True)
    def shared() -> Response:
        stores, services = current_stores(), app_services()
        told = shared_state(
            services.settings.node, stores.registrations.every(), stores.paired.listing(), services.now()
        )
        return changing_answer(told.model_dump(mode="json"))

    return routes
