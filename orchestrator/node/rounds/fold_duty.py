"""When does this node fold what was handed back? Its duty to fold: at once, or when its turn comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from missions.mission import Status
from orchestrator.core.events import Tell
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.precedence import Precedence
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.fold import fold, settled_by_hand
from orchestrator.workflow.refused_results import RefusedResults
from sync.remote import Oid

FOLDED_WORDS = {
    Status.REVIEW: "waits for your look: `shiftbook mission diff {name}`, then approve or reject -m",
    Status.DEAD: "gave up: `shiftbook mission show {name}` says why; then retry or cancel",
    Status.FAILED: "failed, and is tried again after a rest",
    Status.QUEUED: "is back in the queue",
    Status.PARKED: "rests until a person has it go on: `shiftbook mission resume {name}`",
}
"""What became of a mission, and the next step, where its state alone does not say it."""

FOLD = "fold"
"""The thing for which the nodes take turns."""

GROUP_DELAY_SECONDS, GROUP_SIBLINGS = 2.0, 20
"""A fold waits so long for further results while at least so many missions are in work: a commit writes folders anew,
whether it takes one result or ten. The rule of PostgreSQL's `commit_delay` and `commit_siblings`."""


@dataclass(kw_only=True)
class FoldDuty:
    """One node's. `clock` is monotonic seconds."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    witness: RewriteDetector
    precedence: Precedence
    tell: Tell
    clock: Callable[[], float]
    refused: RefusedResults = field(default_factory=RefusedResults)
    _due: float | None = None
    _waiting: frozenset[Oid] = frozenset()
    """The ended claims that stood when this node began to wait for its turn."""

    def step(self, ledger: LedgerSnapshot) -> bool:
        """One round: folds when it is this node's turn; returns whether anything was. Raises what a push raises."""
        if not self.is_due(ledger):
            return False
        self._due = None
        return self.fold_now()

    def is_due(self, ledger: LedgerSnapshot) -> bool:
        """Whether something waits to be folded and nobody before this node did it in time."""
        waiting = frozenset(held.oid for held in self.refused.undecided(ledger))
        if not waiting and not settled_by_hand(ledger):
            self._due = None
            return False
        if self._due is None or self._waiting - waiting:  # somebody folds: it is left to them
            self._waiting = waiting
            self._due = self.clock() + self.precedence.wait(ledger, FOLD) + self._group_delay(ledger)
        return self.clock() >= self._due

    def due_in(self) -> float | None:
        """Seconds until it is this node's turn; None where nothing waits to be folded."""
        return None if self._due is None else self._due - self.clock()

    def _group_delay(self, ledger: LedgerSnapshot) -> float:
        """Seconds for which further results are waited for. All nodes see the same claims, so their order stays."""
        busy = len(ledger.claims) - len(ledger.ended_claims) >= GROUP_SIBLINGS
        return GROUP_DELAY_SECONDS if busy and not self.precedence.at_once else 0.0

    def fold_now(self) -> bool:
        """Folds what can be folded; returns whether anything was. Raises what a push raises."""
        folded = fold(self.bus, self.reader, self.trust, self.witness.check, self.refused)
        for name, status in folded.missions.items():
            words = FOLDED_WORDS.get(status, f"is {status}").format(name=name)
            self.tell("folded", f"{name} {words}", mission=name, status=status.value)
        for name, why in folded.refused.items():
            self.tell("alarm", f"the result of {name} is not taken: {why}", once=True, mission=name)
        return bool(folded.missions)
