"""Is somebody at this already?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.core.errors import AlreadyDone


class Alone:
    """Lets one at a time hold each key, and turns away whoever comes meanwhile."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Holds a key. Raises AlreadyDone where somebody else does."""
        with self._lock:
            if key in self._held:
                raise AlreadyDone("this conversation is answering a message already: wait for it, or cancel that one")
            self._held.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(key)
