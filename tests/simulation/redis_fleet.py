"""How many nodes does the bus beside the ledger carry? Thousands of them in virtual time, on the port of missions.

The workers, headquarters' recorder and the fold are the code that nodes run; the bus is the one in memory that passes
the contract suite; only the clock, the work, and what each question costs the Redis server and headquarters are made
up. Those costs were measured (`shiftbook bench bus --bus redis`, and batches of 200 on a repository on the same disk).
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from missions.mission import Status
from orchestrator.cli import terminal
from orchestrator.core.ports.mission_bus import Delivery, GivenUp, Requeued
from orchestrator.node.mission_bus.bus_worker import BusWorker
from orchestrator.workflow.delegation.task_types import TaskJob, TaskTypes
from tests.buses import Marks, Told, envelope, recorder
from tests.ledgers import Ticks, Town
from tests.memory_bus import MemoryBus

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds. Of the Redis server's one core for each question; of headquarters for a round, and for each mission."""

    publish: float = 50e-6
    claim: float = 120e-6
    claim_nothing: float = 50e-6
    take_over: float = 130e-6
    renew: float = 60e-6
    finish: float = 70e-6
    round: float = 0.15
    filing: float = 0.0015
    recording: float = 0.016
    folding: float = 0.014


@dataclass(frozen=True, kw_only=True)
class RedisScenario:
    """One fleet. Missions come at random moments of `seconds`; work is log-normal, as durations are."""

    nodes: int = 1000
    missions: int = 1000
    seconds: float = 600.0
    work_seconds: float = 60.0
    fail: float = 0.02
    gone: float = 0.01
    """The part of the nodes that lose power for good in that time, with all that they hold."""
    lease: float = 60.0
    slots: int = 1
    costs: Costs = Costs()
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class RedisFigures:
    """What came of it. Waits are seconds: from published to claimed, from done to recorded and folded."""

    nodes: int
    missions: int
    virtual_seconds: float
    claimed: dict[str, float]
    on_the_branch: dict[str, float]
    redis_busy: float
    redis_questions_a_second: float
    headquarters_busy: float
    taken_over: int
    done_twice: int
    """Attempts of which no result was taken: somebody else's was first, or had it already."""


@dataclass
class MeteredBus:
    """A bus of which each question costs the server's time: who asks waits until it has come to it."""

    bus: MemoryBus
    costs: Costs
    clock: Callable[[], float]
    busy: float = 0.0
    free_at: float = 0.0
    questions: Counter[str] = field(default_factory=Counter)
    claimed: dict[str, float] = field(default_factory=dict)

    def _cost(self, what: str, seconds: float) -> None:
        self.questions[what] += 1
        self.busy += seconds
        self.free_at = max(self.free_at, self.clock()) + seconds

    @property
    def wait(self) -> float:
        """Seconds until the server has answered all that it was asked."""
        return max(0.0, self.free_at - self.clock())

    def publish(self, text: str, priority: int, *, filed: bool = False) -> bool:
        """As the port says."""
        self._cost("publish", self.costs.publish)
        return self.bus.publish(text, priority, filed=filed)

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """As the port says."""
        found = self.bus.claim(worker, count)
        self._cost("claim", self.costs.claim if found else self.costs.claim_nothing)
        for held in found:
            self.claimed.setdefault(held.key, self.clock() + self.wait)
        return found

    def take_over(self, worker: str, idle_seconds: float, count: int) -> list[Delivery]:
        """As the port says."""
        self._cost("take_over", self.costs.take_over)
        return self.bus.take_over(worker, idle_seconds, count)

    def renew(self, held: Delivery) -> bool:
        """As the port says."""
        self._cost("renew", self.costs.renew)
        return self.bus.renew(held)

    def finish(self, held: Delivery, body: str) -> bool:
        """As the port says."""
        self._cost("finish", self.costs.finish)
        return self.bus.finish(held, body)

    def give_up(self, held: Delivery, ending: GivenUp, reason: str) -> Requeued:
        """As the port says."""
        self._cost("finish", self.costs.finish)
        return self.bus.give_up(held, ending, reason)


