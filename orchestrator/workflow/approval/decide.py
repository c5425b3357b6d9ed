"""How does a person decide on a result, once, whoever else is about to, too?

Command line, API and every later screen come through here. The decision is a change of the mission's file on the newest
state of the branch: of two that are made at once one wins, and the other is told who was faster, and what they said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from handoff.secrets.redact import redact
from missions import document
from missions.frontmatter import Scalar
from missions.mission import DELIVERIES, MAX_COMMENT_CHARS, Mission, Status
from orchestrator.core.errors import AlreadyDone, OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.core.time_text import format_utc
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.result_record import decode_text, encode_text
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.policy.one_of_group import others_called_off
from orchestrator.policy.verdict import CLEARED_DECISION, PARTICIPLES, Judge, pending_delivery, waits_in_queue
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from orchestrator.workflow.approval.delivery_words import delivery_plan, merge_later
from orchestrator.workflow.approval.diff_hunks import diff_digest
from orchestrator.workflow.approval.explain import Explanation, explain
from orchestrator.workflow.approval.group_choice import require_first_of_group
from orchestrator.workflow.mission_name import missing_mission
from orchestrator.workflow.queue_hold.withdrawal import withdrawal
from sync.errors import SyncError

RESULT_MARK = document.RESULT_MARK


@dataclass(frozen=True, kw_only=True)
class DecisionResult:
    """One decision. `then` is what was done with the branch at once, if anything was; `trouble` why it waits.

    `note` is what a rejection leads to, and how a branch that an approval left where it is can be merged.
    """

    mission: str
    decision: str
    by: str
    how: str = ""
    then: DeliveryResult | None = None
    trouble: str = ""
    note: str = ""
    cleared: tuple[str, ...] = ()
    """Branches of other attempts that were taken away."""
    queued: bool = False
    """Whether it waits in its project's merge queue."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        done = self.then or DeliveryResult(mission=self.mission)
        facts = {"mission": self.mission, "decision": self.decision, "by": self.by, "on_approval": self.how}
        return facts | {
            "oid": done.oid,
            "refused": done.refused,
            "waits": self.trouble,
            "note": self.note,
            "cleared": list(self.cleared),
            "queued": self.queued,
        }


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

    def approve(
        self,
        name: str,
        *,
        how: str = "",
        comment: str = "",
        commit: str = "",
        digest: str = "",
        blob: str = "",
        by: str = "",
    ) -> DecisionResult:
        """Accepts a result. `how` (merge, push, nothing) goes before what the project says; `commit`, the `digest` of
        its diff, or the `blob` of the mission's file is what was looked at: if that is another one by now, it is
        refused. What was accepted before and left where it is can still be merged or pushed.

        Raises NotFound, Refused, AlreadyDone and WrongSetting. A branch that cannot be merged now stays due.
        """
        if how and how not in DELIVERIES:
            raise WrongSetting("--merge", f"one of {', '.join(DELIVERIES)}, not {{}}", how)
        said = _clean_comment(comment)
        left = how in PARTICIPLES and _left_undelivered(self.ledger(), name) is not None

        def change(ledger: LedgerSnapshot, filed: MissionFile, me: str) -> tuple[Mapping[str, Scalar], str]:
            _require_same_result(ledger, filed, commit, digest, blob)
            _require_deliverable(ledger, filed.mission, how)
            require_first_of_group(ledger, filed.mission, self._judge(ledger).signer)
            return {"status": "done", "decision": "approved", "on_approval": how or None}, f"### Approved by {me}"

        me = self._decide(name, "Approve", change, said, by, find=_undelivered if left else _mission_in_review)
        return self._finished(name, DecisionResult(mission=name, decision="approved", by=me, how=how))

    def require_waiting(self, name: str, *, blob: str = "") -> None:
        """Returns if a result waits, and is what was looked at. Raises as `approve` does."""
        ledger = self.ledger()
        _require_same_result(ledger, _mission_in_review(ledger, name), "", "", blob)

    def reject(
        self, name: str, comment: str, *, commit: str = "", digest: str = "", blob: str = "", by: str = ""
    ) -> DecisionResult:
        """Sends a result back to be done again. The next attempt reads `comment`, which must say something. What was
        approved and still waits in its project's merge queue is taken out of it.

        Raises as `approve` does, AlreadyDone also where a node pushes it at this moment.
        """
        said = _clean_comment(comment)
        if not said:
            raise WrongSetting("-m", "say what is wrong with it: the next attempt reads that")

        note = "the next attempt reads your comment"

        def change(ledger: LedgerSnapshot, filed: MissionFile, me: str) -> tuple[Mapping[str, Scalar], str]:
            nonlocal note
            _require_same_result(ledger, filed, commit, digest, blob)
            self._must_be_trusted(ledger, filed)
            if filed.mission.run:
                edit = f"`shiftbook mission edit {name}` changes it, `shiftbook mission cancel {name}` ends it"
                note = f"the same line runs again, for a command reads no comment: {edit}"
            count = filed.mission.rejections + 1
            fields: dict[str, Scalar] = {"status": "queued", "decision": "rejected", "rejections": count}
            return {**fields, "comment": said, "retry_at": None}, f"### Rejected by {me}"

        me = self._decide(name, "Reject", change, said, by, find=_in_review_or_queued)
        return DecisionResult(mission=name, decision="rejected", by=me, note=note)

    def _must_be_trusted(self, ledger: LedgerSnapshot, filed: MissionFile) -> None:
        """A comment is a person's part of the file: whoever writes it signs all of what is asked for."""
        word = self.trust.authorize(ledger, filed)
        if self.bus.sign is not None and not word.trusted:
            hint = f"read it, then `shiftbook mission trust {filed.mission.name}`"
            raise Refused("{} is not trusted as it is now: {}; {}", filed.path, word.why, hint)

    def delivered(self, name: str) -> DeliveryResult | None:
        """What a node made of an approved branch meanwhile; None while it is still to be done."""
        ledger = self.ledger()
        filed = ledger.open.get(name)
        if filed is None:
            done = ledger.archived(name)
            return DeliveryResult(mission=name, oid=(done.mission.merged or done.mission.commit or "") if done else "")
        if filed.mission.status is Status.REVIEW:
            return DeliveryResult(mission=name, refused=filed.mission.reason or "it waits in review again")
        return None

    def plan(self, name: str, how: str = "") -> str:
        """What an approval would do, before it is said. Raises NotFound, Refused and AlreadyDone, as that does."""
        ledger = self.ledger()
        filed = _undelivered(ledger, name) if how in PARTICIPLES else _mission_in_review(ledger, name)
        return delivery_plan(filed.mission, ledger.charter.projects.get(filed.mission.about or ""), how)

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
        find: Callable[[LedgerSnapshot, str], MissionFile] | None = None,
    ) -> str:
        """Lands one decision on the mission that `find` finds; returns who decided."""
        who = ""

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            nonlocal who
            me = (
                Membership(bus=self.bus, reader=self.reader, trust=self.trust)
                .require_member(ledger, "author", "admin")
                .name
            )
            filed = (find or _mission_in_review)(ledger, name)
            now = self.bus.now()
            fields, head = change(ledger, filed, me)
            before = filed.mission.decided
            when = max(now, before + timedelta(seconds=1)) if before else now  # a second word is told from the first
            told: dict[str, Scalar] = {"decided_by": me, "decided": format_utc(when), "reason": None}
            section = f"{head} · {now:%Y-%m-%d %H:%M} UTC" + (f"\n\n{comment}" if comment else "")
            text = document.with_fields(
                decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES)),
                {**CLEARED_DECISION, **told, **fields},
            )
            asked = f"\n\nAsked-By: {' '.join(by.split())}" if by else ""
            who = me
            data = encode_text(document.append_result(text, section))
            path = f"{MISSIONS}/{name}.md" if filed.path.startswith(ARCHIVE_FOLDER) else filed.path
            files: dict[str, bytes | None] = {filed.path: None, path: data}
            if fields.get("decision") == "approved":
                files |= others_called_off(ledger, filed.mission)
            refs = withdrawal(self.bus, ledger, self.trust, filed.mission)
            return LedgerChange(files=files, message=f"{verb} {name}{asked}", refs=refs)

        commit_change(self.bus, self.reader, draft)
        return who

    def _finished(self, name: str, decided: DecisionResult) -> DecisionResult:
        """Does what is due at once, where this machine can. A node does it otherwise."""
        ledger = self.ledger()
        filed = ledger.open.get(name)
        how = pending_delivery(ledger.charter, filed.mission) if filed else ""
        if not how:
            told = filed or ledger.archived(name)
            part = ledger.charter.projects.get(told.mission.about or "") if told else None
            note = merge_later(told.mission, part) if told else ""
            return replace(decided, how="", note=note, cleared=self._cleared(told))
        if filed and waits_in_queue(ledger.charter, filed.mission):
            return replace(decided, how=how, queued=True)
        if self.cache is None:
            return replace(decided, how=how)
        completion = self._delivery(self.cache)
        try:
            then = completion.finish(name)
            return replace(decided, how=how, then=then, cleared=then.cleared if then else ())
        except (OrchestratorError, SyncError) as error:
            return replace(decided, how=how, trouble=str(error))

    def _cleared(self, filed: MissionFile | None) -> tuple[str, ...]:
        """The branches of a group's other attempts that are taken away where nothing is due, where this machine can."""
        if filed is None or self.cache is None:
            return ()
        with suppress(OrchestratorError, SyncError):  # a branch harms nobody
            return self._delivery(self.cache).clear_others(filed.mission)
        return ()

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
            raise missing_mission(ledger, name)
        raise AlreadyDone(_describe_decision(ledger, done))
    mission = filed.mission
    if name in ledger.claims:
        raise Refused("{} works on {}: there is no result to decide on yet", ledger.claims[name].claim.node, name)
    if mission.status is Status.REVIEW:
        return filed
    if mission.decision:
        raise AlreadyDone(_describe_decision(ledger, filed))
    raise Refused("{} is {}; only a mission that waits in review can be approved or rejected", name, mission.status)


