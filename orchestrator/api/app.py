"""Which app does a node serve? Made of one blueprint a noun, each from a file of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI

from orchestrator import __version__
from orchestrator.api.routes import (
    chat,
    description,
    events,
    git,
    health,
    hooks,
    joining,
    page,
    tokens,
)
from orchestrator.api.routes.delegation import (
    capabilities,
    operations,
    publish,
    registrations,
    shared_state,
    signals,
)
from orchestrator.api.routes.devices import device_model, paired, pairing, push, sealed, state, sync, sync_conflicts
from orchestrator.api.routes.documents import continuity, handoff, journal, memos
from orchestrator.api.routes.fleet import conflicts, heartbeat, me, merge_queues, nodes, usage
from orchestrator.api.routes.missions import decisions, evidence, filing, handover, listing, orders, steering
from orchestrator.api.routes.openai import endpoints
from orchestrator.api.web import (
    access_log,
    auth_gate,
    fleet_metrics,
    json_body,
    ledger_answers,
    metrics,
    problems,
    stream_slots,
)
from orchestrator.api.web.context import SERVICES_KEY, AppServices
from orchestrator.api.web.route_rule import RouteRule

BLUEPRINTS: tuple[Callable[[], APIBlueprint], ...] = (
    health.blueprint,
    tokens.blueprint,
    joining.blueprint,
    events.blueprint,
    handover.blueprint,
    endpoints.blueprint,
    state.blueprint,
    sealed.blueprint,
    pairing.blueprint,
    paired.blueprint,
    push.blueprint,
    device_model.blueprint,
    me.blueprint,
    capabilities.blueprint,
    registrations.blueprint,
    shared_state.blueprint,
    publish.blueprint,
    operations.blueprint,
    nodes.blueprint,
    merge_queues.blueprint,
    heartbeat.blueprint,
    conflicts.blueprint,
    sync_conflicts.blueprint,
    usage.blueprint,
    listing.blueprint,
    evidence.blueprint,
    filing.blueprint,
    decisions.blueprint,
    orders.blueprint,
    handoff.blueprint,
    continuity.blueprint,
    journal.blueprint,
    memos.blueprint,
    page.blueprint,
    steering.blueprint,
    description.blueprint,
)
"""Each is made once in a process; what a house has no door for (a role, a setting), `gate` leaves out."""
SERVICE_BLUEPRINTS: tuple[Callable[[AppServices], APIBlueprint], ...] = (
    hooks.blueprint,
    git.blueprint,
    chat.blueprint,
    sync.blueprint,
    signals.blueprint,
)
"""Each makes its routes for the services behind them."""


def create_app(doors: AppServices) -> OpenAPI:
    """The app for these doors."""
    app = OpenAPI(
        "shiftbook",
        info=Info(title="Shiftbook", version=__version__),
        validation_error_status=422,
        validation_error_model=problems.Problem,
        validation_error_callback=_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    app.extensions[SERVICES_KEY] = doors
    app.url_rule_class = RouteRule
    app.url_map.merge_slashes = False  # a redirect would answer before the gate does
    app.json = json_body.BoundedJsonProvider(app)
    app.request_class = json_body.JsonRequest
    problems.register_error_handlers(app)
    ledger_answers.install(app)
    stream_slots.install(app, doors.settings.streams)
    metrics.install(app)
    fleet_metrics.install(app)
    access_log.install(app)
    auth_gate.guard(app, time.monotonic)
    for noun in BLUEPRINTS:
        app.register_api(noun())
    for made_for in SERVICE_BLUEPRINTS:
        app.register_api(made_for(doors))
    return app


_invalid: Callable[..., Response] = problems.validation_problem
