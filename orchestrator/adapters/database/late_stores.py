"""How is a store opened when it is first asked for something, and not before?

An idle node asks none of those that are read by SQLAlchemy, which takes 30 MiB with its tables.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import StoreFailed

if TYPE_CHECKING:
    from orchestrator.adapters.database.engine_stores import EngineStores


class LateStores:
    """The stores of one database, opened once. Any thread may ask."""

    def __init__(self, make: Callable[[], EngineStores]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: EngineStores | None = None
        self._closed = False

    def opened(self) -> EngineStores:
        """Them. Raises WrongSetting, StoreFailed, which is so for ever once they were closed."""
        with self._lock:
            if self._made is None:
                if self._closed:
                    raise StoreFailed("of this node", "it was closed")
                self._made = self._make()
            return self._made

    def store(self, name: str) -> Any:
        """One of them, as a port that opens all with its first use."""
        return getattr(self._made, name) if self._made is not None else _LateStore(self, name)

    def close(self) -> None:
        """Lets go of every connection, if there is one."""
        with self._lock:
            self._closed = True
            if self._made is not None:
                self._made.database.close()


class _LateStore:
    def __init__(self, stores: LateStores, name: str) -> None:
        self._stores, self._name = stores, name

    def __getattr__(self, method: str) -> Any:
        return getattr(getattr(self._stores.opened(), self._name), method)
