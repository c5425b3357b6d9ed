"""The chat's routes: how does a person talk with a node, from any device, and go on where they left?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import ServiceUnavailable

from orchestrator.api.auth.tokens import DEVICE_ID_PATTERN, CallerKind
from orchestrator.api.web.auth_gate import caller, needs
from orchestrator.api.web.context import AppServices, app_services
from orchestrator.api.web.json_body import NullsAreUnset
from orchestrator.api.web.ledger_answers import redacted
from orchestrator.api.web.metrics import METRICS_KEY as METRICS
from orchestrator.api.web.metrics import metrics
from orchestrator.api.web.problems import Problem
from orchestrator.api.web.streaming import StreamWork, sse, stream_answer, wait_for_answer
from orchestrator.app.factories.chat_factory import ChatRuntime
from orchestrator.chat.tools.toolbox import TOOL_NAMES
from orchestrator.chat.values import AnswerEvent, ChatRequest
from orchestrator.core.errors import NotFound
from orchestrator.core.model_competence import Competence, parameters_of
from orchestrator.core.ports.conversations import Conversation, ConversationTurn
from orchestrator.core.ports.model import Stop

HOPS_HEADER = "X-Shiftbook-Hops"
"""Says that another node asks: this one must not ask a third."""


class ChatRequestBody(NullsAreUnset):
    """One message."""

    model_config = ConfigDict(extra="forbid")
    message: str = Field(min_length=1, max_length=200_000)
    device_id: str = Field(
        pattern=DEVICE_ID_PATTERN, description="Which device it comes from; of a paired one its key says that"
    )
    conversation_id: str = Field("", max_length=100, description="The conversation to go on with; empty: a new one")
    project: str = Field("", max_length=100, description="A project of the fleet; only for a new conversation")
    model: str = Field("", max_length=200, description="A model, a backend, or `backend/model`; empty: the node's")
    tools: bool | list[str] = Field(False, description="true for all tools, or the names of those that may be used")
    idempotency_key: str = Field("", max_length=100, description="A repeated request with the same key is the same one")
    trim: bool = Field(False, description="Leave out the oldest turns, and say so, where all are too long")
    match: bool = Field(True, description="Look for the project that a new conversation means if it names none")


class ChatAnswerBody(BaseModel):
    """An answer, with who gave it, from what, and what it took."""

    conversation_id: str
    seq: int
    text: str
    finish: str = Field(description="stop, length, steps, cancelled or error")
    model: str
    backend: str
    node: str
    answered_by: str = Field(description="The division that speaks, by its name: Mara, primary of desk")
    project: str = Field(description="What the conversation is about; `notes` say why if nobody named it")
    why: str
    tried: list[str]
    usage: dict[str, Any]
    tiers: list[dict[str, Any]]
    cut: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    notes: list[str]
    good_for: str = Field(description="coding, answers, not measured or toy; ledger: no model had a part in it")
    advice: str = Field(description="Where a better model comes from, where this one is a toy")
    grounding: dict[str, Any] = Field(description="Its sentences, the supported ones, their citations, and the others")
    journal: str
    repeated: bool


class ConversationSummary(BaseModel):
    """A conversation without its turns."""

    id: str
    project: str
    device: str
    title: str
    created: datetime
    updated: datetime
    turns: int


class ConversationList(BaseModel):
    """Conversations, newest first. `next` goes into `before` for more."""

    conversations: list[ConversationSummary]
    next: str = ""


class ConversationMessage(BaseModel):
    """One turn."""

    seq: int
    role: str
    content: str
    device: str
    created: datetime | None
    answer: dict[str, Any] = Field(default_factory=dict, description="Of an answer: as it was told")


class ConversationDetail(ConversationSummary):
    """A conversation with a page of its turns."""

    messages: list[ConversationMessage]


class ConversationQuery(BaseModel):
    """Which conversations."""

    device_id: str = Field("", max_length=100)
    project: str = Field("", max_length=100)
    limit: int = Field(50, ge=1, le=200)
    before: str = Field("", max_length=300)


class ChatConversationPath(BaseModel):
    """A conversation's id."""

    conversation_id: str = Field(max_length=100)


class TurnsQuery(BaseModel):
    """Which turns."""

    after: int = Field(0, ge=0, le=2**31 - 1, description="Turns that come after this one")
    limit: int = Field(200, ge=1, le=500)


class PendingApproval(BaseModel):
    """A call of a tool that waits for a person's word."""

    id: str
    conversation: str
    act: str
    arguments: dict[str, Any]
    when: str


class PendingApprovals(BaseModel):
    """What waits."""

    approvals: list[PendingApproval]


class ApprovalPath(BaseModel):
    """A question's id."""

    approval_id: str = Field(max_length=100)


class ApprovalDecision(NullsAreUnset):
    """A person's word."""

    model_config = ConfigDict(extra="forbid")
    allow: bool


BUSY_RESPONSE: Any = {409: Problem}


def current_chats() -> ChatRuntime:
    """The chats of this node. Raises ServiceUnavailable where it has none."""
    found = app_services().chats
    if found is None:
        raise ServiceUnavailable("this node holds no chats")
    return found


def count_generated_tokens(model: str, backend: str, tokens: int) -> None:
    """Adds what was generated to the numbers of this app."""
    metrics().tokens.labels(model, backend).inc(tokens)


