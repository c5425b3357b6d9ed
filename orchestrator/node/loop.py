"""What does a node do, all day long? Fetch, take over, claim, work, hand back, fold; sleep until something moves."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.core.errors import Refused
from orchestrator.core.roles import Role
from orchestrator.execution.workspace.cleanup import Clearance
from orchestrator.ledger import result_report
from orchestrator.ledger.claims import Witness
from orchestrator.ledger.node_pages import Sightings, page, presences
from orchestrator.ledger.snapshot import Ledger
from orchestrator.ledger.transport import BEAT
from orchestrator.node.admission import admitted, report
from orchestrator.node.announcer import Bulletin, announce
from orchestrator.node.executor import Reason, Stopper, Workshop
from orchestrator.node.handback import Delivery
from orchestrator.node.heartbeat import Pulse
from orchestrator.node.idle_wait import rest
from orchestrator.node.jobs import Job, call_off
from orchestrator.node.maintenance import Upkeep
from orchestrator.node.notifications.publisher import Herald
from orchestrator.node.scheduler import Intake, Taken
from orchestrator.workflow.fold import duty, fold
from sync.errors import HistoryRewritten, SyncError
from sync.remote import Update


@dataclass(kw_only=True)
class Node:
    """One node. `clock` is monotonic seconds that go on while the machine sleeps."""

    intake: Intake
    delivery: Delivery
    workshop: Workshop
    pulse: Pulse
    role: Role
    clock: Callable[[], float]
    book: Callable[[result_report.Attempt], None]
    """Notes what an attempt took."""
    let_go: tuple[Callable[[], None], ...] = ()
    """What ends processes and frees memory at the end."""
    slots: int = 1
    wake: threading.Event = field(default_factory=threading.Event)
    draining: bool = False
    jobs: dict[str, Job] = field(default_factory=dict)
    online: bool = True
    sightings: Sightings | None = None
    upkeep: Upkeep | None = None
    clearance: Clearance | None = None
    """Removes what attempts have left; None: each folder goes as soon as its result is taken."""
    bulletin: Bulletin | None = None
    """Keeps this node's page true; None: it is written at the start, and says only what never changes."""
    herald: Herald | None = None
    """Looks for what people should be told; None where nobody is."""
    _fold_due: float | None = None
    _pause: float = 0.0
    _once: bool = False
    _tip: str = ""
    """Where the branch stood at the last look."""
    _moved: Mapping[str, datetime | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bus, self.reader, self.trust, self.tell = (
            self.intake.bus,
            self.intake.reader,
            self.intake.trust,
            self.intake.tell,
        )
        self._witness = Witness(self.bus)
        self.pulse.on_fence = lambda: self.stop_jobs(Reason.FENCED)
        self.intake.breaks = lambda: self.pulse.breaks
        self.intake.continues = self.workshop.continues
        self.delivery.clock = self.clock

    def run(self, *, once: bool = False) -> None:
        """Works until drained; with `once`, until nothing is left that this node can do now.

        Raises HistoryRewritten when the remote was tampered with, Refused when this node may not work here, and
        SyncError when the remote cannot be reached at the start.
        """
        self._once = once
        if once:
            self.intake.fitting.deference = None  # what can be done now is done now
        ledger = self.reader.read(self.bus.remote.fetch())
        admitted(self.bus, self.trust, ledger)
        self.pulse.interval, self.pulse.lease = ledger.charter.bus.beat_seconds, ledger.charter.bus.lease
        self.pulse.start()
        if self.bulletin is not None:
            self.bulletin.announce()
        else:
            announce(self.bus, self.reader, page(self.intake.offer, self.role))
        self._resume()
        try:
            while self._goes_on(moved=self.step()):
                rest(self.wake, self._pause, busy=self._works, remote=self.bus.remote, tip=self._tip)
        finally:
            self.stop_jobs(Reason.STOPPING)
            for job in list(self.jobs.values()):
                job.thread.join(timeout=30)
            self.pulse.stop()
        self._leave()
        if self.clearance is not None:
            self.clearance.wait()

    def drain(self) -> None:
        """Takes nothing new; ends when the running work is done. (First SIGTERM.)"""
        self.draining = True
        self.wake.set()

    def stop_jobs(self, reason: str) -> None:
        """Tells everything that runs to end now. (Second SIGTERM, and self-fencing.)"""
        for job in list(self.jobs.values()):
            job.stopper.stop(reason)
        self.wake.set()

    def step(self) -> bool:
        """One round. Returns whether something was done, so that another round makes sense at once."""
        if self.pulse.doubled:
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
        self._pause = 0.0 if moved else self._calmer(ledger)
        return moved

    def close(self) -> None:
        """Lets go of processes and memory."""
        for end in self.let_go:
            end()

    def _round(self, ledger: Ledger) -> bool:
        self._witness.check(ledger)
        self._tip = ledger.tip
        if self.clearance is not None:
            self.clearance.step(ledger)
        report(ledger, self.tell)
        call_off(self.jobs, ledger, self.intake.deleted)
        self.pulse.interval, self.pulse.lease = ledger.charter.bus.beat_seconds, ledger.charter.bus.lease
        self.intake.observe(ledger, self.clock())
        if self.sightings is not None:
            self._moved = self.sightings.update(ledger.beats, self.bus.now())
        busy = self.jobs.keys() | self.delivery.pending(ledger.claims)  # as of now: some is handed back in a moment
        moved = self._hand_back()
        if not self.draining and not self.pulse.fenced:
            taken = self.intake.resume(ledger, self._free(), busy)
            self._begin(taken)
            found = self.intake.pick_up(ledger, self._free(), busy)
            self._begin(found)
            taken += found
            more = self.intake.take_over(ledger, self._free())
            self._begin(more)
            taken += more
            room = self.clearance is None or self.clearance.admits(ledger)
            fresh = self.intake.claim(ledger, self._free() if room else 0)
            self._begin(fresh)
            moved = moved or bool(taken or fresh)
        moved = self._fold(ledger) or moved
        if self.herald is not None:
            self.herald.post(ledger)
        if self.bulletin is not None and not self.draining:
            self.bulletin.step(ledger)
        return (self.upkeep is not None and not self.draining and self.upkeep.step(ledger)) or moved

    def _works(self) -> bool:
        return bool(self.jobs) and self.online

    def _free(self) -> int:
        return self.slots - len(self.jobs)

    def _trouble(self, why: str) -> None:
        """The remote or the disk does not answer: said once, tried again, and nothing is thrown away."""
        self.online = False
        self.tell("remote", f"{why}; trying again", once=True)
        self._pause = min(max(self._pause * 2, 1.0), 30.0)

    def _calmer(self, ledger: Ledger) -> float:
        """Seconds until the next fetch if nothing wakes us: short after something moved, longer while all is calm."""
        low, high = ledger.charter.bus.poll_seconds
        pause = low if self._pause <= 0 else min(self._pause * 1.5, high)
        due = max(0.05, self._fold_due - self.clock()) if self._fold_due is not None else high
        watching = ledger.charter.bus.beat_seconds if ledger.claims else high  # a lease is timed by fetches
        return min(pause, due, watching)

    def _resume(self) -> None:
        """After a restart: hands back what was ready, then takes again what this node held when it died."""
        self.delivery.reload()
        self._hand_back()
        now = self.reader.read(self.bus.remote.fetch())
        self._begin(self.intake.resume(now, self.slots, self.delivery.pending(now.claims)))

    def _begin(self, taken: list[Taken]) -> None:
        for one in taken:
            if one.end:
                self.delivery.end(one)
                self.wake.set()
            else:
                self._start(one)

    def _start(self, taken: Taken) -> None:
        stopper, claim, mission = Stopper(), taken.held.claim, taken.mission
        remarks = (taken.remark,) if taken.remark else ()

        def work() -> None:
            attempt = self.workshop.attempt(taken.ledger, mission, claim, stopper, remarks)
            self.delivery.post(taken.held, attempt, stopper.reason)
            self._note(attempt)
            self.workshop.settle(claim)
            self.wake.set()

        thread = threading.Thread(target=work, name=f"work-{mission.name}", daemon=True)
        self.jobs[mission.name] = Job(held=taken.held, mission=mission, thread=thread, stopper=stopper)
        if self.pulse.fenced or self.pulse.breaks != taken.breaks:
            stopper.stop(Reason.FENCED)  # it stood still since it asked for this claim: given back at once
        else:
            told = f"{mission.title}, attempt {claim.attempt}"
            self.tell("started", told, mission=mission.name, attempt=claim.attempt)
        thread.start()

    def _note(self, attempt: result_report.Attempt) -> None:
        """Usage is for people to look at: a database that cannot be written must not cost a result."""
        try:
            self.book(attempt)
        except Exception as error:  # whatever the database's driver raises
            self.tell("usage", f"what {attempt.mission.name} took could not be noted: {error}")

    def _hand_back(self) -> bool:
        done = self.delivery.hand_back()
        for letter in done:
            self.workshop.handed_back(letter, keep=self.clearance is not None)
        if done and self.clearance is not None:
            self.clearance.soon()
        for letter in (*done, *self.delivery.refused):  # what was refused waits without a slot
            job = self.jobs.get(letter.held.claim.mission)
            if job is not None and job.held.oid == letter.held.oid:
                del self.jobs[letter.held.claim.mission]
        return bool(done)

    def _fold(self, ledger: Ledger) -> bool:
        """Folds at once where it is this role's duty; elsewhere after a random wait, in case somebody else does."""
        if not duty(ledger):
            self._fold_due = None
            return False
        if self._fold_due is None:
            self._fold_due = self.clock() + self._fold_wait(ledger)
        if self.clock() < self._fold_due:
            return False
        self._fold_due = None
        return self._fold_now()

    def _fold_wait(self, ledger: Ledger) -> float:
        """Seconds: none for HQ, long while HQ is alive and will do it, short and random where there is no HQ."""
        if self.role.folds_at_once or self._once:
            return 0.0
        here = presences(ledger, self._moved, self.bus.now())
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
        undelivered = self.online and (self.delivery.waiting or bool(self.jobs))
        return not (self.draining or self._once) or busy or moved or undelivered

    def _leave(self) -> None:
        """Hands back what is left, folds it, and takes the beat down: a node that left is not a node that died."""
        try:
            self._hand_back()
            self._fold_now()
            ref = BEAT + self.bus.name
            refs = self.bus.remote.fetch()
            here = refs.get(ref)
            self.bus.remote.push([Update(ref=ref, expect=here, new=None)] if here else [])
            if self.herald is not None:
                self.herald.post(self.reader.read(refs))
        except (SyncError, OSError) as error:
            self.tell("remote", f"could not say goodbye: {error}; nothing is lost, the next start hands back the rest")
