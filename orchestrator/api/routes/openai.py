"""How do programs that were written for OpenAI's API talk to this node's models?"""

from __future__ import annotations

import base64
import json
import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.routes import openai_schema as words
from orchestrator.api.routes.chat import HOPS_HEADER, count_generated_tokens, current_chats
from orchestrator.api.routes.openai_schema import CompletionRequest, EmbeddingRequest
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import AppServices
from orchestrator.api.web.problems import PROBLEM_TYPE
from orchestrator.api.web.streaming import StreamWork, stream_answer, wait_for_answer
from orchestrator.app.chat_factory import ChatRuntime
from orchestrator.chat.failover import Failover
from orchestrator.chat.partial_answer import PartialAnswer
from orchestrator.chat.prompt_fit import count_message_tokens
from orchestrator.chat.queue import QueueTicket
from orchestrator.chat.values import AnswerEvent
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, NotFound, WrongPrompt
from orchestrator.core.ports.agent import Generation, Prompt, Stop, Usage
from orchestrator.core.ports.storage import UsageOwner

ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
ERROR_STATUSES = (400, 401, 403, 404, 413, 421, 429, 500, 503)


class OpenAIErrorDetail(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """OpenAI's error object."""

    error: OpenAIErrorDetail


ERROR_RESPONSES: Any = dict.fromkeys(ERROR_STATUSES, OpenAIError)
"""The answers of a route on `/v1` besides the good one."""


def to_openai_error(answer: Response) -> Response:
    """A problem on `/v1` as OpenAI's error; their servers say 400 for what ours call 422."""
    if not request.path.startswith("/v1/") or answer.mimetype != PROBLEM_TYPE:
        return answer
    problem = json.loads(answer.get_data())
    status = 400 if answer.status_code == 422 else answer.status_code
    kind = ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    where = next(iter(problem.get("where", ())), None) or None
    code = "context_length_exceeded" if "tokens" in problem else None
    message = problem.get("detail") or problem["title"]
    error = OpenAIError(error=OpenAIErrorDetail(message=message, type=kind, param=where, code=code))
    answer.set_data(error.model_dump_json())
    answer.status_code, answer.content_type = status, "application/json"
    return answer


DEFAULT_ANSWER_TOKENS = 4096
"""Tokens of an answer where the request names no roof."""
MAX_EMBEDDING_TEXTS = 256
"""Texts of one request for embeddings."""
FINISH_REASONS = {"cancelled": "stop"}


class ModelPath(BaseModel):
    """A model's id."""

    model: str = Field(max_length=200)


def blueprint(_: AppServices) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("openai", __name__, url_prefix="/v1")
    routes.after_app_request(to_openai_error)

    @routes.post("/chat/completions", summary="OpenAI: a completion", responses={200: _COMPLETION, **ERROR_RESPONSES})
    @needs("chat")
    def completions(body: CompletionRequest) -> Response:
        if not body.stream:
            return jsonify(wait_for_answer(lambda stop: _complete(_accept(current_chats(), body), stop)))
        return stream_answer(
            lambda _: _begin(current_chats(), body), lambda event: iter((f"data: {_chunk_data(event)}\n\n",))
        )

    @routes.get("/models", summary="OpenAI: the models", responses={200: _OBJECT, **ERROR_RESPONSES})
    @needs("chat")
    def models() -> Response:
        return jsonify({"object": "list", "data": _models()})

    @routes.get("/models/<path:model>", summary="OpenAI: one model", responses={200: _OBJECT, **ERROR_RESPONSES})
    @needs("chat")
    def model(path: ModelPath) -> Response:
        found = next((each for each in _models() if each["id"] == path.model), None)
        if found is None:
            raise NotFound("no backend has that model")
        return jsonify(found)

    @routes.post("/embeddings", summary="OpenAI: vectors of texts", responses={200: _OBJECT, **ERROR_RESPONSES})
    @needs("chat")
    def embeddings(body: EmbeddingRequest) -> Response:
        return jsonify(_embed(current_chats(), body))

    return routes


_OBJECT: Any = {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
_COMPLETION: Any = {
    "description": "OK",
    "content": {**_OBJECT["content"], "text/event-stream": {"schema": {"type": "string"}}},
}


@dataclass(kw_only=True)
class AcceptedCompletion:
    """A request that was taken in: who answers what, and the place in the queue."""

    chats: ChatRuntime
    body: CompletionRequest
    failover: Failover
    prompt: Prompt
    ticket: QueueTicket
    functions: bool
    made: Generation = field(default_factory=lambda: Generation(text="", finish="cancelled", usage=Usage()))
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def answer(self, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers when it is its turn, and books what that took."""
        with self.chats.queues.of(self.failover.model.backend).turn(self.ticket, lambda place: None, stop) as entered:
            if not entered:
                return self.made
            made = self.made = self.failover.generate(self.prompt, on_text=on_text, stop=stop)
        run = UsageOwner(node=self.chats.chat.node, mission=self.id, epoch=1, attempt=1, agent="openai")
        self.chats.stores.usage.record(run, made.usage, when=self.chats.chat.prompts.now())
        return made

    def frame(self, kind: str, **more: Any) -> dict[str, Any]:
        """An object of OpenAI's."""
        created = int(self.chats.chat.prompts.now().timestamp())
        return {"id": self.id, "object": kind, "created": created, "model": self.failover.model.name, **more}

    def who(self, usage: Usage) -> dict[str, Any]:
        """What we say besides: who answered and why."""
        told = {"backend": self.failover.model.backend, "node": self.chats.chat.node, "why": self.failover.choice.why}
        return {**told, "tried": list(self.failover.tried), "first_token_seconds": usage.first_token_seconds}


def _accept(chats: ChatRuntime, body: CompletionRequest) -> AcceptedCompletion:
    """All that can be refused. Raises WrongPrompt, NotFound, ModelUnavailable, ContextTooLong, QueueFull."""
    functions = words.offered_functions(body)
    messages, schema = words.messages_of(body, functions), words.schema_of(body, functions)
    peers = not request.headers.get(HOPS_HEADER)
    choice = chats.router.choose(body.model, peers=peers)
    tokens = count_message_tokens(messages, chats.chat.prompts.counter(choice.model))
    room = choice.model.context_tokens - tokens
    if room < 1:
        raise ContextTooLong(tokens, choice.model.context_tokens)
    prompt = Prompt(
        messages=messages,
        max_tokens=min(body.roof or DEFAULT_ANSWER_TOKENS, room),
        schema=schema,
        temperature=body.temperature,
        stop=body.stops,
        seed=body.seed,
        conversation=body.prompt_cache_key or "",
    )
    voice = Failover(chooser=chats.router, wanted=body.model, peers=peers, choice=choice)
    ticket = chats.queues.of(choice.model.backend).join()
    return AcceptedCompletion(
        chats=chats, body=body, failover=voice, prompt=prompt, ticket=ticket, functions=bool(functions)
    )


def _complete(taken: AcceptedCompletion, stop: Stop) -> dict[str, Any]:
    """The answer in one piece."""
    made = taken.answer(lambda text: None, stop)
    _count(taken)
    call = words.tool_call(made.text, f"call_{secrets.token_hex(8)}") if taken.functions else None
    content = None if call else words.content_of(made.text) if taken.functions else made.text
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if call:
        message["tool_calls"] = [call]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(made, bool(call))}
    usage = words.usage_of(made.usage)
    return taken.frame("chat.completion", choices=[choice], usage=usage, shiftbook=taken.who(made.usage))


def _begin(chats: ChatRuntime, body: CompletionRequest) -> StreamWork:
    """The answer in chunks."""
    with ExitStack() as undo:
        taken = _accept(chats, body)
        undo.callback(taken.ticket.leave)
        undo.pop_all()

    def work(hear: Callable[[AnswerEvent], None], stop: Stop) -> None:
        for chunk in _chunks(taken, lambda chunk: hear(AnswerEvent(kind="chunk", data=chunk)), stop):
            hear(AnswerEvent(kind="chunk", data=chunk))
        hear(AnswerEvent(kind="done", data={"taken": taken}))

    return work


def _chunks(taken: AcceptedCompletion, hear: Callable[[dict[str, Any]], None], stop: Stop) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return taken.frame("chat.completion.chunk", choices=[choice])

    reader, said = PartialAnswer() if taken.functions else None, False

    def take(piece: str) -> None:
        nonlocal said
        if text := reader.take(piece) if reader else piece:
            said = True
            hear(chunk({"content": text}))

    hear(chunk({"role": "assistant", "content": ""}))
    made = taken.answer(take, stop)
    call = words.tool_call(made.text, f"call_{secrets.token_hex(8)}") if taken.functions else None
    if call:
        yield chunk({"tool_calls": [{"index": 0, **call}]})
    elif made.text and not said:
        yield chunk({"content": words.content_of(made.text)})
    yield chunk({}, _finish(made, bool(call)))
    if taken.body.stream_options and taken.body.stream_options.include_usage:
        usage = words.usage_of(made.usage)
        yield taken.frame("chat.completion.chunk", choices=[], usage=usage, shiftbook=taken.who(made.usage))


def _count(taken: AcceptedCompletion) -> None:
    count_generated_tokens(taken.failover.model.name, taken.failover.model.backend, taken.made.usage.tokens_out)


def _finish(made: Generation, called: bool) -> str:
    return "tool_calls" if called else FINISH_REASONS.get(made.finish, made.finish)


def _chunk_data(event: AnswerEvent) -> str:
    if event.kind == "done":
        _count(event.data["taken"])
        return "[DONE]"
    if event.kind == "error":
        return json.dumps(
            {"error": {"message": event.data.get("detail") or event.data["title"], "type": "server_error"}}
        )
    return json.dumps(event.data, ensure_ascii=False)


def _models() -> list[dict[str, Any]]:
    """Each under a name of its own: where two backends offer one model, the second is asked for as backend/model."""
    told: dict[str, dict[str, Any]] = {}
    for each in current_chats().router.models(peers=False):
        name = each.name if each.name not in told else f"{each.backend}/{each.name}"
        shown = {"id": name, "object": "model", "created": 0, "owned_by": each.backend}
        told[name] = shown | {"context_length": each.context_tokens}
    return list(told.values())


def _embed(chats: ChatRuntime, body: EmbeddingRequest) -> dict[str, Any]:
    if not body.texts or len(body.texts) > MAX_EMBEDDING_TEXTS or body.dimensions is not None:
        raise WrongPrompt(f"1 to {MAX_EMBEDDING_TEXTS} texts, in the model's own number of dimensions")
    choice = chats.router.choose(body.model, peers=not request.headers.get(HOPS_HEADER))
    model = choice.model
    if model.embedder is None:
        raise WrongPrompt("this model makes no vectors")
    gate = chats.queues.of(f"{model.backend} vectors")
    with gate.turn(gate.join(), lambda place: None, _NeverStop()):
        try:
            vectors = model.embedder.embed(body.texts)
        except ModelUnavailable as error:
            choice.report(error)
            raise
    count = chats.chat.prompts.counter(model)
    tokens = sum(count(text) for text in body.texts)
    rows = [
        {"object": "embedding", "index": at, "embedding": _encoded(vector, body.encoding_format)}
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "model": model.name, "usage": usage}


def _encoded(vector: tuple[float, ...], form: str) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if form == "base64" else list(vector)


class _NeverStop:
    """A stop that never comes: a batch of vectors is short."""

    def is_set(self) -> bool:
        """No."""
        return False

    def wait(self, timeout: float | None = None) -> bool:
        """No."""
        return False
