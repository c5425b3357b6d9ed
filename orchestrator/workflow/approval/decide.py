"""How does a person decide on a result, once, whoever else is about to, too?

Command line, API and every later screen come through here. The decision is a change of the mission's file on the newest
state of the branch: of two that are made at once one wins, and the other is told who was faster, and what they said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handoff.secrets.redact import redact
from missions import document
from missions.frontmatter import Scalar
from missions.mission import DELIVERIES, MAX_COMMENT_CHARS, Mission, Status
from orchestrator.core.errors import AlreadyDone, NotFound, OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.time_text import format_utc
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.result_record import decode_text, encode_text
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.policy.verdict import CLEARED_DECISION, Judge, pending_delivery
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from orchestrator.workflow.approval.explain import Explanation, explain
from sync.errors import SyncError

RESULT_MARK = document.RESULT_MARK


@dataclass(frozen=True, kw_only=True)
class DecisionResult:
    """One decision. `then` is what was done with the branch at once, if anything was; `trouble` why it waits."""

    mission: str
    decision: str
    by: str
    how: str = ""
    then: DeliveryResult | None = None
    trouble: str = ""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        done = self.then or DeliveryResult(mission=self.mission)
        facts = {"mission": self.mission, "decision": self.decision, "by": self.by, "on_approval": self.how}
        return facts | {"oid": done.oid, "refused": done.refused, "waits": self.trouble}


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Results that wait, for the person at this machine. `cache` is for clones of projects; None: nodes merge."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]
    cache: Path | None = None
    sandbox: Sandbox | None = None
    folders: AttemptDirs | None = None

    def approve(self, name: str, *, how: str = "", comment: str = "", commit: str = "", by: str = "") -> DecisionResult:
        """Accepts a result. `how` (merge, push, nothing) goes before what the project says; `commit` is what was looked
        at: if the result is another one by now, it is refused.

        Raises NotFound, Refused, AlreadyDone and WrongSetting. A branch that cannot be merged now stays due.
        """
        if how and how not in DELIVERIES:
            raise WrongSetting("--merge", f"one of {', '.join(DELIVERIES)}, not {{}}", how)
        said = _clean_comment(comment)

        def change(ledger: LedgerSnapshot, filed: MissionFile, me: str) -> tuple[Mapping[str, Scalar], str]:
            _require_same_commit(filed.mission, commit)
            _require_deliverable(ledger, filed.mission, how)
            return {"status": "done", "decision": "approved", "on_approval": how or None}, f"### Approved by {me}"

        me = self._decide(name, "Approve", change, said, by)
        return self._finished(name, DecisionResult(mission=name, decision="approved", by=me, how=how))

    def reject(self, name: str, comment: str, *, commit: str = "", by: str = "") -> DecisionResult:
        """Sends a result back to be done again. The next attempt reads `comment`, which must say something.

        Raises as `approve` does.
        """
        said = _clean_comment(comment)
        if not said:
            raise WrongSetting("-m", "say what is wrong with it: the next attempt reads that")

        def change(ledger: LedgerSnapshot, filed: MissionFile, me: str) -> tuple[Mapping[str, Scalar], str]:
            _require_same_commit(filed.mission, commit)
            self._must_be_trusted(ledger, filed)
            count = filed.mission.rejections + 1
            fields: dict[str, Scalar] = {"status": "queued", "decision": "rejected", "rejections": count}
            return {**fields, "comment": said, "retry_at": None}, f"### Rejected by {me}"

        me = self._decide(name, "Reject", change, said, by)
        return DecisionResult(mission=name, decision="rejected", by=me)

    def _must_be_trusted(self, ledger: LedgerSnapshot, filed: MissionFile) -> None:
        """A comment is a person's part of the file: whoever writes it signs all of what is asked for."""
        word = self.trust.authorize(ledger, filed)
        if self.bus.sign is not None and not word.trusted:
            hint = f"read it, then `shiftbook mission trust {filed.mission.name}`"
            raise Refused("{} is not trusted as it is now: {}; {}", filed.path, word.why, hint)

    def why(self, name: str) -> Explanation:
        """Which rules fired for a mission, and what is known of its agent. Raises NotFound."""
        ledger = self.ledger()
        return explain(ledger, self.trust, self._judge(ledger), name, self.bus.now())

    def _judge(self, ledger: LedgerSnapshot) -> Judge:
        return self.trust.judge(ledger, signed=self.bus.sign is not None)

    def _decide(
        self,
        name: str,
        verb: str,
        change: Callable[[LedgerSnapshot, MissionFile, str], tuple[Mapping[str, Scalar], str]],
        comment: str,
        by: str,
    ) -> str:
        """Lands one decision; returns who decided."""
        who = ""

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            nonlocal who
            me = (
                Membership(bus=self.bus, reader=self.reader, trust=self.trust)
                .require_member(ledger, "author", "admin")
                .name
            )
            filed = _mission_in_review(ledger, name)
            now = self.bus.now()
            fields, head = change(ledger, filed, me)
            told: dict[str, Scalar] = {"decided_by": me, "decided": format_utc(now), "reason": None}
            section = f"{head} · {now:%Y-%m-%d %H:%M} UTC" + (f"\n\n{comment}" if comment else "")
            text = document.with_fields(
                decode_text(ledger.store.get(filed.blob)), {**CLEARED_DECISION, **told, **fields}
            )
            asked = f"\n\nAsked-By: {by}" if by else ""
            who = me
            data = encode_text(document.append_result(text, section))
            return LedgerChange(files={filed.path: data}, message=f"{verb} {name}{asked}")

        commit_change(self.bus, self.reader, draft)
        return who

    def _finished(self, name: str, decided: DecisionResult) -> DecisionResult:
        """Does what is due at once, where this machine can. A node does it otherwise."""
        ledger = self.ledger()
        filed = ledger.open.get(name)
        how = pending_delivery(ledger.charter, filed.mission) if filed else ""
        if not how or self.cache is None:
            return replace(decided, how=how)
        completion = self._delivery(self.cache)
        try:
            return replace(decided, how=how, then=completion.finish(name))
        except (OrchestratorError, SyncError) as error:
            return replace(decided, how=how, trouble=str(error))

    def deliver(self, name: str) -> DeliveryResult:
        """Pushes the branch of a result that waits, which its node could not push at the time.

        Raises NotFound, AlreadyDone where there is none, Refused with what the server says, and WorkspaceFailed.
        """
        ledger = self.ledger()
        mission = _mission_in_review(ledger, name).mission
        if self.cache is None or not mission.commit:
            raise Refused(f"{name} has no commit that could be pushed; `shiftbook mission diff {name}` shows its diff")
        done = self._delivery(self.cache).deliver(name)
        if done is None:
            raise AlreadyDone(f"the branch {mission.branch} of {name} is on the project's server")
        return done

    def _delivery(self, cache: Path) -> BranchDelivery:
        return BranchDelivery(
            bus=self.bus,
            reader=self.reader,
            trust=self.trust,
            cache=cache,
            sandbox=self.sandbox,
            folders=self.folders,
        )