def blueprint(doors: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("chat", __name__)
    if doors.chats is not None:
        gates = doors.chats.queues
        routes.record_once(lambda setup: setup.app.extensions[METRICS].queue.set_function(lambda: gates.waiting))

    @routes.post("/chat", summary="Answers a message", responses={200: ChatAnswerBody, **BUSY_RESPONSE})
    @needs("chat")
    def chat(body: ChatRequestBody) -> Response:
        asked = _chat_request(body)
        answer = wait_for_answer(lambda stop: current_chats().chat.answer(asked, lambda event: None, stop))
        count_generated_tokens(
            answer.usage.model, answer.usage.backend, 0 if answer.repeated else answer.usage.tokens_out
        )
        return jsonify(redacted(answer.json()))

    @routes.post("/chat/stream", summary="Answers a message, as it is made", responses={200: _STREAM, **BUSY_RESPONSE})
    @needs("chat")
    def stream(body: ChatRequestBody) -> Response:
        """Server-sent events: start, position, token, tool, approval, usage, done, error; `: ping` in between."""
        return stream_answer(_begin(current_chats(), _chat_request(body)), _render)

    @routes.get("/chat/conversations", summary="The conversations, newest first", responses={200: ConversationList})
    @needs("chat")
    def conversations(query: ConversationQuery) -> Response:
        found = current_chats().stores.conversations.listing(
            device=query.device_id, project=query.project, limit=query.limit, before=query.before
        )
        more = found[-1].cursor if len(found) == query.limit else ""
        listed = ConversationList(conversations=[_conversation_summary(each) for each in found], next=more)
        return jsonify(redacted(listed.model_dump(mode="json")))

    @routes.get(
        "/chat/conversations/<conversation_id>", summary="One conversation", responses={200: ConversationDetail}
    )
    @needs("chat")
    def conversation(path: ChatConversationPath, query: TurnsQuery) -> Response:
        kept = current_chats().stores.conversations
        found = kept.get(path.conversation_id)
        turns = kept.turns(path.conversation_id, after_seq=query.after, limit=query.limit)
        whole = ConversationDetail(
            **_conversation_summary(found).model_dump(), messages=[_conversation_turn(turn) for turn in turns]
        )
        return jsonify(redacted(whole.model_dump(mode="json")))

    @routes.delete(
        "/chat/conversations/<conversation_id>",
        summary="Takes a conversation out",
        responses={204: None, **BUSY_RESPONSE},
    )
    @needs("chat")
    def delete(path: ChatConversationPath) -> Response:
        """With its turns, its workspace and what the model had read of it."""
        if not current_chats().forget(path.conversation_id):
            raise NotFound("no such conversation")
        return Response(status=204)

    @routes.get("/chat/approvals", summary="What waits for a person's word", responses={200: PendingApprovals})
    @needs("chat")
    def approvals() -> Response:
        waiting = [PendingApproval(**asdict(each)) for each in current_chats().chat.approvals.waiting()]
        return jsonify(redacted(PendingApprovals(approvals=waiting).model_dump(mode="json")))

    @routes.post(
        "/chat/approvals/<approval_id>",
        summary="A person's word on a call",
        responses={200: PendingApproval, **BUSY_RESPONSE},
    )
    @needs("chat")
    def approve(path: ApprovalPath, body: ApprovalDecision) -> Response:
        """Decides once; a second word is 409."""
        return jsonify(redacted(asdict(current_chats().chat.approvals.decide(path.approval_id, allow=body.allow))))

    return routes


_STREAM: Any = {"description": "A stream of events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}


def _render(event: AnswerEvent) -> Iterator[str]:
    if event.kind == "done" and not event.data["repeated"]:
        count_generated_tokens(event.data["model"], event.data["backend"], event.data["usage"]["tokens_out"])
    yield sse(event.kind, event.data)


def _chat_request(body: ChatRequestBody) -> ChatRequest:
    tools, who = TOOL_NAMES if body.tools is True else tuple(body.tools or ()), caller()
    return ChatRequest(
        message=body.message,
        device=who.device if who.kind is CallerKind.DEVICE else body.device_id,
        conversation=body.conversation_id,
        project=body.project,
        model=body.model,
        tools=tools,
        key=body.idempotency_key or request.headers.get("Idempotency-Key", "")[:100],
        peers=not request.headers.get(HOPS_HEADER),
        trim=body.trim,
        match=body.match,
    )


def _begin(chats: ChatRuntime, asked: ChatRequest) -> Any:
    def begin(stop: Stop) -> StreamWork:
        prepared = chats.chat.prepare(asked, stop)
        return lambda hear, ended: chats.chat.run(prepared, hear, ended)

    return begin


def _conversation_summary(each: Conversation) -> ConversationSummary:
    return ConversationSummary(**asdict(each))


def _conversation_turn(turn: ConversationTurn) -> ConversationMessage:
    told = cast(Mapping[str, Any], turn.trace.get("answer", {})) or _synced_answer(turn)
    return ConversationMessage(
        seq=turn.seq,
        role=turn.role,
        content=turn.content,
        device=turn.device,
        created=turn.created,
        answer={name: value for name, value in told.items() if name != "text"},
    )


def _synced_answer(turn: ConversationTurn) -> Mapping[str, Any]:
    """What is known of an answer that another node or a device gave: by which model, and what that is good for."""
    model = str(turn.usage.get("model", ""))
    return (
        {"model": model, "good_for": Competence(model=model, parameters=parameters_of(model)).good_for} if model else {}
    )
