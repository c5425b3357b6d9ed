"""How is an approved branch delivered? It is merged or pushed as the project says, once, by whoever comes first.

The decision stands on the ledger before anything is done, so a crash in between loses nothing: any node does the rest.
Nobody is taken at their word: who decided is looked up by signature, and the branch is measured and compared with what
its node said of it, before a byte of it goes anywhere. What cannot be done goes back to review with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from handoff.secrets.excerpts import redacted_excerpt
from missions import document
from missions.approval import ChangeFacts
from missions.archive_path import archived_files
from missions.frontmatter import Scalar
from missions.mission import BY_POLICY, Mission, Status
from missions.one_line import printable
from orchestrator.core.errors import Refused, WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.result_record import decode_text, encode_text, read_facts
from orchestrator.ledger.result_report import recordable_paths, redact_artifact
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.decision_evidence import find_decision
from orchestrator.policy.one_of_group import group_attempts
from orchestrator.policy.verdict import (
    CLEARED_DECISION,
    MAX_REASON_CHARS,
    Judge,
    pending_delivery,
    waits_in_queue,
)
from orchestrator.workflow.approval.missing_branch import UnpushedResult, branch_of, kept_folder
from orchestrator.workflow.approval.project_repository import DeliveryOrder, ProjectRepository
from sync.objects import load_commit

MEASURED_FACTS = ("files", "added", "removed", "binaries", "modes", "executables", "links")
"""Facts that anybody can find on the branch; the others only its node knows."""


@dataclass(frozen=True, kw_only=True)
class DeliveryResult:
    """What became of one approved mission: `oid` was merged or pushed, or `refused` says why not."""

    mission: str
    oid: str = ""
    refused: str = ""
    cleared: tuple[str, ...] = ()
    """Branches of other attempts that were taken away."""


@dataclass(frozen=True, kw_only=True)
class BranchDelivery:
    """Carries decisions out. `cache` is where clones of projects are kept; they may be deleted at any time."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    cache: Path
    sandbox: Sandbox | None = None
    """What confines hooks of a project's repository on this machine; None: nothing does."""
    folders: AttemptDirs | None = None
    """What this machine's node keeps of its attempts."""

    def due(self, ledger: LedgerSnapshot) -> list[MissionFile]:
        """Approved missions whose branch has still to be merged or pushed, by no merge queue."""
        due = (filed for filed in ledger.open.values() if _is_due(ledger, filed.mission))
        return [filed for filed in due if not waits_in_queue(ledger.charter, filed.mission)]

    def undelivered(self, ledger: LedgerSnapshot) -> list[MissionFile]:
        """Results in review whose branch this very node could not push, and keeps."""
        mine = (filed for filed in ledger.open.values() if _is_unpushed(ledger, filed.mission))
        return [
            filed
            for filed in mine
            if filed.mission.node == self.bus.name and kept_folder(self.folders, filed.mission) is not None
        ]

    def deliver(self, name: str) -> DeliveryResult | None:
        """Pushes the branch of a result that waits in review and never reached the server; None if there is none.

        Raises Refused where it cannot, WorkspaceFailed where the project's server does not answer.
        """
        ledger = self.reader.read(self.bus.remote.fetch())
        filed = ledger.open.get(name)
        if filed is None or not _is_unpushed(ledger, filed.mission):
            return None
        mission, project = filed.mission, ledger.charter.project(str(filed.mission.about))
        with self.repository(project) as repository:
            result = self._unpushed(ledger, filed)
            oid = result.restore(repository, kept_folder(self.folders, mission))
        if self.folders is not None:
            self.folders.pushed(mission.name, mission.epoch)
        return DeliveryResult(mission=name, oid=oid)

    def clear_others(self, mission: Mission) -> tuple[str, ...]:
        """Takes the branches of a group's attempts away that were called off, each only as its node left it; returns
        those that are gone. What cannot be done now stays: a branch harms nobody.
        """
        if mission.group is None:
            return ()
        ledger, gone = self.reader.read(self.bus.remote.fetch()), list[str]()
        others = (filed.mission for filed in group_attempts(ledger, mission.group).values())
        for mission in (each for each in others if each.status is Status.CANCELLED):
            mine = mission.branch and re.fullmatch(rf"shiftbook/{re.escape(mission.name)}/\d+", mission.branch)
            if not mine or not mission.commit or mission.about not in ledger.charter.projects:
                continue
            try:
                project = ledger.charter.project(mission.about)
                with self.repository(project) as repository:
                    gone += [] if repository.remove(str(mission.branch), mission.commit) else [str(mission.branch)]
            except (WorkspaceFailed, Refused):
                continue
        return tuple(gone)

    def repository(self, project: Project) -> AbstractContextManager[ProjectRepository]:
        """This machine's clone of a project, for one process at a time. Raises WorkspaceFailed."""
        return ProjectRepository.open(self.cache, ProjectServer(project=project, sandbox=self.sandbox))

    def _unpushed(self, ledger: LedgerSnapshot, filed: MissionFile) -> UnpushedResult:
        then, told = self._told(ledger, filed)
        shown = then.attempt_file(filed.mission, filed.mission.attempt, "diff")
        return UnpushedResult(mission=filed.mission, base=told.base, shown=shown)

    def finish(self, name: str) -> DeliveryResult | None:
        """Does what is due for one mission; None if nothing is, a merge queue does it, or somebody else was faster.

        Raises WorkspaceFailed where the project's server does not answer, and what the ledger's remote raises: it stays
        due then.
        """
        ledger = self.reader.read(self.bus.remote.fetch())
        filed = ledger.open.get(name)
        if filed is None or not _is_due(ledger, filed.mission) or waits_in_queue(ledger.charter, filed.mission):
            return None
        try:
            said = self.decided_by(ledger, filed)
            oid = self._carry_out(ledger, filed, str(said["decided_by"]))
            done = DeliveryResult(mission=name, oid=oid)
        except Refused as error:
            said, done = {}, DeliveryResult(mission=name, refused=str(error))
        return self.settle(filed, said, done)

    def settle(self, filed: MissionFile, said: Mapping[str, Scalar], done: DeliveryResult) -> DeliveryResult | None:
        """Tells the ledger what became of a mission's branch; None where somebody else did, or it is another result by
        now. `said` is who decided. Raises what the ledger's remote raises.
        """
        landed = commit_change(self.bus, self.reader, lambda newest: self._draft(newest, filed, said, done))
        if landed and done.oid:
            done = replace(done, cleared=self.clear_others(filed.mission))
        return done if landed else None

    def _judge(self, ledger: LedgerSnapshot) -> Judge:
        return self.trust.judge(ledger, signed=self.bus.sign is not None)

    def decided_by(self, ledger: LedgerSnapshot, filed: MissionFile) -> dict[str, Scalar]:
        """Who decided, as fields. Raises Refused where nobody did who may."""
        mission = filed.mission
        if mission.decided_by == BY_POLICY:
            if mission.on_approval or not self._judge(ledger).by_policy(filed):
                raise Refused("no node's fold says that policy let it pass")
            return {"decided_by": BY_POLICY}
        said = self._judge(ledger).settled(filed)
        if "status" in said:
            raise Refused(str(said["reason"]))
        return said

    def _carry_out(self, ledger: LedgerSnapshot, filed: MissionFile, by: str) -> str:
        how = pending_delivery(ledger.charter, filed.mission)
        with self.opened(ledger, filed, by) as (repository, order):
            done = repository.merged(order.commit) if how == "merge" else ""
            if done:  # whoever did it was stopped before the ledger heard of it
                return done
            order = self.require_reviewed(ledger, filed, repository, order)
            return repository.merge(order) if how == "merge" else repository.publish(order)

    @contextmanager
    def opened(
        self, ledger: LedgerSnapshot, filed: MissionFile, by: str
    ) -> Iterator[tuple[ProjectRepository, DeliveryOrder]]:
        """The project's repository, and what is to be delivered there. Raises as `order` does, and WorkspaceFailed
        where the server does not answer.
        """
        order = self.order(ledger, filed, by)
        with self.repository(order.project) as repository:
            yield repository, order

    def order(self, ledger: LedgerSnapshot, filed: MissionFile, by: str) -> DeliveryOrder:
        """What is to be delivered. Raises Refused for a branch that is none of the mission's."""
        mission = filed.mission
        assert mission.about is not None  # awaits() looked
        assert mission.commit is not None
        if not re.fullmatch(rf"shiftbook/{re.escape(mission.name)}/\d+", branch_of(mission)):
            raise Refused("its branch is none of this mission's attempts")
        return DeliveryOrder(
            mission=mission.name,
            title=mission.title,
            project=ledger.charter.project(mission.about),
            branch=branch_of(mission),
            commit=mission.commit,
            by=by,
            node=self.bus.name,
        )

    def require_reviewed(
        self, ledger: LedgerSnapshot, filed: MissionFile, repository: ProjectRepository, order: DeliveryOrder
    ) -> DeliveryOrder:
        """The order with the commit that may go out: it is what was looked at. Raises Refused."""
        if filed.mission.branch is None:  # its node could not push it
            kept = kept_folder(self.folders, filed.mission)
            order = replace(order, commit=self._unpushed(ledger, filed).restore(repository, kept))
        repository.reviewed(order.branch, order.commit)
        self._verify(ledger, filed, repository, order.commit)
        return order

    def _told(self, ledger: LedgerSnapshot, filed: MissionFile) -> tuple[LedgerSnapshot, ChangeFacts]:
        """The ledger as it stood when it was decided, and what the node had said of its work: what was written over
        that since, nobody has looked at.
        """
        judge = self._judge(ledger)
        said = find_decision(ledger, filed.path, judge.signer) if filed.mission.status is Status.DONE else None
        then = replace(ledger, tree=load_commit(ledger.store, said.commit).tree) if said else ledger
        return then, _reported_facts(replace(judge, ledger=then), filed.mission)

    def reported_facts(self, ledger: LedgerSnapshot, filed: MissionFile) -> ChangeFacts:
        """What its node had said of a mission's work when it was decided."""
        return self._told(ledger, filed)[1]

    def _verify(self, ledger: LedgerSnapshot, filed: MissionFile, repository: ProjectRepository, commit: str) -> None:
        """Compares the branch with what was said of it, and asks policy again if it was policy that decided."""
        judge, mission = self._judge(ledger), filed.mission
        then, told = self._told(ledger, filed)
        if told.commit != mission.commit or told.base is None or mission.commit is None:
            raise Refused("what its node said of this branch is not kept beside its diff")
        seen = repository.measured(told.base, commit)
        wrong = [
            name for name in MEASURED_FACTS if _comparable(getattr(told, name)) != _comparable(getattr(seen, name))
        ]
        if wrong:
            raise Refused(f"the branch is not what its node said of it: {', '.join(wrong)} differ")
        shown = then.attempt_file(mission, mission.attempt, "diff")
        same = shown == redact_artifact(repository.patch(told.base, commit))
        if not same and not repository.produces(told.base, shown, commit):
            raise Refused("the diff that was shown is not what is on the branch")
        if mission.decided_by == BY_POLICY:
            rest = {name: getattr(told, name) for name in ("cost_usd", "tested", "denials")}
            ruling = judge.judge(mission, replace(seen, **rest), filed)
            if ruling.verdict.held:
                raise Refused(f"policy lets it pass no longer: {ruling.verdict.reason}")

    def _draft(
        self, ledger: LedgerSnapshot, was: MissionFile, said: Mapping[str, Scalar], done: DeliveryResult
    ) -> LedgerChange | None:
        """The ledger's side of it; None where somebody else wrote it first."""
        filed = ledger.open.get(was.mission.name)
        if filed is None or not _is_due(ledger, filed.mission) or filed.mission.commit != was.mission.commit:
            return None
        now = f"{self.bus.now():%Y-%m-%d %H:%M} UTC"
        text = decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES))
        if done.refused:
            fields = {
                **CLEARED_DECISION,
                "status": Status.REVIEW.value,
                "reason": redacted_excerpt(done.refused, MAX_REASON_CHARS),
            }
            section = f"### Back in review · {now}\n\n{printable(done.refused)}"
            data = encode_text(document.append_result(document.with_fields(text, fields), section))
            return LedgerChange(files={filed.path: data}, message=f"{was.mission.name}: back in review")
        how = pending_delivery(ledger.charter, filed.mission)
        words = {"merge": f"Merged as `{done.oid}`", "push": f"Pushed as `approved/{was.mission.name}`"}[how]
        fields = {**said, "reason": None, **({"merged": done.oid} if how == "merge" else {})}
        section = f"### {words} · {now}"
        data = encode_text(document.append_result(document.with_fields(text, fields), section))
        day = f"{filed.mission.finished or datetime.fromtimestamp(0, UTC):%Y/%m/%d}"
        files = {**archived_files(filed.mission.name, day, data), filed.path: None}
        return LedgerChange(files=files, message=f"{was.mission.name}: done")


def _is_due(ledger: LedgerSnapshot, mission: Mission) -> bool:
    """Whether git alone does what is left; a pull request is for whoever speaks to its forge (`workflow/forges`)."""
    return pending_delivery(ledger.charter, mission) in {"merge", "push"}


def _is_unpushed(ledger: LedgerSnapshot, mission: Mission) -> bool:
    """Whether its project, if the fleet has it still, lacks the branch of a result that waits."""
    made = mission.status is Status.REVIEW and mission.commit is not None and mission.branch is None
    return made and mission.about in ledger.charter.projects


def _reported_facts(judge: Judge, mission: Mission) -> ChangeFacts:
    """What a mission's node said of its last attempt; nothing where that is not kept or cannot be read."""
    verdict = judge.verdict(mission)
    try:
        return read_facts(verdict.get("facts") if verdict else None)
    except ValueError:
        return ChangeFacts()


def _comparable(value: object) -> object:
    """A fact as a record can tell it: of too many paths its node could say nothing."""
    if not isinstance(value, tuple):
        return value
    paths = recordable_paths(value)
    return None if paths is None else sorted(paths)
