"""How is the bus tortured? A real Redis server under a nemesis, workers in threads, a ledger that is asked at the end.

The nemesis kills the server and starts it again, brings it back with an older copy or with nothing, puts a replica that
lags in its place, fills its memory and its disk, stops it for longer than a lease, and takes workers away in the middle
of their work. The checker reads the ledger: each
mission that was filed has exactly one accepted result, and none is lost.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from missions.mission import Status
from orchestrator.core.errors import BusUnavailable
from orchestrator.node.mission_bus.bus_worker import BusWorker
from orchestrator.node.mission_bus.recorder import MissionRecorder
from orchestrator.workflow.delegation.task_types import TaskJob
from tests.buses import Marks, envelope, recorder, worker
from tests.ledgers import Peer, Ticks, Town
from tests.redis_server import RedisServer
from tests.waiting import PATIENCE

LEASE = 0.3
FAULTS = ("kill", "older", "empty", "full", "disk", "failover", "pause", "worker_gone", "recorder_gone")


@dataclass(kw_only=True)
class BusTorture:
    """One run. `seed` says which faults come when; `folder` has the ledger as a real repository, None in memory."""

    server: RedisServer
    seed: int
    missions: int
    faults: int
    folder: Path | None = None
    done: Counter[str] = field(default_factory=Counter)
    """How often each mission was worked on."""
    happened: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    _workers: list[tuple[BusWorker, threading.Event, threading.Thread]] = field(default_factory=list)
    _copy: Path | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.town = Town(folder=self.folder)
        self.person, self.hq = self.town.peer("ann"), self.town.peer("hq")
        self.marks = Marks()
        self.names = [f"m{number}" for number in range(self.missions)]
        self._open = list(self.names)
        self.records = self._new_recorder()

    def run(self) -> None:
        """Until every mission is archived, with all faults on the way; raises AssertionError if that never is."""
        before = (-1, -1, -1)  # when a mission was filed or archived last, or a fault survived
        over = time.monotonic() + PATIENCE
        for _ in range(3):
            self._hire()
        waiting = list(self.names)
        until_fault = 3
        while not self._all_done() or sum(self.happened.values()) < self.faults:
            stand = len(waiting), len(self._open), sum(self.happened.values())
            if stand != before:
                over, before = time.monotonic() + PATIENCE, stand
            assert time.monotonic() < over, self._state()
            waiting = self._publish(waiting)
            self._record()
            until_fault -= 1
            if until_fault <= 0 and sum(self.happened.values()) < self.faults:
                self._strike(FAULTS[sum(self.happened.values()) % len(FAULTS)])
                until_fault = self.rng.randint(1, 6)
            time.sleep(0.02)
        self.close()

    def close(self) -> None:
        """Ends the workers and the views of the ledger."""
        for _, over, thread in self._workers:
            over.set()
            thread.join(PATIENCE)
        self._workers.clear()

    # -- what honest people do ------------------------------------------------------------------------------------

    def _publish(self, waiting: list[str]) -> list[str]:
        """A producer's: a few at a time, and again under the same key whatever the ledger does not show."""
        ledger = self.person.ledger()
        left = [name for name in waiting if name not in ledger.open and ledger.archived(name) is None]
        bus = self.server.bus()
        try:
            for name in left[: self.rng.randint(1, 6)]:
                bus.publish(envelope(name, f"probe:{name}", key=f"key-{name}", max_retries=100), self.rng.randint(0, 9))
        except BusUnavailable:
            self.happened["publishing failed"] += 0
        finally:
            bus.close()
        return left

    def _record(self) -> None:
        try:
            self.records.step()
        except BusUnavailable:
            self.happened["recording failed"] += 0
        self.hq.fold()

    def _new_recorder(self) -> MissionRecorder:
        return recorder(self.server.bus(), self.person, self.hq, self.marks, ticks=Ticks())

    def _hire(self) -> None:
        bus, over = self.server.bus(), threading.Event()
        one = worker(bus, f"w{len(self._workers) % 3}", {"probe": self._do}, clock=time.monotonic, lease=LEASE, slots=3)
        thread = threading.Thread(target=one.run, args=(over,), daemon=True)
        self._workers.append((one, over, thread))
        thread.start()

    def _do(self, job: TaskJob) -> dict[str, str]:
        time.sleep(random.Random(job.description + str(job.attempt)).random() * 0.05)
        self.done[job.description] += 1
        return {"probe": job.description}

    # -- what happens to them -------------------------------------------------------------------------------------

    def _strike(self, fault: str) -> None:
        getattr(self, f"_{fault}")()
        self.happened[fault] += 1

    def _kill(self) -> None:
        self._keep_copy()
        self.server.kill()
        self.server.start()

    def _older(self) -> None:
        self.server.kill()
        if self._copy is not None:
            self.server.restore(self._copy)
        self.server.start()

    def _empty(self) -> None:
        self._keep_copy()
        self.server.kill()
        self.server.empty()
        self.server.start()

    def _full(self) -> None:
        self.server.set(maxmemory="1")
        for _ in range(3):
            self._record()
            time.sleep(0.03)
        self.server.set(maxmemory="0")

    def _disk(self) -> None:
        """Its log cannot be written: it takes nothing that it would have to keep, until there is room again."""
        self.server.fill_disk()
        for _ in range(5):
            self._publish(self.names)
            self._record()
            time.sleep(0.05)
        self.server.free_disk()

    def _failover(self) -> None:
        """A replica that lacks the last second takes over."""
        self.server.follow(self.server.folder / f"replica-{sum(self.happened.values())}")
        self.server.cut_replica()
        for _ in range(3):
            self._publish(self.names)
            self._record()
            time.sleep(0.05)
        self.server.fail_over()

    def _pause(self) -> None:
        assert self.server.process is not None
        os.kill(self.server.process.pid, signal.SIGSTOP)
        time.sleep(2 * LEASE)
        os.kill(self.server.process.pid, signal.SIGCONT)

    def _worker_gone(self) -> None:
        """A worker that is gone with all that it holds: it renews nothing and hands nothing in any more."""
        one, over, _ = self._workers[0]
        one.bus = self.server.bus("elsewhere")
        over.set()
        self._workers.append(self._workers.pop(0))
        self._hire()

    def _recorder_gone(self) -> None:
        self.records = self._new_recorder()

    def _keep_copy(self) -> None:
        if self._copy is None:
            self._copy = self.server.folder / "copy"
            self._copy.mkdir()
            self.server.copy(self._copy)

    # -- what is looked at ----------------------------------------------------------------------------------------

    def _all_done(self) -> bool:
        ledger = self.hq.ledger()
        self._open = [name for name in self._open if name in ledger.open or ledger.archived(name) is None]
        return not ledger.claims and not self._open

    def _state(self) -> str:
        ledger = self.hq.ledger()
        missing = [name for name in self.names if ledger.archived(name) is None]
        return f"seed {self.seed}: {missing} are not done; open {sorted(ledger.open)}; {dict(self.happened)}"


def findings(hq: Peer, names: list[str]) -> list[str]:
    """What the ledger has lost or doubled; empty if nothing."""
    ledger = hq.ledger()
    log = "\n".join(hq.text(path) for path in hq.paths() if "SESSION_LOG" in path or path.startswith("log/"))
    found = [f"{name} is still open" for name in ledger.open]
    for name in names:
        filed = ledger.archived(name)
        if filed is None:
            found.append(f"{name} is lost")
            continue
        text = hq.archived(name)
        if filed.mission.status is not Status.DONE:
            found.append(f"{name} is {filed.mission.status}")
        if text.count("### Attempt") != 1 or text.count(f'"probe": "{name}"') != 1:
            found.append(f"{name} has {text.count('### Attempt')} results")
        if log.count(f"<!-- entry: {name}-") != 1:
            found.append(f"{name} is {log.count(f'<!-- entry: {name}-')} times in the log")
        if len(hq.archived_paths(name)) != 1:
            found.append(f"{name} is archived at {hq.archived_paths(name)}")
    return found
