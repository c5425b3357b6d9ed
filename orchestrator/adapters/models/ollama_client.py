"""What does Ollama's official client lack for us? Slow to load: imported only once a server is known to be there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import ollama


class Spoken(ollama.ChatResponse):
    """A part of an answer, with the count that servers since 0.33 send and the client's own type drops."""

    prompt_eval_cached_count: int | None = None


class Speaker(ollama.AsyncClient):
    """The official client; its `chat` has no parameter for the two fields that forbid the silent cut."""

    async def speak(self, request: Mapping[str, Any]) -> AsyncIterator[Spoken]:
        """Streams an answer that is refused rather than cut."""
        body = {**request, "stream": True, "truncate": False, "shift": False}
        return await self._request(Spoken, "POST", "/api/chat", json=body, stream=True)
