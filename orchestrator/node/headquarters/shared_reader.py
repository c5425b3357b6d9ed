"""How does a worker come by what headquarters shares of its state? It asks at its start, and when that is old.

It asks by the line on which it registers, after a report that was taken: who is not let in is told so once, there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Tell
from orchestrator.node.headquarters.state_cache import StateCache
from orchestrator.workflow.delegation.shared_state import MAX_STATE_BYTES, SharedState, read_shared_state

if TYPE_CHECKING:
    import httpx  # as in `registrar`

PATH = "/api/v1/factory/shared-state"


@dataclass(kw_only=True)
class SharedStateReader:
    """One worker's. `apply` does what headquarters' word means here, and says it in lines."""

    url: str = field(repr=False)
    cache: StateCache
    apply: Callable[[SharedState], tuple[str, ...]]
    tell: Tell
    now: Callable[[], datetime]
    _asked: bool = False
    """Since this process began."""

    def refresh(self, client: httpx.Client, headers: dict[str, str]) -> bool:
        """Asks if it is time to; says whether there is something new. Never raises: the work does not rest on it."""
        kept = self.cache.load()
        if self._asked and kept is not None and kept.is_fresh(self.now()):
            return False
        try:
            state = self._fetch(client, headers)
            said = self.apply(state)
            self.cache.save(state)  # last: what was not applied is not fresh, and is asked for again
        except Exception as error:  # whatever it is: what is kept counts on, and says how old it is
            why = str(error) if isinstance(error, OrchestratorError | ValueError) else type(error).__name__
            self.tell("hq", f"headquarters' state was not read: {why}; what it said before counts on", once=True)
            return False
        self._asked = True
        for line in said:
            self.tell("hq", line)
        return True

    def _fetch(self, client: httpx.Client, headers: dict[str, str]) -> SharedState:
        """Raises httpx.HTTPError, ValueError."""
        found = bytearray()
        with client.stream("GET", self.url.rstrip("/") + PATH, headers=headers) as answer:
            if answer.status_code != 200:
                raise ValueError(f"it answered {answer.status_code}")
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > MAX_STATE_BYTES:
                    raise ValueError("its answer is too large")
        return read_shared_state(bytes(found))