def _in_review_or_queued(ledger: LedgerSnapshot, name: str) -> MissionFile:
    """The same, or one that waits in a merge queue: a person may take their word back. Raises as that does."""
    filed = ledger.open.get(name)
    queued = filed is not None and name not in ledger.claims and waits_in_queue(ledger.charter, filed.mission)
    return filed if filed is not None and queued else _mission_in_review(ledger, name)


def _left_undelivered(ledger: LedgerSnapshot, name: str) -> MissionFile | None:
    """A result that was accepted, and whose branch was left where it is."""
    filed = ledger.open.get(name) or ledger.archived(name)
    if filed is None or name in ledger.claims:
        return None
    mission = filed.mission
    accepted = mission.status is Status.DONE and mission.decision == "approved" and not mission.merged
    delivered = pending_delivery(ledger.charter, mission) or mission.on_approval == "push"
    return filed if accepted and mission.commit and mission.branch and not delivered else None


def _undelivered(ledger: LedgerSnapshot, name: str) -> MissionFile:
    """The same, where somebody else may have been faster. Raises as `_mission_in_review` does."""
    return _left_undelivered(ledger, name) or _mission_in_review(ledger, name)


def _describe_decision(ledger: LedgerSnapshot, filed: MissionFile) -> str:
    """Who was faster, and what they said."""
    mission = filed.mission
    when = f" at {mission.decided:%Y-%m-%d %H:%M} UTC" if mission.decided else ""
    said = decision_comment(decode_text(ledger.store.get(filed.blob, document.MAX_FILE_BYTES)), mission.decision or "")
    comment = f": {said}" if said else ""
    undone = f"; it is merged: `git revert` of {mission.merged[:10]} undoes that" if mission.merged else ""
    if mission.decision:
        return f"{mission.name} is decided already: {mission.decided_by} {mission.decision} it{when}{comment}{undone}"
    return f"{mission.name} is {mission.status} already"