def _mission_in_review(ledger: LedgerSnapshot, name: str) -> MissionFile:
    """The mission whose result waits. Raises NotFound, AlreadyDone and Refused."""
    filed = ledger.open.get(name)
    if filed is None:
        done = ledger.archived(name)
        if done is None:
            raise NotFound("no mission {!r}", name)
        raise AlreadyDone(_describe_decision(done.mission))
    mission = filed.mission
    if name in ledger.claims:
        raise Refused("{} works on {}: there is no result to decide on yet", ledger.claims[name].claim.node, name)
    if mission.status is Status.REVIEW:
        return filed
    if mission.decision:
        raise AlreadyDone(_describe_decision(mission))
    raise Refused("{} is {}; only a mission that waits in review can be approved or rejected", name, mission.status)


def _describe_decision(mission: Mission) -> str:
    """Who was faster, and what they said."""
    when = f" at {mission.decided:%Y-%m-%d %H:%M} UTC" if mission.decided else ""
    comment = f": {mission.comment}" if mission.comment else ""
    if mission.decision:
        return f"{mission.name} is decided already: {mission.decided_by} {mission.decision} it{when}{comment}"
    return f"{mission.name} is {mission.status} already"


def _require_same_commit(mission: Mission, commit: str) -> None:
    if commit and mission.commit != commit:
        now = (mission.commit or "no commit")[:10]
        raise AlreadyDone("{} has another result by now ({}): look at it first", mission.name, now)


def _require_deliverable(ledger: LedgerSnapshot, mission: Mission, how: str) -> None:
    """Refuses what cannot be done with this branch, before anything is decided."""
    part = ledger.charter.projects.get(mission.about or "")
    wanted = how or (part.on_approval if part else "nothing")
    if wanted == "nothing":
        return
    if part is None:
        raise Refused("{} belongs to no project: there is nothing to {}", mission.name, wanted)
    if not mission.commit and (how or mission.branch):
        raise Refused(
            "{} has no branch on the project's server to {}; --nothing accepts its diff", mission.name, wanted
        )


def _clean_comment(comment: str) -> str:
    """A comment as it may stand in the file: without secrets, and without what only looks like a part of ours."""
    said = redact(comment.replace("\0", "")).text.replace(RESULT_MARK, "").strip()
    if len(said) > MAX_COMMENT_CHARS:
        raise WrongSetting("-m", f"a comment has at most {MAX_COMMENT_CHARS} characters")
    return said
