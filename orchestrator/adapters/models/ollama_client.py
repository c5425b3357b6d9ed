"""What does Ollama's official client lack for us? Slow to load: imported only once a server is known to be there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import ollama

UNREADABLE = (ValueError, TypeError, AttributeError, RecursionError)
"""What the official client raises for an answer that is no JSON object of its types: it looks at none before."""


class UnreadableAnswer(Exception):
    """A line of a stream is none of Ollama's."""


class OllamaChatPart(ollama.ChatResponse):
    """A part of an answer, with the count that servers since 0.33 send and the client's own type drops."""

    prompt_eval_cached_count: int | None = None


class OllamaChatClient(ollama.AsyncClient):
    """The official client; its `chat` has no parameter for the two fields that forbid the silent cut."""

    async def stream_chat(self, request: Mapping[str, Any]) -> AsyncIterator[OllamaChatPart]:
        """Streams an answer that is refused rather than cut."""
        body = {**request, "stream": True, "truncate": False, "shift": False}
        return _readable(await self._request(OllamaChatPart, "POST", "/api/chat", json=body, stream=True))


async def _readable(parts: AsyncIterator[OllamaChatPart]) -> AsyncIterator[OllamaChatPart]:
    """The same parts. Raises UnreadableAnswer, and what the server and the line say."""
    try:
        async for part in parts:
            yield part
    except UNREADABLE as error:
        raise UnreadableAnswer(str(error) or type(error).__name__) from error
