"""The handover's routes: how does a program make a mission of a chat, or a chat of a mission?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from orchestrator.api.auth.tokens import DEVICE_ID_PATTERN
from orchestrator.api.routes.chat import current_chats
from orchestrator.api.routes.missions.orders import MissionPath
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.api.web.json_body import NullsAreUnset
from orchestrator.api.web.ledger_answers import redacted
from orchestrator.app.factories.chat_factory import open_handover
from orchestrator.chat.handover.exchange import HandoverService


class ConversationPath(BaseModel):
    """A conversation's id."""

    conversation_id: str = Field(max_length=100)


class MissionFromChatBody(NullsAreUnset):
    """What the mission shall be; what is left out follows from the chat."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field("", max_length=100)
    title: str = Field("", max_length=300)
    task: str = Field("", max_length=40)
    agent: str = Field("", max_length=40)
    project: str = Field("", max_length=100)
    priority: int | None = Field(None, ge=0, le=9)


class MissionFromChatCreated(BaseModel):
    """The mission that a chat became, and the files that it starts from."""

    name: str
    project: str
    conversation: str
    files: list[str]


class TakeoverBody(NullsAreUnset):
    """Who takes it over."""

    model_config = ConfigDict(extra="forbid")
    device_id: str = Field(pattern=DEVICE_ID_PATTERN, description="Which device it will be talked on first")


class TakeoverChat(BaseModel):
    """The chat in which a mission goes on. `node` is where it lives; `resumed`: it was there already."""

    conversation: str
    mission: str
    project: str
    begins: str
    resumed: bool
    node: str


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("handover", __name__)

    @routes.post(
        "/api/v1/conversations/<conversation_id>/mission",
        summary="Makes a mission of a chat",
        responses={200: MissionFromChatCreated},
    )
    @needs("missions")
    def mission(path: ConversationPath, body: MissionFromChatBody) -> Response:
        """Its text is made of the chat, without a model; what the chat changed is what it starts from."""
        current_chats()
        fields = body.model_dump(exclude={"name"})
        with _handover_service() as service:
            filed = service.file(path.conversation_id, fields, name=body.name, by=caller().name)
        return jsonify(redacted(asdict(filed)))

    @routes.post(
        "/api/v1/missions/<name>/chat", summary="Takes a mission over as a chat", responses={200: TakeoverChat}
    )
    @needs("missions")
    def chat(path: MissionPath, body: TakeoverBody) -> Response:
        """What runs is paused first, which takes seconds. The chat is at this node, with the mission's work."""
        current_chats()
        with _handover_service() as service:
            made = service.take_over(path.name, device=body.device_id)
        return jsonify(redacted(asdict(made) | {"node": app_services().settings.node}))

    return routes


@contextmanager
def _handover_service() -> Iterator[HandoverService]:
    """For a caller that may read chats, too: a mission tells what was said in one."""
    if "chat" not in caller().scopes:
        raise Forbidden("this takes a token with the scopes missions and chat")
    found = app_services()
    if found.stores is None:
        raise ServiceUnavailable("this node keeps no conversations")
    fleet = found.fleet()
    try:
        yield open_handover(found.settings, found.stores, fleet)
    finally:
        fleet.bus.remote.close()
