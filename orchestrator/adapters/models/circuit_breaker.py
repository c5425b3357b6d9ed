"""May a backend be asked again that failed a moment ago?

A circuit breaker as a value: closed (ask), open (do not ask until it has rested), half-open (one call may try). Every
failure in a row doubles the rest. Times are monotonic seconds, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from sync.backoff import Backoff

FAILURE_THRESHOLD = 2
"""So many in a row open it: one may be chance."""
RETRY = Backoff(first=5.0, limit=300.0)
TRIAL_TIMEOUT_SECONDS = 60.0
"""A trial of which nothing is heard for so long is given to another call."""


class BreakerState(Enum):
    """What the breaker says."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, kw_only=True)
class CircuitBreaker:
    """What is known of one backend. `since` is when it opened, `tried` when a call began to try it out."""

    failures: int = 0
    since: float | None = None
    tried: float | None = None

    @property
    def rest(self) -> float:
        """Seconds that it rests after its failures so far."""
        return RETRY.after(max(1, self.failures - FAILURE_THRESHOLD + 1))

    def state(self, now: float) -> BreakerState:
        """How it stands."""
        if self.since is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now - self.since < self.rest else BreakerState.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Whether a call may go there now."""
        state = self.state(now)
        trying = self.tried is not None and now - self.tried < TRIAL_TIMEOUT_SECONDS
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and not trying)

    def begun(self, now: float) -> CircuitBreaker:
        """A call goes there."""
        return replace(self, tried=now) if self.state(now) is BreakerState.HALF_OPEN else self

    def failed(self, now: float) -> CircuitBreaker:
        """A call failed. A straggler that began before it opened does not make the rest longer."""
        if self.state(now) is BreakerState.OPEN:
            return self
        failures = self.failures + 1
        return CircuitBreaker(failures=failures, since=now if failures >= FAILURE_THRESHOLD else None)

    def down(self, now: float) -> CircuitBreaker:
        """It was looked for and is not there: no second failure is needed."""
        return replace(self, failures=max(self.failures, FAILURE_THRESHOLD - 1)).failed(now)

    def succeeded(self) -> CircuitBreaker:
        """A call went well: all is forgotten."""
        return CircuitBreaker()
