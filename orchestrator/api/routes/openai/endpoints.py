"""OpenAI's endpoints: how do programs that were written for that API talk to this node's models?"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Response, jsonify, request
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from orchestrator.api.routes.chat import HOPS_HEADER, current_chats
from orchestrator.api.routes.openai.completions import accept_completion, begin_stream, chunk_data, complete
from orchestrator.api.routes.openai.embeddings import embed
from orchestrator.api.routes.openai.errors import ERROR_RESPONSES, to_openai_error
from orchestrator.api.routes.openai.schema import CompletionRequest, EmbeddingRequest
from orchestrator.api.web.auth_gate import needs
from orchestrator.api.web.streaming import stream_answer, wait_for_answer
from orchestrator.core.errors import NotFound


class ModelPath(BaseModel):
    """A model's id."""

    model: str = Field(max_length=200)


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("openai", __name__, url_prefix="/v1")
    routes.after_app_request(to_openai_error)

    @routes.post("/chat/completions", summary="OpenAI: a completion", responses={200: _COMPLETION, **ERROR_RESPONSES})
    @needs("chat")
    def completions(body: CompletionRequest) -> Response:
        chats, peers = current_chats(), _peers()
        if not body.stream:
            return jsonify(wait_for_answer(lambda stop: complete(accept_completion(chats, body, peers=peers), stop)))
        return stream_answer(
            lambda _: begin_stream(chats, body, peers=peers), lambda event: iter((f"data: {chunk_data(event)}\n\n",))
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
        return jsonify(embed(current_chats(), body, peers=_peers()))

    return routes


_OBJECT: Any = {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
_COMPLETION: Any = {
    "description": "OK",
    "content": {**_OBJECT["content"], "text/event-stream": {"schema": {"type": "string"}}},
}


def _peers() -> bool:
    """Whether another node may answer: not where a node asks."""
    return not request.headers.get(HOPS_HEADER)


def _models() -> list[dict[str, Any]]:
    """Each under a name of its own: where two backends offer one model, the second is asked for as backend/model."""
    told: dict[str, dict[str, Any]] = {}
    for each in current_chats().router.models(peers=False):
        name = each.name if each.name not in told else f"{each.backend}/{each.name}"
        shown = {"id": name, "object": "model", "created": 0, "owned_by": each.backend}
        told[name] = shown | {"context_length": each.context_tokens}
    return list(told.values())
