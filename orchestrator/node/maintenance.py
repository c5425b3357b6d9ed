"""What maintenance does a ledger need now and then, that whichever node comes first may do?

Older months of the logs move to files of their own, what a month says about continuity is written down, a review that
is due is filed as a mission, and what is wrong with the journal is told. Each is a function of the branch alone: two
nodes that do it at once write it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from handoff.errors import HandoffError
from handoff.log import rotate
from orchestrator.core import tracing
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Tell
from orchestrator.ledger import session_logs
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.precedence import Precedence
from orchestrator.policy.authorization import Trust
from orchestrator.policy.hand_edits import HandEdits
from orchestrator.policy.write_audit import WriteAudit
from orchestrator.workflow.continuity.monthly_record import due_month, month_change
from orchestrator.workflow.journal.review_schedule import (
    ReviewSchedule,
    review_missing,
    review_mission,
    review_mission_name,
)
from orchestrator.workflow.journal.review_status import review_problems
from orchestrator.workflow.journal.tamper_check import TamperCheck
from orchestrator.workflow.recurring.due import missed_words
from orchestrator.workflow.recurring.filing import DueTemplates, TemplateSchedule
from sync.objects import load_commit

MIN_CHECK_SECONDS = 60.0
"""Seconds at least between two looks at the logs, which cost a second each where a month has ten thousand entries."""
TEMPLATE_CHECK_SECONDS = 20.0
"""Seconds between two looks at what templates have become due."""
MAX_CHECK_SECONDS = 600.0
"""Seconds after which a look is taken although nothing moved: a review can become late by waiting."""


class ApprovalStep(Protocol):
    """Finishes what was approved, beside the loop."""

    def step(self, ledger: LedgerSnapshot) -> bool:
        """One round of the loop; returns whether something is being done that may change the branch soon. Raises
        nothing that a project's server does."""


