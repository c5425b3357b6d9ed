"""What happens? A stream of server-sent events: the ledger moved, an attempt printed something, a device came.

A worker of the fleet listens too, for `ledger` alone.
"""

from __future__ import annotations

from functools import cache

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.web.auth_gate import READERS, needs, still_welcome
from orchestrator.api.web.context import app_services
from orchestrator.api.web.event_hub import KINDS
from orchestrator.api.web.stream_slots import stream_response
from orchestrator.core.errors import WrongSetting
from orchestrator.node.wakeups import PING_SECONDS


class EventsQuery(BaseModel):
    """Which kinds, parted by commas; all of them where nothing is said."""

    kinds: str = Field("", max_length=100)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("events", __name__)

    @routes.get("/api/v1/events", summary="What happens, as it happens")
    @needs(*READERS, devices=True)
    def events(query: EventsQuery) -> Response:
        """Whoever connects looks at the ledger once. With `Last-Event-ID` the events since then come first; an event
        `gap` says that some were missed."""
        kinds = frozenset(word for word in query.kinds.split(",") if word) or frozenset(KINDS)
        if kinds - set(KINDS):
            raise WrongSetting("kinds", f"one or more of {', '.join(KINDS)}")
        last = request.headers.get("Last-Event-ID", "")
        told = app_services().events.stream(PING_SECONDS, last_id=last, kinds=kinds, welcome=still_welcome())
        return stream_response(told)

    return routes
