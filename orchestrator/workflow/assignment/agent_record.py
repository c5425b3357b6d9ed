"""How did each agent do on such missions before?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from missions.mission import Mission, Status
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile

MAX_CACHED = 8
MAX_ARCHIVED_MISSIONS = 200
"""Finished missions, the newest, that are looked at."""
FINAL_STATUSES = (Status.DONE, Status.CANCELLED)
_missions_by_version: dict[tuple[str, str], tuple[Mission, ...]] = {}
"""What was found in one version of the branch: a tree never changes."""


@dataclass(frozen=True, kw_only=True)
class AgentRecord:
    """What became of an agent's attempts, and what the accepted ones cost; `cost_usd` is None where nobody knows."""

    accepted: int = 0
    attempts: int = 0
    cost_usd: float | None = None

    def told(self, agent: str, where: str) -> str:
        """As one clause: `claude: 4 of 5 accepted in shop, $0.31 each`."""
        if not self.attempts:
            return f"{agent}: none yet"
        cost = f", ${self.cost_usd:.2f} each" if self.cost_usd is not None else ""
        return f"{agent}: {self.accepted} of {self.attempts} accepted{f' in {where}' if where else ''}{cost}"


def earlier_missions(ledger: LedgerSnapshot, task: str) -> tuple[Mission, ...]:
    """The missions of one kind that are over or need a person, the finished ones newest first."""
    key = (ledger.tree, task)
    found = _missions_by_version.get(key)
    if found is None:
        found = _missions_by_version[key] = _find_earlier_missions(ledger, task)
        for old in list(_missions_by_version)[:-MAX_CACHED]:
            _missions_by_version.pop(old, None)
    return found


def _find_earlier_missions(ledger: LedgerSnapshot, task: str) -> tuple[Mission, ...]:
    states = [status.value for status in FINAL_STATUSES]
    finished = [
        one.mission
        for one in ledger.every_archived(statuses=states, limit=MAX_ARCHIVED_MISSIONS)
        if isinstance(one, MissionFile)
    ]
    still = [filed.mission for filed in ledger.open.values() if filed.mission.attempt]
    return tuple(each for each in [*finished, *still] if each.task == task)


def agent_record(missions: Iterable[Mission], agent: str, project: str = "") -> AgentRecord:
    """What one agent did; with `project` only there. What a person called off before it began is no attempt."""
    mine = [each for each in missions if each.worker == agent and each.attempt and project in ("", each.about)]
    done = [each for each in mine if each.status is Status.DONE]
    costs = list(_costs(done))
    return AgentRecord(
        accepted=len(done),
        attempts=sum(each.attempt for each in mine),
        cost_usd=round(sum(costs) / len(costs), 4) if costs else None,
    )


def _costs(missions: Iterable[Mission]) -> Iterator[float]:
    yield from (each.cost_usd for each in missions if each.cost_usd is not None)
