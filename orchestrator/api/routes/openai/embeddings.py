"""How are the vectors of OpenAI's embeddings made?"""

from __future__ import annotations

import base64
import struct
import threading
from typing import Any

from orchestrator.api.routes.openai.schema import EmbeddingRequest
from orchestrator.app.factories.chat_factory import ChatRuntime
from orchestrator.core.errors import ModelUnavailable, WrongPrompt

MAX_EMBEDDING_TEXTS = 256
"""Texts of one request for embeddings."""


def embed(chats: ChatRuntime, body: EmbeddingRequest, *, peers: bool) -> dict[str, Any]:
    """The vectors as OpenAI's list. Raises WrongPrompt, NotFound, ModelUnavailable, ContextTooLong, QueueFull."""
    if not 1 <= len(body.texts) <= MAX_EMBEDDING_TEXTS:
        raise WrongPrompt(f"input: send 1 to {MAX_EMBEDDING_TEXTS} texts")
    if body.dimensions is not None:
        raise WrongPrompt("dimensions: vectors have the model's own number of them; leave the field out")
    choice = chats.router.choose(body.model, peers=peers)
    model = choice.model
    if model.embedder is None:
        raise WrongPrompt("model: this one makes no vectors; name one that does")
    gate = chats.queues.of(f"{model.backend} vectors")
    with gate.turn(gate.join(), lambda place: None, threading.Event()):
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
