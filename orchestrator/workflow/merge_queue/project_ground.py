"""Where is a merge queue's round carried out? On a project's own repository, in the sandbox, by the ledger's decisions.

Each candidate is a chain of merge commits as a single approval makes them. It is tested in a fresh clone with the
project's set-up, by the code that tests attempts; the test command is the one of `fleet.toml`, whatever a result
changed. Nothing is held while tests run: the default branch moves by one push that expects where the chain begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from missions.frontmatter import Scalar
from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.execution.project_trial import ProjectTrial, TrialResult
from orchestrator.execution.workspace.tree_walk import remove_tree
from orchestrator.ledger.snapshot import MissionFile
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from orchestrator.workflow.approval.project_repository import DeliveryOrder, ProjectRepository, candidate_ref
from orchestrator.workflow.merge_queue.queue_order import queued_missions
from orchestrator.workflow.merge_queue.queue_round import BranchMoved, QueueChanged, StackedBatch, TreeTest, Untestable

LAST_LINES, MAX_SAID_CHARS = 3, 400
"""Of what failing tests print: so many lines from the end are told, in so many characters."""


@dataclass(frozen=True, kw_only=True)
class QueuedResult:
    """A result of the queue as it is merged. `said` is who decided, as fields."""

    filed: MissionFile
    order: DeliveryOrder
    said: Mapping[str, Scalar]


@dataclass(kw_only=True)
class ProjectGround:
    """One project's ground for one round. `trial` makes what tests in a folder; `scratch` is that folder, which is ours
    alone, emptied before each test and taken away after it; `note` hears what is tested before it is; `hold` says that
    results are pushed now, once what it is given has returned, which raises where one of them is not approved any more.
    """

    delivery: BranchDelivery
    project: Project
    trial: Callable[[Path], ProjectTrial]
    scratch: Path
    stop: Stop
    note: Callable[[StackedBatch, int], None]
    hold: Callable[[tuple[str, ...], Callable[[], None]], None]
    settled: list[DeliveryResult] = field(default_factory=list)
    """What became of results, in this order."""
    _results: dict[str, QueuedResult] = field(default_factory=dict)

    # -- stacking ------------------------------------------------------------------------------------------------

    def stack(self, limit: int) -> StackedBatch:
        """As QueueGround promises. What is on the default branch already is told to the ledger, and not tested."""
        delivery = self.delivery
        ledger = delivery.reader.read(delivery.bus.remote.fetch())
        queue = queued_missions(ledger, self.project.name)
        said: Mapping[str, Scalar]
        over = list[tuple[MissionFile, Mapping[str, Scalar], DeliveryResult]]()
        stacked = list[tuple[QueuedResult, str]]()
        with delivery.repository(self.project) as repository:
            base = repository.tip
            for filed in queue:
                if len(stacked) == limit or self.stop.is_set():
                    break
                name = filed.mission.name
                try:
                    said = delivery.decided_by(ledger, filed)
                    order = delivery.order(ledger, filed, str(said["decided_by"]))
                    if there := repository.merged(order.commit):  # whoever did it was stopped before it was told
                        over.append((filed, said, DeliveryResult(mission=name, oid=there)))
                        continue
                    order = delivery.require_reviewed(ledger, filed, repository, order)
                    commit = _merged_onto(repository, order, base, stacked[-1][1] if stacked else base)
                except Refused as error:
                    over.append((filed, {}, DeliveryResult(mission=name, refused=str(error))))
                    continue
                if commit:
                    stacked.append((QueuedResult(filed=filed, order=order, said=said), commit))
            repository.offer_candidates((base, *(commit for _, commit in stacked)))
        for filed, said, done in over:
            self._settle(filed, said, done)
        self._results = {result.filed.mission.name: result for result, _ in stacked}
        return StackedBatch(base=base, missions=tuple(self._results), commits=tuple(commit for _, commit in stacked))

    # -- testing -------------------------------------------------------------------------------------------------

    def test(self, batch: StackedBatch, size: int) -> TreeTest:
        """As QueueGround promises."""
        commit, project = batch.commit(size), self.project
        self.note(batch, size)
        remove_tree(self.scratch)  # a node that was killed has left its last one
        self.scratch.mkdir(parents=True, mode=0o700)  # what runs may leave files that would run as their owner
        try:
            trial = self.trial(self.scratch)
            site = trial.check_out(project, self.stop)
            if site.workspace is None or site.workspace.base != batch.base:
                raise BranchMoved(project.branch)
            with self.delivery.repository(project) as repository:
                site.workspace = site.workspace.at(commit, repository.folder, candidate_ref(commit), stop=self.stop)
            found = trial.run(project, site, self.stop)
        finally:
            remove_tree(self.scratch)
        if not found.ran:
            raise Untestable(self.delivery.bus.name, found.wrong or "nothing was run")
        return TreeTest(passed=found.passed, says=_last_words(found))

    # -- what follows --------------------------------------------------------------------------------------------

    def land(self, batch: StackedBatch, size: int) -> None:
        """As QueueGround promises."""
        with self.delivery.repository(self.project) as repository:
            last = self._results[batch.missions[size - 1]].order
            lands = batch.missions[:size]
            self.hold(lands, lambda: self._require_queued(lands))
            if repository.tip != batch.base or not repository.advance(batch.commit(size), batch.base, last):
                raise BranchMoved(self.project.branch)
        for name, commit in zip(batch.missions[:size], batch.commits, strict=False):
            result = self._results[name]
            self._settle(result.filed, result.said, DeliveryResult(mission=name, oid=commit))

    def _require_queued(self, missions: Iterable[str]) -> None:
        """Returns where these are what is approved now: tests take minutes, in which a person may take a word back."""
        delivery = self.delivery
        ledger = delivery.reader.read(delivery.bus.remote.fetch())
        name = self.project.name
        same = name in ledger.charter.projects and ledger.charter.project(name) == self.project
        waiting = {filed.mission.name: filed for filed in queued_missions(ledger, name)} if same else {}
        for mission in missions:
            filed = waiting.get(mission)
            if filed is None or filed.mission.commit != self._results[mission].filed.mission.commit:
                raise QueueChanged(mission)
            try:
                delivery.decided_by(ledger, filed)
            except Refused as error:
                raise QueueChanged(mission) from error

    def require_base(self, batch: StackedBatch) -> None:
        """As QueueGround promises."""
        with self.delivery.repository(self.project) as repository:
            if repository.tip != batch.base:
                raise BranchMoved(self.project.branch)

    def send_back(self, mission: str, why: str) -> None:
        """As QueueGround promises."""
        self._settle(self._results[mission].filed, {}, DeliveryResult(mission=mission, refused=why))

    def _settle(self, filed: MissionFile, said: Mapping[str, Scalar], done: DeliveryResult) -> None:
        settled = self.delivery.settle(filed, said, done)
        if settled is not None or done.oid:  # what is on the branch is told, whatever somebody wrote meanwhile
            self.settled.append(settled or done)


def _last_words(found: TrialResult) -> str:
    """How tests failed, with the last lines that they printed, in one line: what services said behind them, mostly that
    they were ended, tells nothing of it."""
    if found.passed:
        return ""
    printed = replace(found, output=redact(found.output).text).printed
    lines = [line.strip() for line in printed.splitlines() if any(map(str.isalnum, line))]
    last = redacted_line(" · ".join(lines[-LAST_LINES:]), MAX_SAID_CHARS)
    return f"{found.how}: {last}" if last else found.how


def _merged_onto(repository: ProjectRepository, order: DeliveryOrder, base: str, tip: str) -> str:
    """The merge commit on `tip`; empty where it only conflicts with results before it in the queue, which may not land:
    it waits for them. Raises Refused for a conflict with the default branch itself.
    """
    try:
        return repository.stacked(order, tip)
    except Refused:
        if tip == base:
            raise
        repository.stacked(order, base)
        return ""
