"""Facts about the circuit breaker, against a plain list of what happened."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.adapters.models.circuit_breaker import (
    FAILURE_THRESHOLD,
    RETRY,
    TRIAL_TIMEOUT_SECONDS,
    BreakerState,
    CircuitBreaker,
)


class Life(RuleBasedStateMachine):
    """One backend's life, with a clock that only goes forward."""

    @initialize()
    def born(self) -> None:
        self.now, self.breaker, self.row, self.opened, self.trial = 1000.0, CircuitBreaker(), 0, None, None

    @rule(seconds=st.floats(0.01, 2 * RETRY.limit))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.allows(self.now))
    @rule(good=st.booleans())
    def call(self, good: bool) -> None:
        self.breaker = self.breaker.begun(self.now)
        self.breaker = self.breaker.succeeded() if good else self.breaker.failed(self.now)
        self.row = 0 if good else self.row + 1
        self.opened = self.now if self.row >= FAILURE_THRESHOLD else None

    @precondition(lambda self: self.breaker.allows(self.now))
    @rule()
    def call_that_never_ends(self) -> None:
        half = self.breaker.state(self.now) is BreakerState.HALF_OPEN
        self.breaker = self.breaker.begun(self.now)
        assert self.breaker.allows(self.now) is not half
        assert self.breaker.allows(self.now + TRIAL_TIMEOUT_SECONDS + 1)

    @precondition(lambda self: self.breaker.state(self.now) is BreakerState.OPEN)
    @rule()
    def straggler_fails(self) -> None:
        assert self.breaker.failed(self.now) == self.breaker

    @rule()
    def looked_for_and_not_there(self) -> None:
        was_open = self.breaker.state(self.now) is BreakerState.OPEN
        self.breaker = self.breaker.down(self.now)
        assert not self.breaker.allows(self.now)
        self.row = self.breaker.failures
        self.opened = self.opened if was_open else self.now

    @invariant()
    def open_for_as_long_as_it_says(self) -> None:
        state = self.breaker.state(self.now)
        if self.opened is None:
            assert state is BreakerState.CLOSED
        else:
            rest = min(RETRY.limit, RETRY.first * 2.0 ** min(self.row - FAILURE_THRESHOLD, 16))
            assert state is (BreakerState.OPEN if self.now - self.opened < rest else BreakerState.HALF_OPEN)
        assert (state is BreakerState.OPEN) <= (not self.breaker.allows(self.now))


TestLife = Life.TestCase


@given(st.integers(0, 10_000))
def test_rest_is_bounded(failures: int) -> None:
    """However often it fails, it is tried again within five minutes, and never at once."""
    assert RETRY.first <= CircuitBreaker(failures=failures).rest <= RETRY.limit