@dataclass(kw_only=True)
class Maintenance:
    """One node's part in keeping the ledger in order. `clock` is monotonic seconds."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    tell: Tell
    precedence: Precedence
    clock: Callable[[], float]
    custody: TamperCheck
    schedule: ReviewSchedule
    templates: TemplateSchedule
    patrol: WriteAudit | None = None
    edits: HandEdits | None = None
    tidy: Callable[[], None] = lambda: None
    """Keeps this machine's clone of the ledger fast to read."""
    approvals: ApprovalStep | None = None
    """None: nothing that was approved is finished here."""
    _tip: str = ""
    _looked: float = float("-inf")
    _filed: datetime | None = None
    """The last time of the schedule that is seen to."""
    _templates_looked: float = float("-inf")
    _turns: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By kind of work: what of it is due, and when this node does it if nobody before it has."""

    def step(self, ledger: LedgerSnapshot) -> bool:
        """One round; returns whether the branch was changed. Raises SyncError when the remote does not answer."""
        if self.approvals is not None and self.approvals.step(ledger):
            return True
        since = self.clock() - self._looked
        fresh = (
            bool(self._turns) or since >= MAX_CHECK_SECONDS or (ledger.tip != self._tip and since >= MIN_CHECK_SECONDS)
        )
        try:
            return (
                (fresh and self._rotate(ledger))
                or (fresh and self._write_month(ledger))
                or self._file_review(ledger)
                or self._file_due(ledger)
                or (fresh and self._look(ledger))
            )
        except (OrchestratorError, HandoffError) as error:
            self.tell("upkeep", str(error), once=True)
            return False

    def _rotate(self, ledger: LedgerSnapshot) -> bool:
        if rotate_logs(ledger) is None:
            self._turns.pop("rotate", None)
            return False
        if not self._my_turn(ledger, "rotate", "rotate"):
            return False
        moved = commit_change(self.bus, self.reader, rotate_logs) is not None
        if moved:
            self.tell("rotated", "older months of the logs have files of their own now")
        return moved

    def _write_month(self, ledger: LedgerSnapshot) -> bool:
        """Writes what a month that is over says about continuity, once."""
        month = due_month(ledger)
        if not month or month >= f"{self.bus.now():%Y-%m}":  # a clock that was wrong ends no month before its time
            self._turns.pop("continuity", None)
            return False
        if not self._my_turn(ledger, "continuity", f"continuity {month}"):
            return False
        written = commit_change(self.bus, self.reader, month_change) is not None
        if written:
            self.tell("measured", f"continuity/{month}.md: what the missions of {month} say about continuity")
        return written

    def _file_review(self, ledger: LedgerSnapshot) -> bool:
        due = self.schedule.last_due(ledger.charter.review)
        if due is None or due == self._filed or not review_missing(ledger, due):
            self._filed = due
            self._turns.pop("review", None)
            return False
        if not self._my_turn(ledger, "review", review_mission_name(due)):
            return False
        began = tracing.moment()
        filed = commit_change(self.bus, self.reader, lambda newest: review_mission(newest, due)) is not None
        self._filed = due
        if filed:
            tracing.record(tracing.FILING, began, mission=review_mission_name(due))
            self.tell(
                "filed", f"{review_mission_name(due)}: the review of the logs is due", mission=review_mission_name(due)
            )
        return filed

    def _file_due(self, ledger: LedgerSnapshot) -> bool:
        """Files what templates have become due, as one commit."""
        if self.clock() - self._templates_looked < TEMPLATE_CHECK_SECONDS:
            return False
        found = self._due_templates(ledger)
        for problem in found.problems:
            self.tell("template", problem, once=True)
        first = next((f"{name} {found.due[name].slots[0]}" for name in found.names), "")
        if not first:
            self._turns.pop("template", None)
            self._templates_looked = self.clock()
            return False
        if not self._my_turn(ledger, "template", f"template {first}"):
            return False
        self._templates_looked = self.clock()
        return self._file_templates()

    def _due_templates(self, ledger: LedgerSnapshot) -> DueTemplates:
        return self.templates.look(ledger, self.bus.now(), self.trust)

    def _file_templates(self) -> bool:
        """Files what is due in the newest ledger, and tells just that: another node may have been here before."""
        looks, began = list[DueTemplates](), tracing.moment()

        def due(newest: LedgerSnapshot) -> LedgerChange | None:
            looks.append(self._due_templates(newest))
            return self.templates.change(newest, looks[-1])

        if commit_change(self.bus, self.reader, due) is None:
            return False
        found = looks[-1]
        for name in found.names:
            missions, missed = found.missions(name), found.due[name].missed
            for mission in missions:
                tracing.record(tracing.FILING, began, mission=mission)
            self.tell("filed", f"{', '.join(missions)}: due by missions/templates/{name}.md", mission=missions[-1])
            if missed:
                self.tell("missed", missed_words(found.templates.known[name], missed))
        return True

    def _look(self, ledger: LedgerSnapshot) -> bool:
        """Tells what a person should know, each thing once."""
        self._looked = self.clock()
        self.tidy()
        for one in self.custody.look(ledger, self.trust):
            self.tell("alarm", f"{one.says}; {one.remedy}", once=True)
        for trespass in self.patrol.look(ledger, self.trust) if self.patrol else ():
            self.tell("alarm", trespass, once=True)
        for words in self.edits.look(ledger, self.trust) if self.edits else ():
            self.tell("by hand", words, once=True)
        for words in review_problems(ledger, self.bus.now()):
            self.tell("review", words, once=True)
        if not self._turns:
            self._tip = ledger.tip
        return False

    def _my_turn(self, ledger: LedgerSnapshot, kind: str, what: str) -> bool:
        """At once for the first; the others leave it for a while to those before them."""
        if self._turns.get(kind, ("", 0.0))[0] != what:
            self._turns[kind] = (what, self.clock() + self.precedence.wait(ledger, what))
        if self.clock() < self._turns[kind][1]:
            return False
        del self._turns[kind]
        return True


def rotate_logs(ledger: LedgerSnapshot) -> LedgerChange | None:
    """The logs without the months before the branch's newest commit, each month in its file; None if there is none."""
    committed = load_commit(ledger.store, ledger.tip).committed
    keep = f"{datetime.fromtimestamp(committed, UTC):%Y-%m}"  # the branch's own time, the same for every node
    files: dict[str, bytes | None] = {}
    for file in session_logs.files(ledger.store, ledger.tree):
        if file.month or not any(e.when and e.when[:7] < keep for e in session_logs.parsed(ledger.store, file).entries):
            continue
        rest, months = rotate(session_logs.text(ledger.store, file.oid), keep)
        files[file.path] = rest.encode()
        for month, text in months.items():
            path = session_logs.month_path(file.project, month)
            fresh = session_logs.not_filed(ledger, file.project, month, text, path, files)
            if fresh:
                files[path] = session_logs.with_entries(ledger.text(path), fresh).encode()
    return LedgerChange(files=files, message=f"Logs: older months than {keep} have their own files") if files else None
