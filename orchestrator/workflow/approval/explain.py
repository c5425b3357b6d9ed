"""Why is a mission where it is: which rules fired, whose word counted, and what is known of its agent?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from missions.agent_trust import Standing
from missions.approval import Fired
from missions.mission import OPEN, Mission, Status
from missions.selection import waits_for
from orchestrator.core.errors import NotFound
from orchestrator.ledger.snapshot import Filed, Ledger
from orchestrator.policy.authorization import Trust
from orchestrator.policy.verdict import PARTICIPLES, Judge, awaits


@dataclass(frozen=True, kw_only=True)
class Why:
    """A mission's state, each rule that was asked, and the standing of its agent with this kind of work."""

    mission: str
    status: str
    rules: tuple[Fired, ...]
    standing: Standing | None = None
    tools: tuple[str, ...] | None = None
    """What the agent may use there; None where the rules name nothing."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def why(ledger: Ledger, trust: Trust, judge: Judge, name: str, now: datetime) -> Why:
    """Everything that was asked about one mission. Raises NotFound."""
    bad = next((one for one in ledger.quarantined if one.name == name), None)
    if bad is not None:
        line = f", line {bad.line}" if bad.line else ""
        fired = Fired(rule="reading", passed=False, says=f"{bad.path}{line}: {bad.reason}")
        return Why(mission=name, status=Status.QUARANTINED.value, rules=(fired,))
    filed = ledger.open.get(name) or ledger.archived(name)
    if filed is None:
        raise NotFound(f"no mission {name!r}")
    rules = (*_before(ledger, trust, filed, now), *_judged(judge, filed.mission), *_after(ledger, filed))
    if not filed.mission.about:
        return Why(mission=name, status=filed.mission.status.value, rules=rules)
    standing = judge.standing(filed.mission)
    tools = judge.rules(filed.mission).allowed(standing.tier)
    return Why(mission=name, status=filed.mission.status.value, rules=rules, standing=standing, tools=tools)


def _before(ledger: Ledger, trust: Trust, filed: Filed, now: datetime) -> Iterator[Fired]:
    """Whether it may run, and what it waits for."""
    mission = filed.mission
    if mission.name not in ledger.open:
        return
    word = trust.word(ledger, filed)
    yield Fired(rule="trust", passed=word.trusted, says=word.why)
    if mission.status in OPEN and mission.name not in ledger.claims:
        finished = ledger.finished(mission.depends_on)
        known = {*ledger.open, *(bad.name for bad in ledger.quarantined), *finished}
        waits = waits_for(mission, finished, known, now)
        yield Fired(rule="queue", passed=not waits, says=waits or "any node that can do it may take it")
    if mission.status is Status.PARKED:
        yield Fired(rule="parked", passed=False, says=mission.reason or "a person has to look at it")


def _judged(judge: Judge, mission: Mission) -> Iterator[Fired]:
    """What the policy said of the last result, as it is kept beside it."""
    verdict = judge.verdict(mission)
    for rule in verdict["rules"] if verdict else ():
        fired = _fired(rule)
        if fired is not None:
            yield fired


def _fired(rule: object) -> Fired | None:
    """One rule of a verdict's file, which a hostile node may have written."""
    if not isinstance(rule, Mapping):
        return None
    name, says = (str(rule.get(key, ""))[:2000] for key in ("rule", "says"))
    return Fired(rule=_line(name), passed=rule.get("passed") is True, says=_line(says))


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _after(ledger: Ledger, filed: Filed) -> Iterator[Fired]:
    """What was decided, and what became of that."""
    mission = filed.mission
    if mission.decision:
        when = f" at {mission.decided:%Y-%m-%d %H:%M} UTC" if mission.decided else ""
        comment = f": {_line(mission.comment)}" if mission.comment else ""
        approved = mission.decision == "approved"
        said = f"{mission.decided_by} {mission.decision} it{when}{comment}"
        yield Fired(rule="decision", passed=approved, says=said)
    how = awaits(ledger.charter, mission) if mission.name in ledger.open else ""
    if how:
        yield Fired(rule="on_approval", passed=False, says=f"its branch has still to be {PARTICIPLES[how]}")
    elif mission.merged:
        yield Fired(rule="on_approval", passed=True, says=f"merged as {mission.merged[:10]}")
    elif mission.status is Status.REVIEW and mission.reason:
        yield Fired(rule="review", passed=False, says=_line(mission.reason))
