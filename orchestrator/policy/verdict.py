"""What becomes of a result by the rules at the branch's tip, and of a file that a person marked done by hand?

A function of the branch and the record alone, so that every node that folds says the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from missions.agent_trust import Standing
from missions.approval import Facts, Rules, Verdict, decide
from missions.frontmatter import Scalar
from missions.lease import Claim, Hold
from missions.mission import Mission, Status
from orchestrator.ledger.archive import ARCHIVE
from orchestrator.ledger.config.fleet_toml import Charter
from orchestrator.ledger.result_record import Record
from orchestrator.ledger.snapshot import MISSIONS, Filed, Ledger
from orchestrator.policy.agent_history import Past
from orchestrator.policy.decision_evidence import Signer, decision

POLICY = "policy"
"""Who decided, where nobody had to."""
ENDING = "verdict.json"
"""How the file ends that keeps a verdict beside its attempt's diff."""
PARTICIPLES = {"merge": "merged", "push": "pushed"}
REASON = 1000
"""Characters of a reason in the front matter; the verdict's file has all of it."""
ANEW: Mapping[str, Scalar] = dict.fromkeys(
    ("reason", "commit", "decision", "decided_by", "decided", "on_approval", "merged")
)
"""The fields that are about one result, empty again for the next one."""
UNDECIDED: Mapping[str, Scalar] = dict.fromkeys(("decision", "decided_by", "decided", "on_approval"))
BACK: Mapping[str, Scalar] = {**UNDECIDED, "status": Status.REVIEW.value}
"""What a decision that does not count leaves behind."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """A verdict with all that it rests on."""

    verdict: Verdict
    facts: Facts
    standing: Standing
    on_approval: str

    def onto(self, mission: Mission, record: Record) -> Mission:
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
        commit: dict[str, Scalar] = {**ANEW, "commit": self.facts.commit}
        if self.verdict.held:
            return commit | {"reason": self.verdict.reason[:REASON]}
        return commit | {"decision": "approved", "decided_by": POLICY, "decided": finished}


def read_verdict(data: bytes | None) -> Mapping[str, Any] | None:
    """A verdict's file as plain data; None for what is none."""
    try:
        found = json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("rules"), list) else None


def awaits(charter: Charter, mission: Mission) -> str:
    """What has still to be done with the branch of an approved mission, merge or push; empty if nothing."""
    if mission.status is not Status.DONE or not (mission.commit and mission.branch) or mission.merged:
        return ""
    project = charter.projects.get(mission.about or "")
    own = mission.on_approval if mission.decision else None  # without a decision it is nobody's word
    wanted = (own or project.on_approval) if project else ""
    return wanted if wanted in {"merge", "push"} else ""


def changes_project(mission: Mission, record: Record) -> bool:
    """Whether a result is one that policy is asked about: it changes files of a project, or may."""
    touched = record.facts.files or record.fields.get("branch") or record.artifacts.get("diff")
    return mission.about is not None and bool(touched)


def told(record: Record, claim: Claim, new: Mission, ruling: Ruling | None) -> Record:
    """The record with the fields that a fold adds to what its node brought.

    A result says everything about itself anew. A failure keeps what was said of the one before: the next attempt has
    to read it, too.
    """
    if claim.state not in {Hold.DONE, Hold.CANCELLED}:
        return record
    said = ruling.fields(record.finished) if ruling else {**ANEW, "reason": new.reason}
    if new.status is Status.CANCELLED:
        said = {**ANEW, "commit": new.commit}
    return replace(record, fields={**record.fields, **said})


def _believed(filed: Filed) -> str:
    return ""


