"""The verdict on a result by the rules at the branch's tip, and on a file that a person marked done by hand.

A function of the branch and the record alone, so that every node that folds says the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from missions.agent_trust import TrustScore
from missions.approval import ApprovalRules, ApprovalVerdict, ChangeFacts, decide
from missions.frontmatter import Scalar
from missions.lease import Claim, ClaimState
from missions.mission import BY_POLICY, Mission, Status
from missions.plain_data import read_json
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.agent_history import AgentHistory
from orchestrator.policy.decision_evidence import FindSigner, find_decision
from orchestrator.policy.one_of_group import accepted_attempt

VERDICT_ENDING = "verdict.json"
"""How the file ends that keeps a verdict beside its attempt's diff."""
PARTICIPLES = {"merge": "merged", "push": "pushed", "pull_request": "merged on its forge"}
MAX_REASON_CHARS = 1000
"""Characters of a reason in the front matter; the verdict's file has all of it."""
CLEARED_RESULT: Mapping[str, Scalar] = dict.fromkeys(
    ("reason", "commit", "decision", "decided_by", "decided", "on_approval", "merged")
)
"""The fields that are about one result, empty again for the next one."""
CLEARED_DECISION: Mapping[str, Scalar] = dict.fromkeys(("decision", "decided_by", "decided", "on_approval"))
BACK_TO_REVIEW: Mapping[str, Scalar] = {**CLEARED_DECISION, "status": Status.REVIEW.value}
"""What a decision that does not count leaves behind."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """A verdict with all that it rests on."""

    verdict: ApprovalVerdict
    facts: ChangeFacts
    standing: TrustScore
    on_approval: str

    def onto(self, mission: Mission, record: ResultRecord) -> Mission:
        """The mission with the branch that it would hand over."""
        branch = record.fields.get("branch")
        return replace(
            mission,
            commit=self.facts.commit,
            branch=branch if isinstance(branch, str) else None,
            on_approval=None,
            merged=None,
        )

    def print(self) -> bytes:
        """The verdict's file: sorted JSON."""
        told = {**asdict(self.verdict), "facts": asdict(self.facts), "standing": asdict(self.standing)}
        told |= {"on_approval": self.on_approval}
        return (json.dumps(told, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")

    def fields(self, finished: str) -> dict[str, Scalar]:
        """What it writes into the mission's front matter."""
        commit: dict[str, Scalar] = {**CLEARED_RESULT, "commit": self.facts.commit}
        if self.verdict.held:
            return commit | {"reason": self.verdict.reason[:MAX_REASON_CHARS]}
        return commit | {"decision": "approved", "decided_by": BY_POLICY, "decided": finished}


def read_verdict(data: bytes | None) -> Mapping[str, Any] | None:
    """A verdict's file as plain data; None for what is none."""
    try:
        found = read_json(data or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("rules"), list) else None


def pending_delivery(charter: FleetConfig, mission: Mission) -> str:
    """What has still to be done with the branch of an approved mission: merge, push or pull_request; empty if nothing.

    One that has a pull request goes on with it, unless whoever approved the newest result says something else.
    """
    if mission.status is not Status.DONE or not mission.commit or mission.merged:
        return ""
    project = charter.projects.get(mission.about or "")
    own = mission.on_approval if mission.decision else None  # without a decision it is nobody's word
    begun = "pull_request" if mission.pull_state in {"open", "changing"} else ""
    wanted = (own or begun or project.on_approval) if project else ""
    if wanted == "pull_request" and mission.pull_state in {"merged", "closed"}:
        return ""
    return wanted if wanted in PARTICIPLES else ""


def waits_in_queue(charter: FleetConfig, mission: Mission) -> bool:
    """Whether an approved mission's branch gets into the default branch by the project's merge queue."""
    project = charter.projects.get(mission.about or "")
    return project is not None and project.merge_queue and pending_delivery(charter, mission) == "merge"


def changes_project(mission: Mission, record: ResultRecord) -> bool:
    """Whether a result is one that policy is asked about: it changes files of a project, or may."""
    touched = record.facts.files or record.fields.get("branch") or record.artifacts.get("diff")
    return mission.about is not None and bool(touched)


def with_ruling(record: ResultRecord, claim: Claim, new: Mission, ruling: Ruling | None) -> ResultRecord:
    """The record with the fields that a fold adds to what its node brought.

    A result says everything about itself anew. A failure keeps what was said of the one before: the next attempt has
    to read it, too.
    """
    if claim.state not in {ClaimState.DONE, ClaimState.CANCELLED}:
        return record
    said = ruling.fields(record.finished) if ruling else {**CLEARED_RESULT, "reason": new.reason}
    if new.status is Status.CANCELLED:
        said = {**CLEARED_RESULT, "commit": new.commit}
    return replace(record, fields={**record.fields, **said})


def _no_doubt(filed: MissionFile) -> str:
    return ""


def _decision_subject(mission: Mission) -> tuple[object, ...]:
    """What a decision is about, and what it does."""
    return mission.commit, mission.branch, mission.about, mission.attempt, mission.on_approval


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges results on one ledger. Without a `signer` whoever writes is believed.

    `doubt` says why a mission's file is not trusted as it is now; empty: it is.
    """

    ledger: LedgerSnapshot
    signer: FindSigner | None = None
    doubt: Callable[[MissionFile], str] = _no_doubt
    past: AgentHistory = field(default_factory=AgentHistory)

    def ruling(self, mission: Mission, record: ResultRecord, filed: MissionFile | None) -> Ruling | None:
        """What becomes of a result; None where policy is not asked. `filed` is the mission's file by now."""
        about, worker = (record.fields.get(key) for key in ("matched_project", "chosen_agent"))
        mission = replace(mission, matched_project=about if isinstance(about, str) else mission.matched_project)
        mission = replace(mission, chosen_agent=worker if isinstance(worker, str) else mission.chosen_agent)
        if not changes_project(mission, record):
            return None
        # What its node could not push is looked at by a person: it may never get there.
        pushed = record.fields.get("branch") is not None
        judged = record.facts if pushed else replace(record.facts, commit=None, base=None)
        return replace(self.judge(mission, judged, filed), facts=record.facts)

    def judge(self, mission: Mission, facts: ChangeFacts, filed: MissionFile | None) -> Ruling:
        """The same for facts, wherever they are from."""
        rules = self.rules(mission)
        doubt = self.doubt(filed) if filed and not filed.path.startswith(ARCHIVE_FOLDER) else ""
        if not doubt and mission.project is None:
            doubt = f"no person named its project; a node took it to be {mission.about}"
        if filed is not None and filed.mission.status is Status.REVIEW:
            doubt = doubt or "its file says that it waits in review"
        needed = rules.auto is not None and not mission.always_waits and not doubt
        standing = self.standing(mission) if needed else TrustScore()
        verdict = decide(
            rules,
            facts,
            standing,
            approve=mission.approve,
            group=mission.group or "",
            doubt=doubt,
            scope=mission.scope,
        )
        return Ruling(verdict=verdict, facts=facts, standing=standing, on_approval=rules.on_approval)

    def rules(self, mission: Mission) -> ApprovalRules:
        """What holds for this mission."""
        return self.ledger.charter.rules(mission.about, mission.task)

    def standing(self, mission: Mission) -> TrustScore:
        """Where this mission's agent stands."""
        kind = (mission.about or "", mission.task, mission.worker)
        return self.past.standing(self.ledger, self.signer, kind, self.rules(mission).scale)

    def tools(self, mission: Mission) -> tuple[str, ...] | None:
        """What this mission's agent may use; None where the rules do not say."""
        rules = self.rules(mission)
        return rules.allowed(self.standing(mission).tier) if rules.tools else None

    def settled(self, filed: MissionFile) -> dict[str, Scalar]:
        """What is added to a file that somebody marked done: who did. With a `status`, it does not count.

        Only a result that changes a project takes a person's word. Of several attempts one counts.
        """
        mission = filed.mission
        if mission.status is Status.DONE and (other := accepted_attempt(self.ledger, mission, self.signer)):
            return {**BACK_TO_REVIEW, "reason": f"{other} was accepted, and {mission.group} has one result"}
        if mission.status is not Status.DONE or not mission.commit:
            return {}
        if mission.decided_by == BY_POLICY:
            why = "no node's fold says that policy let it pass"
            return {} if self.by_policy(filed) else {**BACK_TO_REVIEW, "reason": why}
        said = find_decision(self.ledger, filed.path, self.signer)
        if said is None or not said.by or said.mission.status is not Status.DONE:
            return {**BACK_TO_REVIEW, "reason": "it was marked done by nobody who may decide that"}
        if _decision_subject(said.mission) != _decision_subject(mission):
            return {**BACK_TO_REVIEW, "reason": f"what {said.by} approved was changed in the file afterwards"}
        when = mission.decided or datetime.fromtimestamp(said.committed, UTC)
        fields = {"decision": "approved", "decided_by": said.by, "decided": format_utc(when)}
        return {**fields, "reason": None}

    def by_policy(self, filed: MissionFile) -> bool:
        """Whether a node's fold says that policy decided: a stranger may write that, too."""
        said = find_decision(self.ledger, filed.path, self.signer)
        return said is not None and said.folded and _decision_subject(said.mission) == _decision_subject(filed.mission)

    def verdict(self, mission: Mission) -> Mapping[str, Any] | None:
        """What was said of the last attempt, as it is kept; None where policy was not asked."""
        kept = self.ledger.attempt_file(mission, mission.attempt, VERDICT_ENDING)
        return read_verdict(kept.encode() or None)
