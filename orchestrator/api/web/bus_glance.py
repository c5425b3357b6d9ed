"""How is the bus beside the ledger, for many who ask at once? One look serves all who ask within a few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.ports.bus_care import BusCondition, BusWatch


@dataclass(kw_only=True)
class BusGlance:
    """Any thread may ask. `clock` is monotonic seconds; an answer holds for `every` seconds."""

    watch: BusWatch
    clock: Callable[[], float]
    every: float = 5.0
    _last: BusCondition | None = None
    _at: float = 0.0
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def condition(self) -> BusCondition:
        """As it is now, or was a moment ago: while somebody looks, the others get what was seen before."""
        last = self._last
        if last is not None and (self.clock() - self._at < self.every or self._looking.locked()):
            return last
        with self._looking:
            if self._last is None or self.clock() - self._at >= self.every:
                self._last = self.watch.condition()
                self._at = self.clock()
            return self._last
