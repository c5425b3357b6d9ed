"""A comparison of several attempts at one thing: what did each change, did its tests pass, what did it cost?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from missions.mission import Status
from missions.side_by_side.split import attempt_number
from orchestrator.core.errors import NotFound
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.policy.authorization import Trust
from orchestrator.policy.one_of_group import group_attempts
from orchestrator.policy.verdict import Judge
from orchestrator.workflow.approval.diff_view import parse_diff

WORKING = frozenset({"queued", "running", "failed"})
"""States in which an attempt has no result yet, and still may have one."""


@dataclass(frozen=True, kw_only=True)
class ComparedAttempt:
    """One of them. `tested` is whether the project's tests passed; None where none were run, or nobody knows."""

    number: int
    name: str
    agent: str
    node: str
    status: str
    reason: str
    tested: bool | None
    cost_usd: float | None
    seconds: float | None
    files: tuple[str, ...]
    added: int
    removed: int
    diff: str
    commit: str

    @property
    def works(self) -> bool:
        """Whether it may still have a result."""
        return self.status in WORKING

    @property
    def lines(self) -> int:
        """How many lines it changes."""
        return self.added + self.removed

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return vars(self) | {"files": list(self.files)}


def compare_attempts(ledger: LedgerSnapshot, trust: Trust, group: str) -> tuple[ComparedAttempt, ...]:
    """A group's attempts by their numbers. Raises NotFound where there is no such group."""
    found = {name: filed for name, filed in group_attempts(ledger, group).items() if _counts(ledger, trust, filed)}
    if not found:
        raise NotFound("no attempts of {!r}: file several with `shiftbook mission new --attempts 3`", group)
    judge = trust.judge(ledger, signed=True)
    rows = (_compared(ledger, judge, group, filed) for filed in found.values())
    return tuple(sorted(rows, key=lambda each: each.number))


def attempts_json(ledger: LedgerSnapshot, trust: Trust, name: str) -> dict[str, Any]:
    """The same as plain data, by the group's name or that of one of its attempts. Raises NotFound."""
    filed = ledger.open.get(name) or ledger.archived(name)
    group = (filed.mission.group if filed else None) or name
    return {"group": group, "attempts": [each.json() for each in compare_attempts(ledger, trust, group)]}


def _counts(ledger: LedgerSnapshot, trust: Trust, filed: MissionFile) -> bool:
    """Whether it is one that runs: anybody who may push can write a file that says it is of a group."""
    return filed.mission.name not in ledger.open or trust.authorize(ledger, filed).trusted


def _compared(ledger: LedgerSnapshot, judge: Judge, group: str, filed: MissionFile) -> ComparedAttempt:
    mission, held = filed.mission, ledger.claims.get(filed.mission.name)
    diff = ledger.attempt_text(mission, "diff")
    changed = parse_diff(diff) if diff else []
    facts: Mapping[str, Any] = (judge.verdict(mission) or {}).get("facts") or {}
    tested = facts.get("tested")
    took = (mission.finished - mission.started).total_seconds() if mission.finished and mission.started else None
    return ComparedAttempt(
        number=attempt_number(group, mission.name),
        name=mission.name,
        agent=mission.worker,
        node=(held.claim.node if held else mission.node) or "",
        status=(Status.RUNNING if held else mission.status).value,
        reason=mission.reason or "",
        tested=tested if isinstance(tested, bool) else None,
        cost_usd=mission.cost_usd,
        seconds=took,
        files=tuple(each.path for each in changed),
        added=sum(each.added for each in changed),
        removed=sum(each.removed for each in changed),
        diff=diff,
        commit=mission.commit or "",
    )
