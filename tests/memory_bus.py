"""The bus of missions in this process' memory, with its dead letters: what the ports promise, for simulations."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from missions.plain_data import read_json
from orchestrator.core.ports.bus_care import DeadLetter, LetterKind, PutBack
from orchestrator.core.ports.mission_bus import (
    DEFAULT_ATTEMPTS,
    LEDGER,
    MAX_ENVELOPE_BYTES,
    Delivery,
    FilingRequest,
    GivenUp,
    PriorityClass,
    ReceivedResult,
    Requeued,
    priority_class,
)

CLASSES = (PriorityClass.HIGH, PriorityClass.NORMAL, PriorityClass.LOW)


@dataclass
class _Job:
    """A mission as the bus knows it."""

    key: str
    envelope: str
    place: PriorityClass
    entry: str
    state: str = "queued"
    epoch: int = 0
    attempt: int = 0
    token: str = ""
    ended: str = ""
    seen: float = 0.0
    filed: bool = False
    answered: bool = False
    failure: str = ""
    taken_back: str = ""


@dataclass
class MemoryBus:
    """All three ports. `clock` is monotonic seconds. Any thread may use it."""

    clock: Callable[[], float]
    dead_letters: list[tuple[str, str]] = field(default_factory=list)
    """Envelopes with the reason why they are dead."""
    _letter_ids: list[str] = field(default_factory=list)
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _queues: dict[PriorityClass, list[_Job]] = field(default_factory=lambda: {place: [] for place in CLASSES})
    _results: dict[str, ReceivedResult] = field(default_factory=dict)
    _held: dict[str, _Job] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def publish(self, envelope: str, priority: int, *, filed: bool = False) -> bool:
        """Puts a mission on the bus; False: it is known."""
        read = _read(envelope)
        with self._lock:
            key = read.get("idempotency_key") or read["job_id"]
            known = self._jobs.get(key)
            if known is not None and known.state != "reopened":
                return False
            place = priority_class(priority)
            job = _Job(key=key, envelope=envelope, place=place, entry=self._next(), filed=filed)
            job.epoch = known.epoch if known is not None else 0
            job.taken_back = known.taken_back if known is not None else ""
            job.filed = filed or (known is not None and known.filed)
            self._jobs[key] = job
            self._queues[place].append(job)
            return True

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """Missions that nobody had yet."""
        taken: list[Delivery] = []
        with self._lock:
            for place in CLASSES:
                queue = self._queues[place]
                while queue and len(taken) < count:
                    taken += self._begin(queue.pop(0), worker)
        return taken

    def take_over(self, worker: str, idle_seconds: float, count: int) -> list[Delivery]:
        """Missions of silent holders."""
        taken: list[Delivery] = []
        with self._lock:
            for job in list(self._held.values()):
                if len(taken) < count and self.clock() - job.seen >= idle_seconds:
                    taken += self._begin(job, worker)
        return taken

    def renew(self, held: Delivery) -> bool:
        """Says that its holder lives."""
        with self._lock:
            job = self._jobs[held.job]
            if job.token != held.token or job.state != "running":
                return False
            job.seen = self.clock()
            return True

    def finish(self, held: Delivery, body: str) -> bool:
        """Hands a result in and lets the mission go."""
        with self._lock:
            job = self._jobs[held.job]
            if job.token != held.token or job.state not in {"running", "done"}:
                return False
            if job.state == "running":
                self._add_result(body, job, held.worker, held.epoch)
                job.state = "done"
                self._held.pop(job.key, None)
            return True

    def give_up(self, held: Delivery, ending: GivenUp, reason: str) -> Requeued:
        """Lets a mission go without a result."""
        with self._lock:
            job = self._jobs[held.job]
            if job.ended == held.token:
                return {"dead": Requeued.DEAD, "done": Requeued.CARRIED}.get(job.state, Requeued.QUEUED)
            if job.token != held.token or job.state != "running":
                return Requeued.STALE
            job.ended = held.token
            if ending is GivenUp.FINAL or (ending is GivenUp.RETRY and job.attempt >= _attempts(job)):
                self._bury(job, reason)
                return Requeued.DEAD
            if ending is GivenUp.LEDGER:
                job.state = "done"
                self._held.pop(job.key, None)
                return Requeued.CARRIED
            job.attempt -= ending is GivenUp.RELEASE
            job.state, job.token = "queued", ""
            self._held.pop(job.key, None)
            self._queues[job.place].append(job)
            return Requeued.QUEUED

    def requests(self, count: int) -> list[FilingRequest]:
        """What the ledger has not been told of."""
        with self._lock:
            waiting = [job for job in self._jobs.values() if not job.filed][:count]
            return [FilingRequest(place=j.place, entry=j.entry, job=j.key, envelope=j.envelope) for j in waiting]

    def filed(self, request: FilingRequest, refused: str = "") -> None:
        """The ledger has it, or refuses it."""
        with self._lock:
            job = self._jobs[request.job]
            job.filed = True
            if refused and not job.answered:
                self._queues[job.place] = [each for each in self._queues[job.place] if each is not job]
                self._bury(job, refused, LEDGER)

    def results(self, count: int) -> list[ReceivedResult]:
        """Results that are not settled."""
        with self._lock:
            found = list(self._results.values())[:count]
            return [one if len(one.body) <= 2 * MAX_ENVELOPE_BYTES else replace(one, body="") for one in found]

    def set_aside(self, received: ReceivedResult, why: str) -> None:
        """Keeps a result among the dead letters."""
        self._put_letter(received.body, why)

    def letters(self, count: int) -> list[DeadLetter]:
        """The newest dead letters."""
        found = [self._letter(number) for number in reversed(range(len(self._letter_ids)))]
        return [replace(each, envelope="") for each in found[:count]]

    def letter(self, letter_id: str) -> DeadLetter | None:
        """One whole."""
        return self._letter(self._letter_ids.index(letter_id)) if letter_id in self._letter_ids else None

    def put_back(self, letter: DeadLetter) -> PutBack:
        """Queues a dead mission again."""
        with self._lock:
            read = _read(letter.envelope)
            if letter.id not in self._letter_ids:
                return PutBack.GONE
            known = self._jobs.get(read.get("idempotency_key") or read["job_id"])
            if known is not None and known.state != "dead":
                return PutBack.LIVES
            if known is not None:
                known.state, known.filed = "reopened", False
                known.taken_back = known.failure
                self._results.pop(known.failure, None)
            self.publish(letter.envelope, int(read.get("priority", 1)))
            self.drop(letter.id)
            return PutBack.QUEUED

    def drop(self, letter_id: str) -> bool:
        """Takes a letter away for good."""
        with self._lock:
            if letter_id not in self._letter_ids:
                return False
            number = self._letter_ids.index(letter_id)
            del self._letter_ids[number], self.dead_letters[number]
            return True

    def _put_letter(self, body: str, why: str) -> None:
        self.dead_letters.append((body, why))
        self._letter_ids.append(self._next())

    def _letter(self, number: int) -> DeadLetter:
        body, why = self.dead_letters[number]
        read = read_json(body)
        return DeadLetter(
            id=self._letter_ids[number],
            when=datetime.fromtimestamp(0, UTC),
            kind=LetterKind.RESULT if read.get("status") else LetterKind.MISSION,
            job_id=read["job_id"],
            reason=why,
            size=len(body),
            envelope=body,
        )

    def settle(self, settled: Sequence[tuple[ReceivedResult, str]], reopened: Collection[str] = ()) -> None:
        """Marks missions as done, or as wanted again, and lets their results go."""
        with self._lock:
            for result, key in settled:
                self._results.pop(result.entry, None)
                job = self._jobs.get(key)
                if job is not None and key in reopened:
                    if job.state in {"done", "dead"}:
                        job.state, job.token, job.ended, job.attempt, job.answered = "reopened", "", "", 0, False
                elif job is not None and job.state != "dead" and job.taken_back != result.entry:
                    job.state, job.answered = "done", True
                    self._held.pop(job.key, None)
                    self._queues[job.place] = [each for each in self._queues[job.place] if each is not job]

    def answer(self, key: str, body: str) -> bool:
        """Tells how a mission ended that the ledger carried."""
        with self._lock:
            job = self._jobs.get(key) or _Job(key=key, envelope="{}", place=PriorityClass.NORMAL, entry="", filed=True)
            self._jobs[key] = job
            if job.answered:
                return False
            job.state = "done"
            self._add_result(body, job, LEDGER, 0)
            return True

    def trim(self) -> int:
        """Nothing is left to drop."""
        return 0

    def generation(self) -> str:
        """It never restarts."""
        return "1"

    def _next(self) -> str:
        return f"{next(self._numbers)}-0"

    def _begin(self, job: _Job, worker: str) -> list[Delivery]:
        if job.state in {"done", "dead"}:
            self._held.pop(job.key, None)
            return []
        if job.attempt >= _attempts(job):
            self._bury(job, f"all {job.attempt} attempts are spent: whoever had it fell silent")
            return []
        job.epoch, job.attempt, job.state = job.epoch + 1, job.attempt + 1, "running"
        job.token, job.seen = f"token-{self._next()}", self.clock()
        self._held[job.key] = job
        return [
            Delivery(
                place=job.place,
                entry=job.entry,
                job=job.key,
                key=job.key,
                epoch=job.epoch,
                attempt=job.attempt,
                token=job.token,
                worker=worker,
                envelope=job.envelope,
            )
        ]

    def _bury(self, job: _Job, why: str, by: str = "") -> None:
        job.state = "dead"
        self._held.pop(job.key, None)
        self._put_letter(job.envelope, why)
        body = {"job_id": _read(job.envelope)["job_id"], "status": "FAILED", "result": None, "error": why}
        job.failure = self._add_result(json.dumps(body), job, by, 0)

    def _add_result(self, body: str, job: _Job, worker: str, epoch: int) -> str:
        entry, job.answered = self._next(), True
        self._results[entry] = ReceivedResult(entry=entry, body=body, key=job.key, worker=worker, epoch=epoch)
        return entry


def _read(envelope: str) -> dict[str, str]:
    found = read_json(envelope) if len(envelope) <= MAX_ENVELOPE_BYTES else {}
    if not isinstance(found, dict) or not isinstance(found.get("job_id"), str) or not found["job_id"]:
        raise ValueError("an envelope is JSON with a job_id")
    return found


def _attempts(job: _Job) -> int:
    said = read_json(job.envelope).get("max_retries")
    return max(1, int(said)) if isinstance(said, int | float) else DEFAULT_ATTEMPTS
