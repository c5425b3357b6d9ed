"""The bounds of a round of work: when must it end, besides when it is done?

A person or the node stops it, its budget is reached, its time is over, or it has said its last word and hangs.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.core import pricing
from orchestrator.core.ports.agent import Meter
from orchestrator.core.ports.model import Stop, Usage

EXIT_GRACE_SECONDS = 30.0
"""Seconds that a program gets to exit after its last event."""
POLL_SECONDS = 0.05


class UsageMeter:
    """What an attempt has taken: each round's own count, or what went over the line, whichever is more."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._past, self._told, self._line = Usage(), Usage(), Usage()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A new round: what it takes adds to what there is."""
        with self._lock:
            self._past, self._told, self._line = self._sum(), Usage(), Usage()

    def tell(self, usage: Usage) -> None:
        """What the round's worker says that it took so far."""
        with self._lock:
            self._told = usage
            total = self._sum()
        self._meter.note(total)

    def hear(self, usage: Usage) -> None:
        """What the round took so far, as the line to the models' API counted it. May be called from any thread."""
        with self._lock:
            self._line = usage
            total = self._sum()
        self._meter.note(total)

    def over(self) -> str:
        """Why the attempt must end, in the meter's words."""
        return self._meter.over()

    @property
    def mission_usd(self) -> float | None:
        """The mission's own budget as it is now."""
        return self._meter.mission_usd

    def unpriced(self, model: str) -> str:
        """Why a model may not be asked at all, in the meter's words."""
        return self._meter.unpriced(model)

    @property
    def total(self) -> Usage:
        """All of it."""
        with self._lock:
            return self._sum()

    def _sum(self) -> Usage:
        return pricing.total(self._past, larger_usage(self._told, self._line))


class RoundStopFlag:
    """A stop flag that knows why. `ended` says whether the last event was seen, `blocked` why there can be no other.

    `timed`: it is set when the attempt's time is over, too; who starts a process looks at that itself.
    """

    def __init__(
        self, bounds: AttemptLimits, ended: Callable[[], bool], *, timed: bool, blocked: Callable[[], str]
    ) -> None:
        self._bounds, self._ended, self._timed, self._blocked = bounds, ended, timed, blocked
        self._since: float | None = None
        self.over = ""
        """The budget or the quota that ended the round, in words."""
        self.hung = False
        """Whether it was ended because it hung after its last event."""
        self.late = False
        """Whether the time was over."""

    def is_set(self) -> bool:
        """Whether the round must end now."""
        return self._bounds.stop.is_set() or self._must_end()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for that, at most `timeout` seconds."""
        clock = self._bounds.clock
        over = math.inf if timeout is None else clock() + timeout
        while True:
            if self._bounds.stop.wait(min(POLL_SECONDS, max(0.0, over - clock()))) or self._must_end():
                return True
            if clock() >= over:
                return False

    def _must_end(self) -> bool:
        if self._ended():
            now = self._bounds.clock()
            self._since = now if self._since is None else self._since
            self.hung = now - self._since >= self._bounds.linger
            return self.hung  # the work is done and paid for: no budget ends it now
        self._since = None  # it went on
        self.over = self.over or self._bounds.usage_meter.over() or self._blocked()
        self.late = self.late or (self._timed and not self._bounds.left)
        return bool(self.over) or self.late


@dataclass(frozen=True, kw_only=True)
class AttemptLimits:
    """What holds an attempt: who may stop it, what it may take, and until when (on `clock`, in seconds)."""

    stop: Stop
    usage_meter: UsageMeter
    deadline: float
    linger: float = EXIT_GRACE_SECONDS
    clock: Callable[[], float] = time.monotonic

    @property
    def left(self) -> float:
        """Seconds until its time is over; never less than none."""
        return max(0.0, self.deadline - self.clock())

    def watch(
        self, ended: Callable[[], bool] = lambda: False, *, timed: bool = False, blocked: Callable[[], str] = lambda: ""
    ) -> RoundStopFlag:
        """The stop flag of one round."""
        return RoundStopFlag(self, ended, timed=timed, blocked=blocked)


def larger_usage(one: Usage, two: Usage) -> Usage:
    """Two counts of the same: of each number the larger."""
    costs = [each.cost_usd for each in (one, two) if each.cost_usd is not None]
    return replace(
        one,
        model=one.model or two.model,
        backend=one.backend or two.backend,
        tokens_in=max(one.tokens_in, two.tokens_in),
        tokens_out=max(one.tokens_out, two.tokens_out),
        tokens_cached=max(one.tokens_cached, two.tokens_cached),
        tokens_written=max(one.tokens_written, two.tokens_written),
        seconds=max(one.seconds, two.seconds),
        cost_usd=max(costs) if costs else None,
    )
