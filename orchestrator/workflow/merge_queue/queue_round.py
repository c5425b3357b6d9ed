"""What is done with a project's merge queue in one round: stack, test, land, send one back?

Nothing here knows git or a ledger; the ground does (`project_ground`). What holds, whatever fails in between: only a
tree that was tested green lands, of results that are still approved then, by one push that expects the branch on which
it was tested; a result is blamed only if the branch on which it failed stood when its tests were over; and what is
neither landed nor sent back stays in the queue, so that a round that was broken off costs its tests and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.errors import OrchestratorError, Refused
from orchestrator.workflow.merge_queue.bisection import judge_batch

MAX_NAMED = 5
"""Results that a reason names."""


class BranchMoved(OrchestratorError):
    """A default branch moved while its queue was tested: it is tested again on what is there now."""

    def __init__(self, branch: str) -> None:
        super().__init__("{} moved while its merge queue was tested: it is tested again on what is there now", branch)
        self.branch = branch


class QueueChanged(OrchestratorError):
    """A tested result is not approved any more, or its project has another queue: the rest is tested without it."""

    def __init__(self, mission: str) -> None:
        super().__init__("{} was taken out of the merge queue while it was tested", mission)
        self.mission = mission


class Untestable(OrchestratorError):
    """A project's tests cannot be run on this machine: nothing is known, and nothing moves."""

    def __init__(self, node: str, why: str) -> None:
        super().__init__("the tests cannot be run on {}: {}", node, why)
        self.node, self.why = node, why


@dataclass(frozen=True, kw_only=True)
class StackedBatch:
    """Results as successive merge commits: `commits[i]` is `base` with the first i + 1 of `missions`."""

    base: str
    missions: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()

    def commit(self, size: int) -> str:
        """The default branch with the first `size` results."""
        return self.commits[size - 1] if size else self.base


@dataclass(frozen=True, kw_only=True)
class TreeTest:
    """How the project's tests ended on one tree. `says` is that in one line, redacted; it is about a failure alone."""

    passed: bool
    says: str = ""


class QueueGround(Protocol):
    """One project's repository, tests and ledger, as a round needs them."""

    def stack(self, limit: int) -> StackedBatch:
        """The first results of the queue, `limit` at most, on the default branch as it is; sends those back that cannot
        be merged there. Raises WorkspaceFailed where the project's server does not answer."""

    def test(self, batch: StackedBatch, size: int) -> TreeTest:
        """Runs the project's tests on the branch with the first `size` results. Raises Untestable and BranchMoved."""

    def land(self, batch: StackedBatch, size: int) -> None:
        """Moves the default branch to the first `size` results by one push, and tells the ledger. Raises BranchMoved,
        QueueChanged where one of them is not approved any more, Refused with what the server says, and WorkspaceFailed
        where it does not answer."""

    def require_base(self, batch: StackedBatch) -> None:
        """Returns where the default branch is still what the batch stands on. Raises BranchMoved."""

    def send_back(self, mission: str, why: str) -> None:
        """Sends a result back to review."""


@dataclass(frozen=True, kw_only=True)
class QueueOutcome:
    """What a round came to. `trouble` is why the queue stands still, in one line; `refused`: the server took no batch,
    so that the next round tries one result alone.
    """

    landed: tuple[str, ...] = ()
    sent_back: tuple[str, ...] = ()
    trouble: str = ""
    refused: bool = False


@dataclass(kw_only=True)
class _BatchTests:
    """How the tests of one batch ended, by how many of its first results they ran with."""

    ground: QueueGround
    batch: StackedBatch
    ended: dict[int, TreeTest] = field(default_factory=dict)
    untestable: dict[int, Untestable] = field(default_factory=dict)

    def passes(self, size: int) -> bool:
        """Whether they pass; False where they cannot be run. Raises Untestable where they cannot without any result:
        then this machine or the default branch is why, and BranchMoved.
        """
        try:
            self.ended[size] = self.ended.get(size) or self.ground.test(self.batch, size)
        except Untestable as error:
            if not size:
                raise
            self.untestable[size] = error
            return False
        return self.ended[size].passed


def run_round(ground: QueueGround, branch: str, limit: int) -> QueueOutcome:
    """One round with at most `limit` results. Raises BranchMoved, QueueChanged, Untestable, and what the ground's
    servers raise.
    """
    batch = ground.stack(limit)
    if not batch.missions:
        return QueueOutcome()
    tests = _BatchTests(ground=ground, batch=batch)
    verdict = judge_batch(len(batch.missions), tests.passes)
    if verdict.base_red:
        ground.require_base(batch)
        says = f"{branch} is red by itself at {batch.base[:10]}, without any result of the queue: {tests.ended[0].says}"
        return QueueOutcome(trouble=f"{says}; mend {branch}, and it goes on")
    if verdict.lands:
        try:
            ground.land(batch, verdict.lands)
        except Refused as error:
            if verdict.lands > 1:
                return QueueOutcome(refused=True)
            ground.send_back(batch.missions[0], str(error))
            return QueueOutcome(sent_back=batch.missions[:1])
    landed = batch.missions[: verdict.lands]
    if verdict.culprit is None:
        return QueueOutcome(landed=landed)
    if not landed:
        ground.require_base(batch)
    culprit = batch.missions[verdict.culprit]
    if why := tests.untestable.get(verdict.culprit + 1):
        says = f"{culprit} waits, for with it {why}; without it they can: `shiftbook mission cancel {culprit}`"
        return QueueOutcome(landed=landed, trouble=f"{says} lets the others go on")
    ground.send_back(culprit, red_reason(branch, batch, verdict.culprit, tests.ended[verdict.culprit + 1]))
    return QueueOutcome(landed=landed, sent_back=(culprit,))


def red_reason(branch: str, batch: StackedBatch, culprit: int, test: TreeTest) -> str:
    """Why a result comes back, in one line: with what it was tested, how that ended, what can be done."""
    before, mission = batch.missions[:culprit], batch.missions[culprit]
    more = f" and {len(before) - MAX_NAMED} before them" if len(before) > MAX_NAMED else ""
    beside = f" with {', '.join(before[-MAX_NAMED:])}{more}" if before else ""
    return (
        f"the project's tests do not pass with it on {branch} at {batch.base[:10]}{beside}, and pass without it:"
        f" {test.says}; have it done again: `shiftbook mission reject {mission} -m …`, or approve it again"
    )
