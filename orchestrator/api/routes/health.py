"""The health routes: is this node alive, is it ready to answer, and how busy is it?"""

from __future__ import annotations

from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.ledger_answers import redacted
from orchestrator.api.web.metrics import metrics
from orchestrator.node.notifications.outbox_status import outbox_status


class HealthStatus(BaseModel):
    """A sign of life. It asks nothing of anybody else, so it is fast whatever else is slow."""

    status: str = "ok"
    node: str
    role: str


class ReadinessPart(BaseModel):
    """One thing that answers depend on."""

    ok: bool
    why: str = Field("", description="What is wrong with it")


class Readiness(BaseModel):
    """Whether this node can do its work now."""

    ready: bool
    parts: dict[str, ReadinessPart]


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("health", __name__)

    @routes.get("/health", summary="A sign of life", responses={200: HealthStatus})
    @needs("open", always=True)
    def health() -> Response:
        settings = app_services().settings
        return jsonify(HealthStatus(node=settings.node, role=settings.role.value).model_dump())

    @routes.get("/ready", summary="Whether it can work now", responses={200: Readiness, 503: Readiness})
    @needs("open")
    def ready() -> tuple[Response, int]:
        found = {name: probe.why() for name, probe in app_services().probes.items()}
        parts = {name: ReadinessPart(ok=not why, why=why) for name, why in found.items()}
        stores = app_services().stores
        if stores is not None and not found.get("store"):
            untold = outbox_status(stores.outgoing).trouble  # worth a look, but no reason to send nobody here
            parts["notices"] = ReadinessPart(ok=not untold, why=untold)
        well = not any(found.values())
        return jsonify(redacted(Readiness(ready=well, parts=parts).model_dump())), 200 if well else 503

    @routes.get("/metrics", summary="Numbers for Prometheus", responses={200: {"content": {"text/plain": {}}}})
    @needs("ops", loopback=True)
    def numbers() -> Response:
        return metrics().told()

    return routes
