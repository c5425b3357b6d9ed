"""What does a node do, all day long? Fetch, take over, claim, work, hand back, fold; sleep until something moves."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.core.errors import Refused
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger import result_report
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.node_pages import LastSeenStore, list_presences, render_page
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.node.admission import report_problems, require_admitted
from orchestrator.node.announcer import NodePagePublisher, publish_page
from orchestrator.node.executor import CancelToken, Executor, StopReason
from orchestrator.node.handback import Handback
from orchestrator.node.heartbeat import Heartbeat
from orchestrator.node.idle_wait import wait_for_work
from orchestrator.node.jobs import RunningJob, stop_called_off
from orchestrator.node.maintenance import Maintenance
from orchestrator.node.notifications.publisher import NotificationPublisher
from orchestrator.node.scheduler import Assignment, Scheduler
from orchestrator.workflow.fold import fold, has_work
from sync.backoff import Backoff
from sync.errors import HistoryRewritten, SyncError
from sync.remote import RefUpdate

RETRY = Backoff(first=1.0, limit=30.0)
"""Between fetches from a remote that does not answer."""


@dataclass(kw_only=True)
class Node:
    """One node. `clock` is monotonic seconds that go on while the machine sleeps."""

    scheduler: Scheduler
    handback: Handback
    executor: Executor
    heartbeat: Heartbeat
    role: Role
    clock: Callable[[], float]
    book: Callable[[result_report.EndedAttempt], None]
    """Notes what an attempt took."""
    on_close: tuple[Callable[[], None], ...] = ()
    """What ends processes and frees memory at the end."""
    slots: int = 1
    wake: threading.Event = field(default_factory=threading.Event)
    draining: bool = False
    jobs: dict[str, RunningJob] = field(default_factory=dict)
    online: bool = True
    sightings: LastSeenStore | None = None
    maintenance: Maintenance | None = None
    cleanup: Cleanup | None = None
    """Removes what attempts have left; None: each folder goes as soon as its result is taken."""
    bulletin: NodePagePublisher | None = None
    """Keeps this node's page true; None: it is written at the start, and says only what never changes."""
    herald: NotificationPublisher | None = None
    """Looks for what people should be told; None where nobody is."""
    _fold_due: float | None = None
    _pause: float = 0.0
    _once: bool = False
    _tip: str = ""
    """Where the branch stood at the last look."""
    _moved: Mapping[str, datetime | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bus, self.reader, self.trust, self.tell = (
            self.scheduler.bus,
            self.scheduler.reader,
            self.scheduler.trust,
            self.scheduler.tell,
        )
        self._witness = RewriteDetector(self.bus)
        self.heartbeat.on_fence = lambda: self.stop_jobs(StopReason.FENCED)
        self.scheduler.heartbeat_gaps = lambda: self.heartbeat.heartbeat_gaps
        self.scheduler.can_resume = self.executor.can_resume
        self.handback.clock = self.clock

    def run(self, *, once: bool = False) -> None:
        """Works until drained; with `once`, until nothing is left that this node can do now.

        Raises HistoryRewritten when the remote was tampered with, Refused when this node may not work here, and
        SyncError when the remote cannot be reached at the start.
        """
        self._once = once
        ledger = self.reader.read(self.bus.remote.fetch())
        require_admitted(self.bus, self.trust, ledger)
        self.heartbeat.interval, self.heartbeat.lease = ledger.charter.bus.beat_seconds, ledger.charter.bus.lease
        self.heartbeat.start()
        if self.bulletin is not None:
            self.bulletin.announce()
        else:
            publish_page(self.bus, self.reader, render_page(self.scheduler.offer, self.role))
        self._resume()
        try:
            while self._goes_on(moved=self.step()):
                wait_for_work(self.wake, self._pause, busy=self._works, remote=self.bus.remote, tip=self._tip)
        finally:
            self.stop_jobs(StopReason.STOPPING)
            for job in list(self.jobs.values()):
                job.thread.join(timeout=30)
            self.heartbeat.stop()
        self._leave()
        if self.cleanup is not None:
            self.cleanup.wait()

    def drain(self) -> None:
        """Takes nothing new; ends when the running work is done. (First SIGTERM.)"""
        self.draining = True
        self.wake.set()

    def stop_jobs(self, reason: str) -> None:
        """Tells everything that runs to end now. (Second SIGTERM, and self-fencing.)"""
        for job in list(self.jobs.values()):
            job.cancel_token.stop(reason)
        self.wake.set()

    def step(self) -> bool:
        """One round. Returns whether something was done, so that another round makes sense at once."""
        if self.heartbeat.duplicate_node:
            name = self.bus.name
            raise Refused(f"another node runs under the name {name}: give one of them another SHIFTBOOK_NODE_ID")
        try:
            ledger = self.reader.read(self.bus.remote.fetch())
            moved = self._round(ledger)
        except HistoryRewritten:
            raise
        except (SyncError, OSError) as error:
            self._trouble(str(error))
            return False
        if not self.online:
            self.online = True
            self.tell("remote", "reachable again")
        self._pause = 0.0 if moved else self._next_pause(ledger)
        return moved

    def close(self) -> None:
        """Lets go of processes and memory."""
        for end in self.on_close:
            end()

    def _round(self, ledger: LedgerSnapshot) -> bool:
        self._witness.check(ledger)
        self._tip = ledger.tip
        if self.cleanup is not None:
            self.cleanup.step(ledger)
        report_problems(ledger, self.tell)
        stop_called_off(self.jobs, ledger, self.scheduler.deleted)
        self.heartbeat.interval, self.heartbeat.lease = ledger.charter.bus.beat_seconds, ledger.charter.bus.lease
        self.scheduler.observe(ledger, self.clock())
        if self.sightings is not None:
            self._moved = self.sightings.update(ledger.beats, self.bus.now())
        busy = self.jobs.keys() | self.handback.pending(ledger.claims)  # as of now: some is handed back in a moment
        moved = self._hand_back()
        if not self.draining and not self.heartbeat.fenced:
            taken = self.scheduler.resume(ledger, self._free(), busy)
            self._begin(taken)
            found = self.scheduler.pick_up(ledger, self._free(), busy)
            self._begin(found)
            taken += found
            more = self.scheduler.take_over(ledger, self._free())
            self._begin(more)
            taken += more
            room = self.cleanup is None or self.cleanup.has_room(ledger)
            fresh = self.scheduler.claim(ledger, self._free() if room else 0)
            self._begin(fresh)
            moved = moved or bool(taken or fresh)
        moved = self._fold(ledger) or moved
        if self.herald is not None:
            self.herald.post(ledger)
        if self.bulletin is not None and not self.draining:
            self.bulletin.step(ledger)
        return (self.maintenance is not None and not self.draining and self.maintenance.step(ledger)) or moved

    def _works(self) -> bool:
        return bool(self.jobs) and self.online

    def _free(self) -> int:
        return self.slots - len(self.jobs)

    def _trouble(self, why: str) -> None:
        """The remote or the disk does not answer: said once, tried again, and nothing is thrown away."""
        self.online = False
        self.tell("remote", f"{why}; trying again", once=True)
        self._pause = RETRY.next(self._pause)

    def _next_pause(self, ledger: LedgerSnapshot) -> float:
        """Seconds until the next fetch if nothing wakes us: short after something moved, longer while all is calm."""
        low, high = ledger.charter.bus.poll_seconds
        pause = low if self._pause <= 0 else min(self._pause * 1.5, high)
        due = max(0.05, self._fold_due - self.clock()) if self._fold_due is not None else high
        watching = ledger.charter.bus.beat_seconds if ledger.claims else high  # a lease is timed by fetches
        return min(pause, due, watching)

    def _resume(self) -> None:
        """After a restart: hands back what was ready, then takes again what this node held when it died."""
        self.handback.reload()
        self._hand_back()
        now = self.reader.read(self.bus.remote.fetch())
        self._begin(self.scheduler.resume(now, self.slots, self.handback.pending(now.claims)))

    def _begin(self, taken: list[Assignment]) -> None:
        for one in taken:
            if one.end:
                self.handback.end(one)
                self.wake.set()
            else:
                self._start(one)

    def _start(self, taken: Assignment) -> None:
        stopper, claim, mission = CancelToken(), taken.held.claim, taken.mission
        remarks = (taken.remark,) if taken.remark else ()

        def work() -> None:
            attempt = self.executor.attempt(taken.ledger, mission, claim, stopper, remarks)
            self.handback.post(taken.held, attempt, stopper.reason)
            self._note(attempt)
            self.executor.settle(claim)
            self.wake.set()

        thread = threading.Thread(target=work, name=f"work-{mission.name}", daemon=True)
        self.jobs[mission.name] = RunningJob(held=taken.held, mission=mission, thread=thread, cancel_token=stopper)
        if self.heartbeat.fenced or self.heartbeat.heartbeat_gaps != taken.heartbeat_gaps:
            stopper.stop(StopReason.FENCED)  # it stood still since it asked for this claim: given back at once
        else:
            told = f"{mission.title}, attempt {claim.attempt}"
            self.tell("started", told, mission=mission.name, attempt=claim.attempt)
        thread.start()

    def _note(self, attempt: result_report.EndedAttempt) -> None:
        """Usage is for people to look at: a database that cannot be written must not cost a result."""
        try:
            self.book(attempt)
        except Exception as error:  # whatever the database's driver raises
            self.tell("usage", f"what {attempt.mission.name} took could not be noted: {error}")

    def _hand_back(self) -> bool:
        done = self.handback.hand_back()
        for letter in done:
            self.executor.handed_back(letter, keep=self.cleanup is not None)
        if done and self.cleanup is not None:
            self.cleanup.attempt_ended()
        for letter in (*done, *self.handback.refused):  # what was refused waits without a slot
            job = self.jobs.get(letter.held.claim.mission)
            if job is not None and job.held.oid == letter.held.oid:
                del self.jobs[letter.held.claim.mission]
        return bool(done)

    def _fold(self, ledger: LedgerSnapshot) -> bool:
        """Folds at once where it is this role's duty; elsewhere after a random wait, in case somebody else does."""
        if not has_work(ledger):
            self._fold_due = None
            return False
        if self._fold_due is None:
            self._fold_due = self.clock() + self._fold_wait(ledger)
        if self.clock() < self._fold_due:
            return False
        self._fold_due = None
        return self._fold_now()

    def _fold_wait(self, ledger: LedgerSnapshot) -> float:
        """Seconds: none for HQ, long while HQ is alive and will do it, short and random where there is no HQ."""
        if self.role.folds_at_once or self._once:
            return 0.0
        here = list_presences(ledger, self._moved, self.bus.now())
        headquarters = any(p.role == Role.HEADQUARTERS and p.state in {"live", "unknown"} for p in here)
        roof = min(ledger.charter.bus.lease, 10.0) if headquarters else 1.0
        return random.uniform(0.5, 1.0) * roof  # noqa: S311  # spreads racers, guards nothing

    def _fold_now(self) -> bool:
        folded = fold(self.bus, self.reader, self.trust, self._witness.check)
        for name, status in folded.missions.items():
            self.tell("folded", f"{name} is {status} on the branch", mission=name, status=status.value)
        for name, why in folded.refused.items():
            self.tell("alarm", f"the result of {name} is not taken: {why}", once=True, mission=name)
        return bool(folded.missions)

    def _goes_on(self, *, moved: bool) -> bool:
        """Whether there is more to do. Offline, a draining node does not wait: its outbox keeps what is ready."""
        busy = any(job.thread.is_alive() for job in self.jobs.values())
        undelivered = self.online and (self.handback.waiting or bool(self.jobs))
        return not (self.draining or self._once) or busy or moved or undelivered

    def _leave(self) -> None:
        """Hands back what is left, folds it, and takes the beat down: a node that left is not a node that died."""
        try:
            self._hand_back()
            self._fold_now()
            ref = BEAT + self.bus.name
            refs = self.bus.remote.fetch()
            here = refs.get(ref)
            self.bus.remote.push([RefUpdate(ref=ref, expect=here, new=None)] if here else [])
            if self.herald is not None:
                self.herald.post(self.reader.read(refs))
        except (SyncError, OSError) as error:
            self.tell("remote", f"could not say goodbye: {error}; nothing is lost, the next start hands back the rest")