def _subject(mission: Mission) -> tuple[object, ...]:
    """What a decision is about, and what it does."""
    return mission.commit, mission.branch, mission.about, mission.attempt, mission.on_approval


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges results on one ledger. Without a `signer` whoever writes is believed.

    `doubt` says why a mission's file is not trusted as it is now; empty: it is.
    """

    ledger: Ledger
    signer: Signer | None = None
    doubt: Callable[[Filed], str] = _believed
    past: Past = field(default_factory=Past)

    def ruling(self, mission: Mission, record: Record, filed: Filed | None) -> Ruling | None:
        """What becomes of a result; None where policy is not asked. `filed` is the mission's file by now."""
        about, worker = (record.fields.get(key) for key in ("matched_project", "chosen_agent"))
        mission = replace(mission, matched_project=about if isinstance(about, str) else mission.matched_project)
        mission = replace(mission, chosen_agent=worker if isinstance(worker, str) else mission.chosen_agent)
        if not changes_project(mission, record):
            return None
        return self.judge(mission, record.facts, filed)

    def judge(self, mission: Mission, facts: Facts, filed: Filed | None) -> Ruling:
        """The same for facts, wherever they are from."""
        rules = self.rules(mission)
        doubt = self.doubt(filed) if filed and not filed.path.startswith(ARCHIVE) else ""
        if not doubt and mission.project is None:
            doubt = f"no person named its project; a node took it to be {mission.about}"
        if filed is not None and filed.mission.status is Status.REVIEW:
            doubt = doubt or "its file says that it waits in review"
        needed = rules.auto is not None and mission.approve != "always" and not doubt
        standing = self.standing(mission) if needed else Standing()
        verdict = decide(rules, facts, standing, approve=mission.approve, doubt=doubt, scope=mission.scope)
        return Ruling(verdict=verdict, facts=facts, standing=standing, on_approval=rules.on_approval)

    def rules(self, mission: Mission) -> Rules:
        """What holds for this mission."""
        return self.ledger.charter.rules(mission.about, mission.task)

    def standing(self, mission: Mission) -> Standing:
        """Where this mission's agent stands."""
        kind = (mission.about or "", mission.task, mission.worker)
        return self.past.standing(self.ledger, self.signer, kind, self.rules(mission).scale)

    def tools(self, mission: Mission) -> tuple[str, ...] | None:
        """What this mission's agent may use; None where the rules do not say."""
        rules = self.rules(mission)
        return rules.allowed(self.standing(mission).tier) if rules.tools else None

    def settled(self, filed: Filed) -> dict[str, Scalar]:
        """What is added to a file that somebody marked done: who did. With a `status`, it does not count.

        Only a result that changes a project takes a person's word.
        """
        mission = filed.mission
        if mission.status is not Status.DONE or not mission.commit:
            return {}
        if mission.decided_by == POLICY:
            why = "no node's fold says that policy let it pass"
            return {} if self.by_policy(filed) else {**BACK, "reason": why}
        said = decision(self.ledger, filed.path, self.signer)
        if said is None or not said.by or said.mission.status is not Status.DONE:
            return {**BACK, "reason": "it was marked done by nobody who may decide that"}
        if _subject(said.mission) != _subject(mission):
            return {**BACK, "reason": f"what {said.by} approved was changed in the file afterwards"}
        when = mission.decided or datetime.fromtimestamp(said.committed, UTC)
        fields = {"decision": "approved", "decided_by": said.by, "decided": f"{when:%Y-%m-%dT%H:%M:%SZ}"}
        return {**fields, "reason": None}

    def by_policy(self, filed: Filed) -> bool:
        """Whether a node's fold says that policy decided: a stranger may write that, too."""
        said = decision(self.ledger, filed.path, self.signer)
        return said is not None and said.folded and _subject(said.mission) == _subject(filed.mission)

    def verdict(self, mission: Mission) -> Mapping[str, Any] | None:
        """What was said of the last attempt, as it is kept; None where policy was not asked."""
        month = f"{mission.finished:%Y-%m}" if mission.finished else ""
        path = f"{MISSIONS}/archive/{month}/{mission.name}.{mission.attempt}.{ENDING}"
        return read_verdict(self.ledger.read(path))
