"""An explanation of where a mission is: which rules fired, whose word counted, what is known of its agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from missions.agent_trust import TrustScore
from missions.approval import RuleResult
from missions.mission import OPEN, Mission, Status
from missions.one_line import printable
from missions.selection import blocked_reason
from orchestrator.ledger.node_pages import no_room_reason
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.authorization import Trust
from orchestrator.policy.verdict import PARTICIPLES, Judge, pending_delivery
from orchestrator.workflow.assignment.unserved import UnservedMissions
from orchestrator.workflow.mission_name import missing_mission


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A mission's state, each rule that was asked, and the standing of its agent with this kind of work."""

    mission: str
    status: str
    rules: tuple[RuleResult, ...]
    standing: TrustScore | None = None
    tools: tuple[str, ...] | None = None
    """What the agent may use there; None where the rules name nothing."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def explain(ledger: LedgerSnapshot, trust: Trust, judge: Judge, name: str, now: datetime) -> Explanation:
    """Everything that was asked about one mission. Raises NotFound."""
    bad = next((one for one in ledger.quarantined if one.name == name), None)
    if bad is not None:
        line = f", line {bad.line}" if bad.line else ""
        fired = RuleResult(rule="reading", passed=False, says=f"{bad.path}{line}: {bad.reason}")
        return Explanation(mission=name, status=Status.QUARANTINED.value, rules=(fired,))
    filed = ledger.open.get(name) or ledger.archived(name)
    if filed is None:
        raise missing_mission(ledger, name)
    rules = (
        *_queue_rules(ledger, trust, filed, now),
        *_policy_rules(judge, filed.mission),
        *_decision_rules(ledger, filed),
    )
    if not filed.mission.about:
        return Explanation(mission=name, status=filed.mission.status.value, rules=rules)
    standing = judge.standing(filed.mission)
    tools = judge.rules(filed.mission).allowed(standing.tier)
    return Explanation(mission=name, status=filed.mission.status.value, rules=rules, standing=standing, tools=tools)


def _queue_rules(ledger: LedgerSnapshot, trust: Trust, filed: MissionFile, now: datetime) -> Iterator[RuleResult]:
    """Whether it may run, and what it waits for."""
    mission = filed.mission
    if mission.name not in ledger.open:
        return
    word = trust.authorize(ledger, filed)
    yield RuleResult(rule="trust", passed=word.trusted, says=word.why)
    if mission.status in OPEN and mission.name not in ledger.claims:
        finished = ledger.finished(mission.depends_on)
        known = {*ledger.open, *(bad.name for bad in ledger.quarantined), *finished}
        unserved = UnservedMissions(ledger)
        waits = blocked_reason(mission, finished, known, now) or unserved.reason(mission) or no_room_reason(ledger)
        waits = waits or unserved.resting_reason(mission, now)
        yield RuleResult(rule="queue", passed=not waits, says=waits or "any node that can do it may take it")
    if mission.status is Status.PARKED:
        yield RuleResult(rule="parked", passed=False, says=mission.reason or "a person has to look at it")


def _policy_rules(judge: Judge, mission: Mission) -> Iterator[RuleResult]:
    """What the policy said of the last result, as it is kept beside it."""
    verdict = judge.verdict(mission)
    for rule in verdict["rules"] if verdict else ():
        fired = _parse_rule(rule)
        if fired is not None:
            yield fired


def _parse_rule(rule: object) -> RuleResult | None:
    """One rule of a verdict's file, which a hostile node may have written."""
    if not isinstance(rule, Mapping):
        return None
    name, says = (str(rule.get(key, ""))[:2000] for key in ("rule", "says"))
    return RuleResult(rule=printable(name), passed=rule.get("passed") is True, says=printable(says))


def _decision_rules(ledger: LedgerSnapshot, filed: MissionFile) -> Iterator[RuleResult]:
    """What was decided, and what became of that."""
    mission = filed.mission
    if mission.decision:
        when = f" at {mission.decided:%Y-%m-%d %H:%M} UTC" if mission.decided else ""
        comment = f": {printable(mission.comment)}" if mission.comment else ""
        approved = mission.decision == "approved"
        said = f"{mission.decided_by} {mission.decision} it{when}{comment}"
        yield RuleResult(rule="decision", passed=approved, says=said)
    how = pending_delivery(ledger.charter, mission) if mission.name in ledger.open else ""
    if how:
        yield RuleResult(rule="on_approval", passed=False, says=f"its branch has still to be {PARTICIPLES[how]}")
    elif mission.merged:
        yield RuleResult(rule="on_approval", passed=True, says=f"merged as {mission.merged[:10]}")
    elif mission.status is Status.REVIEW and mission.reason:
        yield RuleResult(rule="review", passed=False, says=printable(mission.reason))
