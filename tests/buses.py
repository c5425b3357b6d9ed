"""How do tests send missions over a bus, work on them and record what came of it?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.node.mission_bus.bus_worker import BusWorker
from orchestrator.node.mission_bus.filing import BusFiling
from orchestrator.node.mission_bus.recorder import HeadquartersBus, MissionRecorder
from orchestrator.workflow.delegation.task_types import TaskHandler, TaskJob, TaskTypes
from tests.ledgers import Peer, Ticks
from tests.waiting import PATIENCE, until

LEASE = 0.4


def envelope(job: str, task: str = "probe:do it", key: str = "", **more: object) -> str:
    """A mission as it is sent."""
    body = {"job_id": job, "idempotency_key": key, "priority": 1, "timeout_seconds": 60}
    return json.dumps(body | {"payload": {"task": task, "context": {}}} | more)


def result(job: str, status: str = "SUCCESS", **more: object) -> str:
    """A result as it is sent."""
    return json.dumps({"job_id": job, "status": status, "result": {"by": "hand"}, "error": ""} | more)


@dataclass
class Marks:
    """Marks in memory: what `core.ports.stores.Cursors` promises."""

    kept: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The mark."""
        return self.kept.get(name, "")

    def put(self, name: str, value: str) -> None:
        """Sets it."""
        self.kept[name] = value

    def starting(self, prefix: str) -> dict[str, str]:
        """Those whose name begins so."""
        return {name: value for name, value in self.kept.items() if name.startswith(prefix)}

    def drop(self, names: Iterable[str]) -> None:
        """Forgets these."""
        for name in names:
            self.kept.pop(name, None)


@dataclass
class Told:
    """What was told."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, event: str, sentence: str, *, once: bool = False, **_facts: object) -> None:
        """Takes the line."""
        self.lines.append((event, sentence))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(sentence for _, sentence in self.lines)


def recorder(
    bus: HeadquartersBus, person: Peer, hq: Peer, marks: Marks, *, ticks: Ticks | None = None
) -> MissionRecorder:
    """Headquarters' recorder for a ledger of a test."""
    return MissionRecorder(
        bus=bus,
        filing=BusFiling(transport=person.bus, reader=person.reader, marks=marks),
        transport=hq.bus,
        reader=hq.reader,
        trust=hq.trust,
        tell=Told(),
        now=hq.bus.now,
        clock=ticks or Ticks(),
    )


def worker(
    bus: HeadquartersBus,
    name: str,
    handlers: Mapping[str, TaskHandler],
    *,
    clock: Callable[[], float],
    slots: int = 4,
    lease: float = LEASE,
) -> BusWorker:
    """One worker."""
    return BusWorker(
        bus=bus, name=name, tasks=TaskTypes(handlers=handlers), slots=slots, lease=lease, clock=clock, tell=Told()
    )


def work_off(one: BusWorker, seconds: float = PATIENCE) -> None:
    """Rounds until it has nothing and gets nothing."""
    one.step()
    until(lambda: not one.step() and not one.busy, "the worker's end", seconds=seconds)


@dataclass
class Gate:
    """A handler that waits until the test lets it go on, and then answers or raises."""

    answer: Mapping[str, Any] | Exception = field(default_factory=lambda: {"ok": True})
    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    jobs: list[TaskJob] = field(default_factory=list)

    def __call__(self, job: TaskJob) -> Mapping[str, Any] | None:
        """Waits."""
        self.jobs.append(job)
        self.entered.set()
        assert self.go_on.wait(PATIENCE)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer
