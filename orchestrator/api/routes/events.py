"""When should a worker look at the ledger? A stream of server-sent events that rings when it moved."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from orchestrator.api.web.auth_gate import READERS, needs
from orchestrator.api.web.context import AppServices
from orchestrator.api.web.stream_slots import stream_response
from orchestrator.node.wakeups import PING_SECONDS, SETTLE_SECONDS, ChangeSignal

RETRY_MILLISECONDS = 2000
"""Milliseconds after which a browser connects again by itself."""


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("events", __name__)

    @routes.get("/api/v1/events", summary="Rings when the ledger moved")
    @needs(*READERS, devices=True)
    def events() -> Response:
        """A stream of `ledger` events. A `Last-Event-ID` is not needed: whoever connects looks at the ledger once."""
        return stream_response(event_stream(doors.change_signal, PING_SECONDS))

    return routes


def event_stream(bell: ChangeSignal, ping: float) -> Iterator[str]:
    """The stream for one listener: an event when the bell rang (several rings at once are one), a ping in between."""
    heard = bell.rang
    yield f"retry: {RETRY_MILLISECONDS}\n: listening\n\n"
    while not bell.closed:
        now = bell.after(heard, ping)
        if now != heard:
            time.sleep(SETTLE_SECONDS)
            now = bell.rang
        yield f"id: {now}\nevent: ledger\ndata: {{}}\n\n" if now != heard else ": ping\n\n"
        heard = now
