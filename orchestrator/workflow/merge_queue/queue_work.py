"""How does a node work at a merge queue: take it, do one round, say how that ended, let go of it?

Whoever takes it writes the queue's record, and moves it on before each test and before the push; a node that finds it
moved by another stops, and goes on where a person only took a result out. Which node begins, and when, is for its loop
to say (`node/background/merge_queue_turns`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from handoff.secrets.excerpts import redacted_line
from orchestrator.core.errors import OrchestratorError, WorkspaceFailed
from orchestrator.core.ports.model import Stop
from orchestrator.core.time_text import format_utc
from orchestrator.execution.project_trial import ProjectTrial
from orchestrator.ledger.transport import QUEUE
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from orchestrator.workflow.merge_queue.project_ground import ProjectGround
from orchestrator.workflow.merge_queue.queue_round import (
    BranchMoved,
    QueueChanged,
    QueueOutcome,
    StackedBatch,
    Untestable,
    run_round,
)
from orchestrator.workflow.queue_hold.queue_record import MAX_TROUBLE_CHARS, QUEUE_FILE, QueueRecord, begun
from sync.publish import push_and_resolve
from sync.remote import Oid, PushVerdict, RefUpdate

TEST_SECONDS = 3600
"""How long the tests of one tree may run: as long as an attempt may take."""


class QueueTaken(OrchestratorError):
    """Another node has taken the merge queue over."""


@dataclass(frozen=True, kw_only=True)
class QueueReport:
    """What a node did with a queue. `trouble` is why it stands still, in one line."""

    settled: tuple[DeliveryResult, ...] = ()
    trouble: str = ""


@dataclass(kw_only=True)
class QueueWork:
    """One node's. `scratch` is a folder of its own for tests, `trial` makes what tests in it. One thread at a time."""

    delivery: BranchDelivery
    trial: Callable[[Path], ProjectTrial]
    scratch: Path
    _alone: set[str] = field(default_factory=set)
    """Projects whose server refused a batch: their results are tried one by one until one landed."""

    def run(self, project: str, before: QueueRecord, seen: Oid | None, stop: Stop) -> QueueReport | None:
        """Takes the queue if its record still is `before`, which was `seen` there, and does one round; None where
        another node was faster, or has taken it over. Raises what the ledger's and the project's servers raise.
        """
        held = _Hold(self.delivery, project, seen, before)
        try:
            held.begin("", (), landing=before.landing)  # until this round knows whether they did
            report = self._round(project, held, stop)
            held.move(QueueRecord(trouble=redacted_line(report.trouble, MAX_TROUBLE_CHARS)))
        except QueueTaken:
            return None
        except OrchestratorError:
            held.let_go()
            raise
        return report

    def _round(self, project: str, held: _Hold, stop: Stop) -> QueueReport:
        ledger = self.delivery.reader.read(self.delivery.bus.remote.fetch())
        part = ledger.charter.projects.get(project)
        if part is None or not part.merge_queue:
            return QueueReport()

        def note(batch: StackedBatch, size: int) -> None:
            held.begin(batch.base, batch.missions[:size])

        ground = ProjectGround(
            delivery=self.delivery,
            project=ledger.charter.project(project),
            trial=self.trial,
            scratch=self.scratch,
            stop=stop,
            note=note,
            hold=held.land,
        )
        limit = 1 if project in self._alone else part.merge_queue_batch
        try:
            outcome = run_round(ground, part.branch, limit)
        except (BranchMoved, QueueChanged):
            return QueueReport(settled=tuple(ground.settled))
        except (Untestable, WorkspaceFailed) as error:
            if stop.is_set():
                return QueueReport(settled=tuple(ground.settled))
            return QueueReport(settled=tuple(ground.settled), trouble=str(error))
        self._remember(project, outcome)
        return QueueReport(settled=tuple(ground.settled), trouble=outcome.trouble)

    def _remember(self, project: str, outcome: QueueOutcome) -> None:
        if outcome.refused:
            self._alone.add(project)
        elif outcome.landed:
            self._alone.discard(project)


class _Hold:
    """A node's hold on a queue's record."""

    def __init__(self, delivery: BranchDelivery, project: str, seen: Oid | None, before: QueueRecord) -> None:
        self._bus, self._ref, self._there, self._trouble = delivery.bus, QUEUE + project, seen, before.trouble
        self._said = before

    def begin(self, base: str, testing: tuple[str, ...], *, landing: tuple[str, ...] = ()) -> None:
        """Says what is tested now. What stood in the way before stands there until it is known to be over."""
        record = begun(self._bus.name, base, testing, self._bus.now(), trouble=self._trouble)
        self.move(replace(record, landing=landing))

    def land(self, missions: tuple[str, ...], require: Callable[[], None]) -> None:
        """Says that these are pushed now, from when on nobody takes them back. `require` raises where somebody did: it
        looks before and after, because a file that was pushed by hand in between has not moved the record."""
        now = format_utc(self._bus.now())
        self.move(replace(self._said, testing=missions, landing=missions, since=now), require)
        require()

    def move(self, record: QueueRecord, require: Callable[[], None] = lambda: None) -> None:
        """Writes the record, once `require` returned that looks at the ledger: again where a person took something out
        meanwhile. Raises QueueTaken where another node has moved it, and what `require` and the remote raise."""
        while True:
            require()
            words = f"Merge queue: {record.node or 'nobody'}"
            commit = self._bus.commit({QUEUE_FILE: record.print()}, words, onto=None, tree=None)
            update = RefUpdate(ref=self._ref, expect=self._there, new=commit)
            if push_and_resolve(self._bus.remote, [update])[self._ref] is not PushVerdict.STALE:
                self._there, self._said = commit, record
                return
            there = self._bus.remote.fetch().get(self._ref)
            if not there or not self._there or not self._bus.store.descends(there, self._there):
                raise QueueTaken
            self._there = there  # what nodes write has no parent

    def let_go(self) -> None:
        """Says that nobody tests, if it still may."""
        try:
            self.move(QueueRecord(trouble=self._trouble))
        except QueueTaken:
            return
