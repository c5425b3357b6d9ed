"""Steering over HTTP: how does a caller see a running mission live, say something to it, change what it may cost?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import cast

from flask import Response, current_app, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from missions.message import MAX_MESSAGE_CHARS
from missions.mission import slug
from orchestrator.api.routes.missions.orders import MissionOrderResult, MissionPath
from orchestrator.api.web.auth_gate import READERS, caller, needs, still_welcome
from orchestrator.api.web.context import app_services
from orchestrator.api.web.idempotency import idempotency_key
from orchestrator.api.web.ledger_answers import redacted, shared_ledger
from orchestrator.api.web.stream_slots import stream_response
from orchestrator.api.web.streaming import sse
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.node import wakeups
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.run_questions.mission_answer import say_to_mission
from orchestrator.workflow.steering import idempotent_id
from orchestrator.workflow.watching import THROUGH_GIT, LiveLook, MissionWatch, WatchSightings

SIGHTINGS_KEY = "shiftbook_watch_sightings"
HERE_SECONDS, AWAY_SECONDS = 1.0, 2.0
"""Seconds between two looks of a stream: at what runs here, and at what its node shows through the Git server."""
STREAM_SECONDS = 3600.0
"""Seconds after which a stream ends: whoever still watches connects again, and is looked at again by the gate."""


class OutputQuery(BaseModel):
    """From where on."""

    after: str = Field(default="", max_length=40, description="`cursor` of the look before; empty: the end of it.")


class DiffFigures(BaseModel):
    """What an attempt has changed by now."""

    files: int
    added: int
    removed: int
    text: str
    cut: bool


class LiveOutput(BaseModel):
    """One look at a mission: what was said since the last one, from where that is and how old."""

    mission: str
    status: str
    says: str
    source: str
    age_seconds: float | None
    node: str
    agent: str
    epoch: int
    attempt: int
    seconds: float | None
    text: str
    missed: int
    cursor: str
    next: str
    cost_usd: float | None
    diff: DiffFigures | None


class MessageOrder(BaseModel):
    """What a person says."""

    text: str = Field(min_length=1, max_length=MAX_MESSAGE_CHARS)


class MessageResult(BaseModel):
    """What became of it: injected, queued or too late."""

    mission: str
    message_id: str
    state: str
    says: str
    node: str
    answered: bool


class BudgetOrder(BaseModel):
    """What a mission may cost in all."""

    budget_usd: float = Field(ge=0, lt=1_000_000)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("steering", __name__)

    @routes.get(
        "/api/v1/missions/<name>/output", summary="What a running mission says now", responses={200: LiveOutput}
    )
    @needs(*READERS)
    def output(path: MissionPath, query: OutputQuery) -> Response:
        """What was said since `after`, its cost and its diff so far, on whichever machine it runs."""
        return jsonify(redacted(_told(_look(path.name, query.after))))

    @routes.get("/api/v1/missions/<name>/stream", summary="The same as a stream, until the mission rests or ends")
    @needs(*READERS)
    def stream(path: MissionPath, query: OutputQuery) -> Response:
        """Server-sent events `output`, each a look; the last one is `end`. `Last-Event-ID` goes on where it was."""
        first = _look(path.name, request.headers.get("Last-Event-ID", "")[:40] or query.after)
        app = current_app._get_current_object()  # type: ignore[attr-defined]

        def following(look: LiveLook) -> LiveLook:
            with app.app_context():
                return _look(path.name, look.cursor)

        welcome, signal = still_welcome(), app_services().change_signal
        return stream_response(_live_events(first, following, lambda: not signal.closed and welcome()))

    @routes.post(
        "/api/v1/missions/<name>/messages",
        summary="Says something to whoever works on a mission",
        responses={200: MessageResult},
    )
    @needs("missions")
    def say(path: MissionPath, body: MessageOrder) -> Response:
        """Waits up to 15 s for the node's answer. A mission that rests with its agent's question goes on. With an
        `Idempotency-Key` the same call again says nothing twice."""
        key = idempotency_key()
        services, fleet = app_services(), app_services().fleet()
        message_id = idempotent_id(key, caller().key) if key else ""
        try:
            receipt = say_to_mission(
                fleet,
                fleet.full_name(path.name),
                body.text,
                message_id=message_id,
                by=caller().name,
                nudge=lambda: wakeups.nudge(services.settings.home),
            )
        finally:
            fleet.bus.remote.close()
        return jsonify(redacted(receipt.json()))

    @routes.put(
        "/api/v1/missions/<name>/budget", summary="Sets what a mission may cost", responses={200: MissionOrderResult}
    )
    @needs("missions", "ops")
    def budget(path: MissionPath, body: BudgetOrder) -> Response:
        """What runs keeps to it within seconds, and goes on if it had reached the one before."""
        fleet = app_services().fleet()
        try:
            view = fleet.set_budget(path.name, body.budget_usd, by=caller().name)
        finally:
            fleet.bus.remote.close()
        wakeups.nudge(app_services().settings.home)
        return jsonify(redacted({name: getattr(view, name) for name in MissionOrderResult.model_fields}))

    return routes


def _told(look: LiveLook) -> dict[str, object]:
    """As it is sent; `next` is what `after` of the next look says, as in every list."""
    found: dict[str, object] = redacted({**look.json(), "next": look.cursor})
    return found


def _look(name: str, cursor: str) -> LiveLook:
    with shared_ledger().reading() as (fleet, seen):
        view = fleet.mission(slug(name)).view
    look = _watch(fleet).look(seen.ledger, view.name, view.status, cursor)  # git and the server: no reader waits for it
    if look.source == THROUGH_GIT and (events := app_services().output_events) is not None:
        events.watched(look.mission)
    return look


def _watch(fleet: Fleet) -> MissionWatch:
    settings = app_services().settings
    sightings = cast(WatchSightings, current_app.extensions.setdefault(SIGHTINGS_KEY, WatchSightings()))
    folders = AttemptDirs(settings.home / "work")
    return MissionWatch(
        bus=fleet.bus,
        trust=fleet.trust,
        node=settings.node,
        folders=folders,
        sightings=sightings,
        judging=shared_ledger().judging,
    )


def _live_events(
    look: LiveLook, following: Callable[[LiveLook], LiveLook], welcome: Callable[[], bool]
) -> Iterator[str]:
    """The stream of one watcher: a look where something is new, a ping where not; nothing to whoever is shut out, or
    once this server ends."""
    over, before = time.monotonic() + STREAM_SECONDS, None
    while look.source and time.monotonic() < over:
        if not welcome():
            return
        news = (look.cursor, look.cost_usd, look.diff, look.source, look.node)
        yield f"id: {look.cursor}\n{sse('output', _told(look))}" if news != before else ": ping\n\n"
        before = news
        time.sleep(HERE_SECONDS if look.age_seconds == 0.0 else AWAY_SECONDS)
        look = following(look)
    yield sse("end", {"mission": look.mission, "status": look.status, "says": look.says})
