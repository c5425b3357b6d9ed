"""When does this node work at a project's merge queue? When its turn comes, and no node that lives does already.

Tests take minutes, so they run in a thread beside the loop and hold up no round; they take no slot. A node that cannot
run a queue's tests rests, ever longer, and leaves it to the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.events import Tell
from orchestrator.core.ports.model import Stop
from orchestrator.ledger.node_pages import own_lease
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.precedence import Precedence
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.merge_queue.queue_order import queues
from orchestrator.workflow.merge_queue.queue_work import QueueReport
from orchestrator.workflow.queue_hold.queue_record import QueueRecord, queue_record
from sync.backoff import Backoff
from sync.remote import Oid

RETRY = Backoff(first=60.0, limit=1800.0)
"""Seconds until a queue that stands still is tried again here: twice as long each time."""
HOLD_SECONDS = 7200.0
"""Seconds for which a node that lives may test one tree, with its set-up; then another one takes the queue over."""
CLOSE_SECONDS = 20.0


class QueueWorker(Protocol):
    """Does one round at a queue."""

    def run(self, project: str, before: QueueRecord, seen: Oid | None, stop: Stop) -> QueueReport | None:
        """As QueueWork promises."""


@dataclass(kw_only=True)
class MergeQueueTurns:
    """One node's. `clock` is monotonic seconds; `trust` is the loop's; `nudge` has the loop look at the ledger."""

    work: QueueWorker
    precedence: Precedence
    trust: Trust
    tell: Tell
    clock: Callable[[], float]
    nudge: Callable[[], None]
    _thread: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _due: dict[str, float] = field(default_factory=dict)
    """By project: when this node begins, if nobody before it has."""
    _rests: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By project: until when it rests here, and for how many seconds."""
    _stood: dict[str, tuple[Oid | None, float]] = field(default_factory=dict)
    """By project: where its record stands, and since when it was seen to."""

    @property
    def at_work(self) -> bool:
        """Whether something is tested or merged just now."""
        return self._thread is not None and self._thread.is_alive()

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the loop. Takes no time where there is no queue; raises nothing."""
        if self._stop.is_set() or self.at_work:
            return
        waiting = queues(ledger)
        self._due = {project: due for project, due in self._due.items() if project in waiting}
        for project in waiting:
            record, oid = queue_record(ledger, self.trust, project)
            if self._is_mine(ledger, project, record, oid):
                del self._due[project]
                self._thread = threading.Thread(
                    target=self._run, args=(project, record, oid), name="merge queue", daemon=True
                )
                self._thread.start()
                return

    def close(self) -> None:
        """Begins nothing more, and ends the tests that run: the queue is as it was before them."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _is_mine(self, ledger: LedgerSnapshot, project: str, record: QueueRecord, oid: Oid | None) -> bool:
        now = self.clock()
        if project not in self._stood or self._stood[project][0] != oid:
            self._stood[project] = (oid, now)
        if self._is_held(ledger, record) and now - self._stood[project][1] < HOLD_SECONDS:
            self._due.pop(project, None)
            return False
        if now < self._rests.get(project, (0.0, 0.0))[0]:
            return False
        if project not in self._due:
            self._due[project] = now + self.precedence.wait(ledger, f"merge queue {project}")
        return now >= self._due[project]

    def _is_held(self, ledger: LedgerSnapshot, record: QueueRecord) -> bool:
        """Whether another node may be at work on it: it has a beat that has not stood still for its whole lease."""
        if record.node in {"", self.precedence.me} or record.node not in ledger.beats:
            return False
        silent = self.precedence.liveness.silent_for(record.node)
        return silent < own_lease(ledger, record.node).total_seconds()

    def _run(self, project: str, record: QueueRecord, oid: Oid | None) -> None:
        try:
            report = self.work.run(project, record, oid, self._stop)
        except Exception as error:  # of a server, a disk, or ours: nothing was moved that is not told
            self._rest(project)
            self.tell("merge queue", f"{project}: its merge queue waits, and is tried again: {error}", once=True)
        else:
            if report is not None:
                self._follow(project, report)
        finally:
            self.nudge()

    def _follow(self, project: str, report: QueueReport) -> None:
        for done in report.settled:
            words = f"is back in review: {done.refused}" if done.refused else f"is merged as {done.oid[:10]}"
            self.tell("merge queue", f"{done.mission} {words}", mission=done.mission)
        if report.trouble:
            self._rest(project)
            self.tell("merge queue", f"the merge queue of {project} stands still: {report.trouble}", once=True)
        else:
            self._rests.pop(project, None)

    def _rest(self, project: str) -> None:
        rest = RETRY.next(self._rests.get(project, (0.0, 0.0))[1])
        self._rests[project] = (self.clock() + rest, rest)