class RedisFleet:
    """One run."""

    def __init__(self, plan: RedisScenario) -> None:
        self.plan, self.now, self.rng = plan, 0.0, random.Random(plan.seed)
        self.town = Town()
        self.person, self.hq = self.town.peer("ann"), self.town.peer("hq")
        self.memory = MemoryBus(lambda: self.now)
        self.bus = MeteredBus(self.memory, plan.costs, lambda: self.now)
        self.ticks = Ticks()
        self.recorder = recorder(self.memory, self.person, self.hq, Marks(), ticks=self.ticks)
        self.published: dict[str, float] = {}
        self.done: dict[str, list[float]] = {}
        self.folded: dict[str, float] = {}
        self.busy, self.taken_over = 0.0, 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._workers = [self._hire(number) for number in range(plan.nodes)]

    def run(self) -> RedisFigures:
        """Until every mission is on the branch; raises AssertionError if that is not so after ten times as long."""
        for number in range(self.plan.missions):
            self._at(self.rng.uniform(0, self.plan.seconds), lambda name=f"m{number}": self._publish(name))  # type: ignore[misc]
        for one in self._workers:
            self._at(self.rng.uniform(0, 1), lambda one=one: self._step(one))  # type: ignore[misc]
        for one in self.rng.sample(self._workers, round(self.plan.gone * self.plan.nodes)):
            self._at(self.rng.uniform(0, self.plan.seconds), lambda one=one: self._lose(one))  # type: ignore[misc]
        self._at(0.0, self._record)
        while len(self.folded) < self.plan.missions:
            self.now, _, act = heapq.heappop(self._agenda)
            assert self.now < 10 * self.plan.seconds + 3600, f"{len(self.folded)} of {self.plan.missions} are done"
            act()
        return self._figures()

    def problems(self) -> list[str]:
        """What the ledger has lost, left open or has twice."""
        ledger = self.hq.ledger()
        found = [f"{name} is still open" for name in ledger.open]
        for name in self.published:
            filed = ledger.archived(name)
            if filed is None or filed.mission.status is not Status.DONE:
                found.append(f"{name} is {filed.mission.status if filed else 'lost'}")
            elif self.hq.archived(name).count("### Attempt") != 1:
                found.append(f"{name} has several results")
        return found

    # -- what happens ---------------------------------------------------------------------------------------------

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._numbers), act))

    def _hire(self, number: int) -> BusWorker:
        return BusWorker(
            bus=self.bus,
            name=f"w{number}",
            tasks=TaskTypes(handlers={"probe": self._work}),
            slots=self.plan.slots,
            lease=self.plan.lease,
            clock=lambda: self.now,
            tell=Told(),
            begin=lambda work, _name: self._at(self.now + self._duration(), work),
        )

    def _duration(self) -> float:
        return self.plan.work_seconds * self.rng.lognormvariate(0, 0.6)

    def _work(self, job: TaskJob) -> dict[str, str]:
        if self.rng.random() < self.plan.fail:
            raise RuntimeError("it failed")
        self.done.setdefault(job.envelope.job_id, []).append(self.now)
        self.taken_over += job.attempt > 1
        return {"did": job.description}

    def _publish(self, name: str) -> None:
        self.published[name] = self.now
        text = envelope(name, f"probe:{name}", max_retries=50, timeout_seconds=86_400)
        self.bus.publish(text, self.rng.randint(0, 9))

    def _step(self, one: BusWorker) -> None:
        if one.draining:
            return
        pause = one.pause_after(moved=one.step())
        self._at(self.now + self.bus.wait + max(pause, 0.001), lambda: self._step(one))

    def _lose(self, one: BusWorker) -> None:
        one.draining = True

    def _record(self) -> None:
        """A round of headquarters, and the fold that it wakes; the next begins when it would be through."""
        self.ticks.at = self.now
        before, costs = self.recorder.recorded, self.plan.costs
        asked = sum(not job.filed for job in self.memory._jobs.values())
        moved = self.recorder.step()
        took = costs.round if moved else 0.02
        took += costs.filing * min(asked, 200) + costs.recording * (self.recorder.recorded - before)
        if self.recorder.recorded > before:
            names = self.hq.fold().missions
            took += costs.folding * len(names)
            self.folded.update(dict.fromkeys(names, self.now + took))
        self.busy += took
        self._at(self.now + took + (0.0 if moved else 1.0), self._record)

    def _figures(self) -> RedisFigures:
        claimed = [self.bus.claimed[name] - when for name, when in self.published.items()]
        on_branch = [self.folded[name] - min(self.done[name]) for name in self.published]
        return RedisFigures(
            nodes=self.plan.nodes,
            missions=self.plan.missions,
            virtual_seconds=round(self.now, 1),
            claimed=_spread(claimed),
            on_the_branch=_spread(on_branch),
            redis_busy=round(self.bus.busy / self.now, 4),
            redis_questions_a_second=round(self.bus.questions.total() / self.now, 1),
            headquarters_busy=round(self.busy / self.now, 4),
            taken_over=self.taken_over,
            done_twice=sum(len(each) - 1 for each in self.done.values()),
        )


def _spread(waits: Sequence[float]) -> dict[str, float]:
    """The median, 95 of 100, and the longest."""
    rows = sorted(waits)
    return {
        "p50": round(rows[len(rows) // 2], 2),
        "p95": round(rows[int(len(rows) * 0.95)], 2),
        "max": round(rows[-1], 2),
    }


@click.command("python -m tests.simulation.redis_fleet")
@click.option("--nodes", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@click.option("--missions", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=600.0, show_default=True, help="In which they come.")
@click.option("--work-seconds", type=click.FloatRange(0.01), default=60.0, show_default=True, help="Of a mission.")
@click.option("--seed", default=1, show_default=True)
def command(**plan: Any) -> None:
    """Simulates a fleet whose missions go over Redis. Exit code 1 if one is lost or has several results."""
    fleet = RedisFleet(RedisScenario(**plan))
    figures = fleet.run()
    wrong = fleet.problems()
    terminal.print_json(asdict(figures) | {"problems": wrong[:SHOWN]})
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    command()