def decision_comment(text: str, decision: str) -> str:
    """What was said with the last decision of this kind, as it stands in the result; the field `comment` is that of
    the last rejection."""
    sections = re.split(r"^### ", text.partition(RESULT_MARK)[2], flags=re.MULTILINE)
    last = next((one for one in reversed(sections) if one.lower().startswith(f"{decision} by ")), "")
    return " ".join(last.partition("\n")[2].split())


def _require_same_result(ledger: LedgerSnapshot, filed: MissionFile, commit: str, digest: str, blob: str) -> None:
    """Refuses a word on another result than was looked at."""
    mission = filed.mission
    stands = mission.commit or ""
    another = bool(digest) and diff_digest(ledger.attempt_text(mission, "diff"), stands) != digest
    if another or (commit and commit != stands):
        now = (mission.commit or "no commit")[:10]
        raise AlreadyDone("{} has another result by now ({}): look at it first", mission.name, now)
    if blob and blob != filed.blob:
        raise AlreadyDone("{} has changed since it was shown: look at it first", mission.name)


def _require_deliverable(ledger: LedgerSnapshot, mission: Mission, how: str) -> None:
    """Refuses what cannot be done with this branch, before anything is decided."""
    part = ledger.charter.projects.get(mission.about or "")
    wanted = how or (part.on_approval if part else "nothing")
    if wanted == "nothing":
        return
    if part is None:
        raise Refused("{} belongs to no project: there is nothing to {}", mission.name, wanted)
    if wanted == "pull_request" and not part.forge:
        raise Refused(
            "no forge is known of {}: `shiftbook project edit {} --forge github` says which",
            mission.about,
            mission.about,
        )
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
