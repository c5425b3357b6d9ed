"""What does Ollama's official client lack for us? Slow to load: imported only once a server is known to be there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import ollama


class OllamaChatPart(ollama.ChatResponse):
    """A part of an answer, with the count that servers since 0.33 send and the client's own type drops."""

    prompt_eval_cached_count: int | None = None


class OllamaChatClient(ollama.AsyncClient):
    """The official client; its `chat` has no parameter for the two fields that forbid the silent cut."""

    async def stream_chat(self, request: Mapping[str, Any]) -> AsyncIterator[OllamaChatPart]:
        """Streams an answer that is refused rather than cut."""
        body = {**request, "stream": True, "truncate": False, "shift": False}
        return await self._request(OllamaChatPart, "POST", "/api/chat", json=body, stream=True)
