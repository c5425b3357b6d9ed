"""How does a node work on what a bus brings? It claims, has it done in threads, keeps its leases, hands results in.

A bus that does not answer loses nothing: what is done waits here until it is taken, and whoever took it over meanwhile
is the one whose word counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from handoff.secrets.excerpts import redacted_excerpt
from orchestrator.core import tracing
from orchestrator.core.errors import BusUnavailable, WrongSetting
from orchestrator.core.events import Tell
from orchestrator.core.ports.mission_bus import Delivery, GivenUp, MissionBus, Requeued
from orchestrator.workflow.delegation.bus_records import print_result
from orchestrator.workflow.delegation.envelope import LEDGER_TASKS, read_envelope
from orchestrator.workflow.delegation.task_types import (
    TaskCarried,
    TaskImpossible,
    TaskInterrupted,
    TaskJob,
    TaskTypes,
)
from sync.backoff import Backoff

MAX_REASON_CHARS = 2000
RENEWALS = 4
"""How often a lease is renewed before it would run out."""
TAKEOVER_LOOKS = 8
"""How often in a lease a worker looks whether somebody fell silent: each look costs the server as much as a claim."""
IDLE = Backoff(first=0.05, limit=1.0)
"""Seconds between two looks at a bus that has nothing."""
AWAY = Backoff(first=0.5, limit=15.0)
"""Seconds between two looks at a bus that does not answer."""


@dataclass
class TakeoverGate:
    """Whether this worker may take silence for death. After a gap in its own answers everybody seems to be silent: a
    server that stood still, or was failed over, has heard nobody. Then nothing is taken over for one lease. Half a
    lease is a gap: whoever renews in time outlasts a shorter one."""

    lease: float
    _last: float | None = None
    _since: float | None = None

    def answered(self, now: float) -> None:
        """The bus answered."""
        if self._last is None or now - self._last > self.lease / 2:
            self._since = now
        self._last = now

    def is_open(self, now: float) -> bool:
        """Whether the bus has answered for a whole lease, without a gap."""
        return self._since is not None and now - self._since >= self.lease


def in_a_thread(work: Callable[[], None], name: str) -> None:
    """Has something done beside what else is done."""
    threading.Thread(target=work, name=name, daemon=True).start()


@dataclass
class _Work:
    """One mission in work. `body` is its result, `ending` how it ends without one; `limit` are the seconds that its
    attempt may take, None for what the ledger times."""

    held: Delivery
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    body: str = ""
    ending: GivenUp | None = None
    reason: str = ""
    begun: float = 0.0
    renewed: float = 0.0
    limit: float | None = None
    _first: threading.Lock = field(default_factory=threading.Lock)

    def end(self, body: str, ending: GivenUp | None, reason: str) -> None:
        """How it ended: the first word counts."""
        with self._first:
            if not self.ended.is_set():
                self.body, self.ending = body, ending
                self.reason = reason.encode("utf-8", "replace").decode()
                self.ended.set()


@dataclass(kw_only=True)
class BusWorker:
    """One node's. `clock` is monotonic seconds; after `lease` seconds of silence others take its missions."""

    bus: MissionBus
    name: str
    tasks: TaskTypes
    slots: int
    lease: float
    clock: Callable[[], float]
    tell: Tell
    takes: Callable[[], bool] = lambda: True
    """Whether it may take anything on now."""
    on_end: Callable[[], None] = lambda: None
    """Called when it has nothing left and takes nothing new."""
    begin: Callable[[Callable[[], None], str], None] = in_a_thread
    """How a task's work, of this name, is begun without being waited for."""
    wake: threading.Event = field(default_factory=threading.Event)
    draining: bool = False
    _works: list[_Work] = field(default_factory=list)
    _gate: TakeoverGate = field(init=False)
    _pause: float = 0.0
    _away: bool = False
    _looked_over: float = float("-inf")
    """When it looked last whether somebody fell silent."""

    def __post_init__(self) -> None:
        self._gate = TakeoverGate(self.lease)

    @property
    def busy(self) -> int:
        """How many missions it has."""
        return len(self._works)

    @property
    def at_work(self) -> bool:
        """Whether a node that is to end should wait for it: something is not done, or not handed in to a bus that
        answers."""
        return any(not work.ended.is_set() or not self._away for work in list(self._works))

    def run(self, over: threading.Event) -> None:
        """Works until `over` is set, then gives back what has not ended."""
        working = False
        while not over.is_set():
            try:
                moved = self.step()
            except Exception as error:  # whatever it is, it must not end the work of all the other rounds
                self.tell("bus", f"a round of the bus ended in {type(error).__name__}: {error}"[:2000], once=True)
                moved, self._away = False, True
            if self.draining and working and not self.at_work:
                self.on_end()
            working = self.at_work
            if self.wake.wait(self.pause_after(moved=moved)):
                self.wake.clear()
        self.leave()

    def pause_after(self, *, moved: bool) -> float:
        """Seconds until the next round, after one that did something or nothing."""
        pace = AWAY if self._away else IDLE
        self._pause = 0.0 if moved else pace.next(self._pause) if self._pause else pace.first
        return self._pause

    def step(self) -> bool:
        """One round; whether anything was taken or handed in."""
        try:
            self._renew()
            moved = self._hand_in()
            moved = self._take() or moved
        except BusUnavailable as error:
            if not self._away:
                self.tell("bus", f"{error}; missions go by the ledger alone, what is done here waits")
            self._away = True
            return False
        if self._away:
            self.tell("bus", "the bus answers again")
        self._away = False
        self._gate.answered(self.clock())
        return moved

    def leave(self) -> None:
        """Gives everything back that has not ended, as far as the bus answers; the rest is taken over in a lease."""
        self.draining = True
        for work in self._works:
            work.stopped.set()
            work.end("", GivenUp.RELEASE, "its worker ended")
        self.step()

    def _take(self) -> bool:
        free = self.slots - len(self._works)
        if free <= 0 or self.draining or not self.takes():
            return False
        taken, now = 0, self.clock()
        if self._gate.is_open(now) and now - self._looked_over >= self.lease / TAKEOVER_LOOKS:
            self._looked_over = now  # what it takes is begun before anything else is asked for: that may fail
            taken = self._start(self.bus.take_over(self.name, self.lease, free))
        if taken < free:
            taken += self._start(self.bus.claim(self.name, free - taken))
        return taken > 0

    def _start(self, taken: list[Delivery]) -> int:
        for held in taken:
            work = _Work(held, begun=self.clock(), renewed=self.clock())
            self._works.append(work)
            self.begin(partial(self._work, work), f"bus-{held.job[:8]}")
        return len(taken)

    def _work(self, work: _Work) -> None:
        work.end(*self._attempt(work))
        self.wake.set()

    def _attempt(self, work: _Work) -> tuple[str, GivenUp | None, str]:
        try:
            envelope = read_envelope(work.held.envelope)
            kind, description, handler = self.tasks.find(envelope.payload.task)
            if kind not in LEDGER_TASKS:
                work.limit = envelope.timeout_seconds
            job = TaskJob(
                envelope=envelope,
                task_type=kind,
                description=description,
                attempt=work.held.attempt,
                stopped=work.stopped.is_set,
            )
            facts: dict[str, tracing.Fact] = {"node": self.name, "task_type": kind, "epoch": work.held.epoch}
            with tracing.span("mission.task", mission=envelope.mission, attempt=work.held.attempt, **facts):
                return print_result(envelope.job_id, result=handler(job)), None, ""
        except (TaskImpossible, WrongSetting) as error:
            return "", GivenUp.FINAL, str(error)
        except TaskInterrupted as error:
            return "", GivenUp.RELEASE, str(error)
        except TaskCarried as error:
            return "", GivenUp.LEDGER, str(error)
        except Exception as error:  # whatever a handler raises is a failed attempt
            return "", GivenUp.RETRY, f"{type(error).__name__}: {error}"

    def _hand_in(self) -> bool:
        done = [work for work in self._works if work.ended.is_set()]
        for work in done:
            if work.ending is None:
                stale = not self.bus.finish(work.held, work.body)
            else:
                stale = self._let_go(work, work.ending)
            if stale and not work.stopped.is_set():
                self.tell("late", f"{work.held.job[:8]}: somebody else has it, or it is over; this result is not taken")
            self._works.remove(work)
        return bool(done)

    def _let_go(self, work: _Work, ending: GivenUp) -> bool:
        reason = redacted_excerpt(work.reason, MAX_REASON_CHARS)  # it goes to Redis, to whoever may read there
        became = self.bus.give_up(work.held, ending, reason)
        if became is Requeued.DEAD:
            self.tell("dead", f"{work.held.job[:8]} went to the dead letters: {reason}")
        return became is Requeued.STALE

    def _renew(self) -> None:
        now = self.clock()
        for work in self._works:
            if work.limit is not None and now - work.begun > work.limit:
                work.stopped.set()
                work.end("", GivenUp.RETRY, f"it took longer than its timeout of {work.limit:g} s")
            if work.stopped.is_set() or work.ended.is_set() or now - work.renewed < self.lease / RENEWALS:
                continue
            if self.bus.renew(work.held):
                work.renewed = now
            else:
                work.stopped.set()
