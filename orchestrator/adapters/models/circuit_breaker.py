"""May a backend be asked again that failed a moment ago?

A circuit breaker as a value: closed (ask), open (do not ask until it has rested), half-open (one call may try). Every
failure in a row doubles the rest. Times are monotonic seconds, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FAILURES = 2
"""So many in a row open it: one may be chance."""
REST, LONGEST_REST = 5.0, 300.0
TRIAL = 60.0
"""A trial of which nothing is heard for so long is given to another call."""


class State(Enum):
    """What the breaker says."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """What is known of one backend. `since` is when it opened, `tried` when a call began to try it out."""

    failures: int = 0
    since: float | None = None
    tried: float | None = None

    @property
    def rest(self) -> float:
        """Seconds that it rests after its failures so far."""
        doublings = min(max(0, self.failures - FAILURES), 16)
        return min(LONGEST_REST, REST * 2.0**doublings)

    def state(self, now: float) -> State:
        """How it stands."""
        if self.since is None:
            return State.CLOSED
        return State.OPEN if now - self.since < self.rest else State.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Whether a call may go there now."""
        state = self.state(now)
        trying = self.tried is not None and now - self.tried < TRIAL
        return state is State.CLOSED or (state is State.HALF_OPEN and not trying)

    def begun(self, now: float) -> Breaker:
        """A call goes there."""
        return replace(self, tried=now) if self.state(now) is State.HALF_OPEN else self

    def failed(self, now: float) -> Breaker:
        """A call failed. A straggler that began before it opened does not make the rest longer."""
        if self.state(now) is State.OPEN:
            return self
        failures = self.failures + 1
        return Breaker(failures=failures, since=now if failures >= FAILURES else None)

    def down(self, now: float) -> Breaker:
        """It was looked for and is not there: no second failure is needed."""
        return replace(self, failures=max(self.failures, FAILURES - 1)).failed(now)

    def succeeded(self) -> Breaker:
        """A call went well: all is forgotten."""
        return Breaker()
