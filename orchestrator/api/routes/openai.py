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
from orchestrator.api.routes.chat import HOPS, counted, room
from orchestrator.api.routes.openai_schema import Completion, Embedding
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.context import House
from orchestrator.api.web.problems import TYPE
from orchestrator.api.web.streaming import Work, spoken, waited
from orchestrator.app.chat_factory import Chatroom
from orchestrator.chat.failover import Voice
from orchestrator.chat.partial_answer import AnswerText
from orchestrator.chat.prompt_fit import size
from orchestrator.chat.queue import Ticket
from orchestrator.chat.values import Event
from orchestrator.core.errors import ContextTooLong, NotFound, WrongPrompt
from orchestrator.core.ports.agent import Generation, Prompt, Stop, Usage
from orchestrator.core.ports.storage import Run

KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
TOLD = (400, 401, 403, 404, 413, 421, 429, 500, 503)


class Wrong(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Error(BaseModel):
    """OpenAI's error object."""

    error: Wrong


ERRORS: Any = dict.fromkeys(TOLD, Error)
"""The answers of a route on `/v1` besides the good one."""


def in_their_shape(answer: Response) -> Response:
    """A problem on `/v1` as OpenAI's error; their servers say 400 for what ours call 422."""
    if not request.path.startswith("/v1/") or answer.mimetype != TYPE:
        return answer
    problem = json.loads(answer.get_data())
    status = 400 if answer.status_code == 422 else answer.status_code
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    where = next(iter(problem.get("where", ())), None) or None
    code = "context_length_exceeded" if "tokens" in problem else None
    message = problem.get("detail") or problem["title"]
    error = Error(error=Wrong(message=message, type=kind, param=where, code=code))
    answer.set_data(error.model_dump_json())
    answer.status_code, answer.content_type = status, "application/json"
    return answer


MOST = 4096
"""Tokens of an answer where the request names no roof."""
BATCH = 256
"""Texts of one request for embeddings."""
FINISH = {"cancelled": "stop"}


class ModelPath(BaseModel):
    """A model's id."""

    model: str = Field(max_length=200)


def blueprint(_: House) -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("openai", __name__, url_prefix="/v1")
    routes.after_app_request(in_their_shape)

    @routes.post("/chat/completions", summary="OpenAI: a completion", responses={200: _COMPLETION, **ERRORS})
    @needs("chat")
    def completions(body: Completion) -> Response:
        if not body.stream:
            return jsonify(waited(lambda stop: _whole(_taken(room(), body), stop)))
        return spoken(lambda _: _begin(room(), body), lambda event: iter((f"data: {_wire(event)}\n\n",)))

    @routes.get("/models", summary="OpenAI: the models", responses={200: _OBJECT, **ERRORS})
    @needs("chat")
    def models() -> Response:
        return jsonify({"object": "list", "data": _models()})

    @routes.get("/models/<path:model>", summary="OpenAI: one model", responses={200: _OBJECT, **ERRORS})
    @needs("chat")
    def model(path: ModelPath) -> Response:
        found = next((each for each in _models() if each["id"] == path.model), None)
        if found is None:
            raise NotFound("no backend has that model")
        return jsonify(found)

    @routes.post("/embeddings", summary="OpenAI: vectors of texts", responses={200: _OBJECT, **ERRORS})
    @needs("chat")
    def embeddings(body: Embedding) -> Response:
        return jsonify(_embedded(room(), body))

    return routes


_OBJECT: Any = {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
_COMPLETION: Any = {
    "description": "OK",
    "content": {**_OBJECT["content"], "text/event-stream": {"schema": {"type": "string"}}},
}


@dataclass(kw_only=True)
class Taken:
    """A request that was taken in: who answers what, and the place in the queue."""

    chats: Chatroom
    body: Completion
    voice: Voice
    prompt: Prompt
    ticket: Ticket
    functions: bool
    made: Generation = field(default_factory=lambda: Generation(text="", finish="cancelled", usage=Usage()))
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def answer(self, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers when it is its turn, and books what that took."""
        with self.chats.gates.of(self.voice.model.backend).turn(self.ticket, lambda place: None, stop) as entered:
            if not entered:
                return self.made
            made = self.made = self.voice.generate(self.prompt, on_text=on_text, stop=stop)
        run = Run(node=self.chats.chat.node, mission=self.id, epoch=1, attempt=1, agent="openai")
        self.chats.stores.usage.record(run, made.usage, when=self.chats.chat.now())
        return made

    def frame(self, kind: str, **more: Any) -> dict[str, Any]:
        """An object of OpenAI's."""
        created = int(self.chats.chat.now().timestamp())
        return {"id": self.id, "object": kind, "created": created, "model": self.voice.model.name, **more}

    def who(self, usage: Usage) -> dict[str, Any]:
        """What we say besides: who answered and why."""
        told = {"backend": self.voice.model.backend, "node": self.chats.chat.node, "why": self.voice.choice.why}
        return {**told, "tried": list(self.voice.tried), "first_token_seconds": usage.first_token_seconds}


def _taken(chats: Chatroom, body: Completion) -> Taken:
    """All that can be refused. Raises WrongPrompt, NotFound, ModelUnavailable, ContextTooLong, QueueFull."""
    functions = words.offered(body)
    messages, schema = words.messages_of(body, functions), words.schema_of(body, functions)
    peers = not request.headers.get(HOPS)
    choice = chats.router.choose(body.model, peers=peers)
    tokens = size(messages, chats.chat.counter(choice.model))
    room = choice.model.context_tokens - tokens
    if room < 1:
        raise ContextTooLong(tokens, choice.model.context_tokens)
    prompt = Prompt(
        messages=messages,
        max_tokens=min(body.roof or MOST, room),
        schema=schema,
        temperature=body.temperature,
        stop=body.stops,
        seed=body.seed,
        conversation=body.prompt_cache_key or "",
    )
    voice = Voice(chooser=chats.router, wanted=body.model, peers=peers, choice=choice)
    ticket = chats.gates.of(choice.model.backend).join()
    return Taken(chats=chats, body=body, voice=voice, prompt=prompt, ticket=ticket, functions=bool(functions))


def _whole(taken: Taken, stop: Stop) -> dict[str, Any]:
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


def _begin(chats: Chatroom, body: Completion) -> Work:
    """The answer in chunks."""
    with ExitStack() as undo:
        taken = _taken(chats, body)
        undo.callback(taken.ticket.leave)
        undo.pop_all()

    def work(hear: Callable[[Event], None], stop: Stop) -> None:
        for chunk in _chunks(taken, lambda chunk: hear(Event(kind="chunk", data=chunk)), stop):
            hear(Event(kind="chunk", data=chunk))
        hear(Event(kind="done", data={"taken": taken}))

    return work


def _chunks(taken: Taken, hear: Callable[[dict[str, Any]], None], stop: Stop) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return taken.frame("chat.completion.chunk", choices=[choice])

    reader, said = AnswerText() if taken.functions else None, False

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


def _count(taken: Taken) -> None:
    counted(taken.voice.model.name, taken.voice.model.backend, taken.made.usage.tokens_out)


def _finish(made: Generation, called: bool) -> str:
    return "tool_calls" if called else FINISH.get(made.finish, made.finish)


def _wire(event: Event) -> str:
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
    for each in room().router.models(peers=False):
        name = each.name if each.name not in told else f"{each.backend}/{each.name}"
        shown = {"id": name, "object": "model", "created": 0, "owned_by": each.backend}
        told[name] = shown | {"context_length": each.context_tokens}
    return list(told.values())


def _embedded(chats: Chatroom, body: Embedding) -> dict[str, Any]:
    if not body.texts or len(body.texts) > BATCH or body.dimensions is not None:
        raise WrongPrompt(f"1 to {BATCH} texts, in the model's own number of dimensions")
    model = chats.router.choose(body.model, peers=not request.headers.get(HOPS)).model
    if model.embedder is None:
        raise WrongPrompt("this model makes no vectors")
    gate = chats.gates.of(f"{model.backend} vectors")
    with gate.turn(gate.join(), lambda place: None, _Never()):
        vectors = model.embedder.embed(body.texts)
    count = chats.chat.counter(model)
    tokens = sum(count(text) for text in body.texts)
    rows = [
        {"object": "embedding", "index": at, "embedding": _encoded(vector, body.encoding_format)}
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "model": model.name, "usage": usage}


def _encoded(vector: tuple[float, ...], form: str) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if form == "base64" else list(vector)


class _Never:
    """A stop that never comes: a batch of vectors is short."""

    def is_set(self) -> bool:
        """No."""
        return False

    def wait(self, timeout: float | None = None) -> bool:
        """No."""
        return False
